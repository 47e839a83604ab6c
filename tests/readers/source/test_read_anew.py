"""What changed on disk is read anew, and what one opening kept goes with it."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

import ziggurat


def test_what_grows_is_never_cached(rng: np.random.Generator) -> None:
    sink = ziggurat.new()
    sink.addTile(np.full((64, 64, 3), 7, np.uint8), 0, 0)
    with ziggurat.open(sink.path) as source:
        assert source[0, 0].tolist() == [7, 7, 7]
        sink.addTile(np.full((64, 64, 3), 9, np.uint8), 0, 0)
        assert source[0, 0].tolist() == [9, 9, 9]
        assert sink[0, 0].tolist() == [9, 9, 9]


def mean(path: Path, frame: int = 0) -> Any:
    with ziggurat.open(path) as source:
        return source.getRegion(format="numpy", frame=frame)[0].mean()


def test_a_zarr_folder_that_was_rewritten_in_place_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "plain.zarr"
    array = zarr.create_array(str(path), shape=(300, 300), chunks=(128, 128), dtype="uint8")
    for value in (10, 77):  # the metadata stays the same, byte for byte
        array[:] = value
        assert mean(path) == value


def test_a_raster_whose_parts_were_rewritten_is_read_anew(tmp_path: Path) -> None:
    part, whole = tmp_path / "part.tif", tmp_path / "whole.vrt"
    for value in (3, 8):
        tifffile.imwrite(part, np.full((300, 300), value, np.uint8))
        if not whole.exists():
            whole.write_text(
                '<VRTDataset rasterXSize="300" rasterYSize="300"><VRTRasterBand dataType="Byte" '
                'band="1"><SimpleSource><SourceFilename relativeToVRT="1">part.tif'
                "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
                "</VRTDataset>"
            )
        assert mean(whole) == value


def test_an_image_of_several_files_is_read_anew_when_another_one_was_rewritten(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / f"z{number}.ome.tif" for number in range(2)]
    names = [f"urn:uuid:00000000-0000-4000-8000-00000000000{number}" for number in range(2)]
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{paths[z].name}">{names[z]}</UUID></TiffData>'
        for z in range(2)
    )

    def write(z: Any, value: Any) -> None:
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{names[z]}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
            'SizeX="64" SizeY="64" SizeZ="2" SizeC="1" SizeT="1">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        pixels = np.full((64, 64), value, np.uint8)
        tifffile.imwrite(paths[z], pixels, description=xml, metadata=None)

    write(0, 1), write(1, 2)
    assert [mean(paths[0], z) for z in range(2)] == [1, 2]
    write(1, 9)
    assert [mean(paths[0], z) for z in range(2)] == [1, 9]


def test_what_is_cached_for_one_opening_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "plain.zarr"
    zarr.create_array(str(path), shape=(300, 300), chunks=(128, 128), dtype="uint8")[:] = 1
    ziggurat.cachesClear()

    def used() -> Any:
        return ziggurat.cachesInfo()["tileCache"]["used"]

    source = ziggurat.open(path)
    source.getRegion(format="numpy")
    assert used() >= 300 * 300
    source.close()
    assert used() == 0
    ziggurat.open(path).getRegion(format="numpy")  # nobody closes it
    gc.collect()
    assert used() == 0
