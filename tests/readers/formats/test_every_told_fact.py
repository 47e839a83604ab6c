"""Every fact that a file of each family tells, none like another, against what was put in it.

Widths are unlike heights, columns lie nearer to each other than rows, channels have names and
colours of their own and numbers with gaps: a fact that is taken for another one shows.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
import zarr
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

import ziggurat
from tests.czi_files import Block, make_czi
from tests.dicom_files import make_dicom
from tests.microscope_files import make_lif, make_nd2
from tests.readers.formats.dicom.slides import raw
from tests.readers.formats.told import Array, check

Make = Callable[..., Path]
RNG = np.random.default_rng(41)
# two channels, three depths; what is stored at half of the size is no mean of it
STACK, SMALL = (RNG.integers(1, 4096, (2, 3, *size), np.uint16) for size in ((50, 80), (25, 40)))
COLORS, FEW = (RNG.integers(1, 255, (*size, 3), np.uint8) for size in ((96, 160), (24, 40)))


def frames(stack: Array) -> Array:
    return stack.reshape(-1, *stack.shape[-2:], 1)


def by_depth(stack: Array) -> Array:
    """Return the same where the channel is the axis that changes fastest."""
    return frames(stack.swapaxes(0, 1))


def test_czi(tmp_path: Path) -> None:
    blocks = []
    for factor, stack in ((1, STACK), (2, SMALL)):
        for c, z in np.ndindex(2, 3):
            pixels = stack[c, z].astype(np.uint8) if c else stack[c, z]
            blocks.append(
                Block(-30, -7, pixels, factor, position={"C": (0, 2)[c], "Z": (1, 2, 5)[z]})
            )
    label = make_czi(tmp_path / "label.czi", [Block(0, 0, FEW)]).read_bytes()
    path = make_czi(tmp_path / "a.czi", blocks, attachments={"Label": ("CZI", label)})
    planes = [frames(stack).copy() for stack in (STACK, SMALL)]
    for stored in planes:
        stored[3:] &= 255  # the channel of 8 bits
    check(path, planes, {
        "format": "czi", "levels": [(80, 50, 80, 50), (40, 25, 40, 25)], "bands": 1, "served": 1,
        "tile": (256, 256),
        "dtype": "uint16", "interpretation": "gray", "background": (0.0,),
        "axes": [("c", 2, None, None), ("z", 3, (3, 6, 15), "µm")],
        "channels": [("Cy5", "#c08040", None), ("FITC", "#30e060", (16383.75, 49151.25))],
        "mm_x": 5e-4, "mm_y": 7.5e-4, "magnification": 40, "beside": {"label": FEW},
    })  # fmt: skip


def test_lif(tmp_path: Path) -> None:
    other = RNG.integers(0, 4096, STACK.shape, np.uint16)
    images = {"b": (STACK, "CZYX"), "small": (FEW, "YXS"), "a": (other, "CZYX")}
    check(make_lif(tmp_path / "a.lif", images), [np.concatenate([frames(STACK), frames(other)])], {
        "format": "lif", "levels": [(80, 50, 80, 50)], "bands": 1, "served": 1, "tile": (256, 256),
        "dtype": "uint16", "interpretation": "gray", "mm_x": 5e-4, "mm_y": 1e-3,
        "axes": [("xy", 2, ("b", "a"), None), ("c", 2, None, None), ("z", 3, (0, 3, 6), "µm")],
        "channels": [("Ch0", "#ff00ff", None), ("Ch1", "#00ffff", None)],
        "losses": ("images that are not among the frames: small",),
    })  # fmt: skip


def test_nd2(tmp_path: Path) -> None:
    places = [np.moveaxis(STACK[:, z], 0, -1) for z in range(3)]
    path = make_nd2(tmp_path / "a.nd2", places, 0.5, depth=2.0)
    check(path, [by_depth(STACK)], {
        "format": "nd2", "levels": [(80, 50, 80, 50)], "bands": 1, "served": 1, "tile": (256, 256),
        "dtype": "uint16", "interpretation": "gray", "mm_x": 5e-4, "mm_y": 5e-4,
        "axes": [("z", 3, (0, 2, 4), "µm"), ("c", 2, None, None)], "magnification": 63,
        "channels": [("Cy5", "#4080c0", None), ("DAPI", "#10ff20", None)],
    })  # fmt: skip


def test_dicom(tmp_path: Path) -> None:
    paths = []
    for number, name in enumerate(("FITC", "Cy5")):
        path = Dataset()
        path.OpticalPathIdentifier, path.OpticalPathDescription = str(7 - 2 * number), name
        path.ObjectiveLensPower = 20 + 20 * number
        paths.append(path)
    gray = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
    facts = {**gray, "BitsAllocated": 16, "BitsStored": 12, "OpticalPathSequence": Items(paths)}
    for name, stack in (("a", STACK), ("b", SMALL)):
        tiles = [tile for one in frames(stack) for tile in raw(one[..., 0])]
        size = stack.shape[:1:-1]
        make_dicom(tmp_path / f"{name}.dcm", tiles, size, TotalPixelMatrixFocalPlanes=3, **facts)
    kind = {"ImageType": ["ORIGINAL", "PRIMARY", "OVERVIEW", "NONE"]}
    make_dicom(tmp_path / "c.dcm", [FEW.tobytes()], (40, 24), (40, 24), **kind)
    check(tmp_path / "b.dcm", [frames(STACK), frames(SMALL)], {
        "format": "dicom", "levels": [(80, 50, 64, 48), (40, 25, 64, 48)], "bands": 1, "served": 2,
        "dtype": "uint16", "interpretation": "gray", "magnification": 20, "beside": {"macro": FEW},
        "axes": [("c", 2, None, None), ("z", 3, None, None)], "served_levels": "finer",
        "channels": [("FITC", None, None), ("Cy5", None, None)], "mm_x": 0.00025, "mm_y": 0.0005,
    })  # fmt: skip


def test_aperio(tmp_path: Path) -> None:
    path, plain = tmp_path / "a.svs", {"photometric": "rgb", "metadata": None}
    said = "Aperio Image Library v1\n160x96 |AppMag = 40|MPP = 0.25"
    quarter = RNG.integers(0, 255, (24, 40, 3), np.uint8)
    beside = {
        "thumbnail": COLORS[::3, ::3], "label": COLORS[:20, :30], "macro": COLORS[:30, :90]
    }  # fmt: skip
    with tifffile.TiffWriter(path) as tif:
        tif.write(COLORS, tile=(32, 48), description=said, **plain)
        tif.write(beside["thumbnail"], description=f"{said} -> 54x32", **plain)
        tif.write(quarter, tile=(16, 32), description="Aperio\n160x96", **plain)
        tif.write(beside["label"], description="Aperio\nlabel 30x20", subfiletype=1, **plain)
        tif.write(beside["macro"], description="Aperio\nmacro 90x30", subfiletype=9, **plain)
    check(path, [COLORS[np.newaxis], quarter[np.newaxis]], {
        "format": "aperio", "levels": [(160, 96, 48, 32), (40, 24, 32, 16)], "bands": 3,
        "dtype": "uint8", "interpretation": "rgb", "served": 3, "served_levels": "finer",
        "mm_x": 0.00025, "mm_y": 0.00025, "magnification": 40, "description": said,
        "square_pixels": True, "beside": beside, "background": (255.0, 255.0, 255.0),
    })  # fmt: skip


def test_ome_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    facts: dict[str, Any] = {
        "axes": "CZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.75, "PhysicalSizeZ": 2,
        "Channel": {"Name": ["FITC", "Cy5"], "Color": [16711935, -16776961]},
    }  # fmt: skip
    with tifffile.TiffWriter(path, ome=True) as tif:
        plain: dict[str, Any] = {"tile": (16, 32), "photometric": "minisblack"}
        tif.write(STACK, subifds=1, metadata=facts, **plain)
        tif.write(SMALL, subfiletype=1, metadata=None, **plain)
        tif.write(FEW, photometric="rgb", metadata={"Name": "macro image"})
    with tifffile.TiffFile(path) as tiff:
        said = tiff.ome_metadata
    check(path, [frames(STACK), frames(SMALL)], {
        "format": "ome-tiff", "levels": [(80, 50, 32, 16), (40, 25, 32, 16)], "bands": 1,
        "dtype": "uint16", "interpretation": "gray", "served": 3, "served_levels": "three finer",
        "axes": [("c", 2, None, None), ("z", 3, (0, 2, 4), "µm")], "description": said,
        "channels": [("FITC", "#00ff00", None), ("Cy5", "#ff0000", None)], "open_format": True,
        "mm_x": 5e-4, "mm_y": 7.5e-4, "beside": {"macro": FEW},
    })  # fmt: skip


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(version: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    units = {"z": "nanometer", "y": "millimeter", "x": "nanometer"}
    datasets = []
    for name, stack, factor in (("full", STACK, 1), ("half", SMALL, 2)):
        group.create_array(name, shape=stack.shape, dtype="u2", chunks=(1, 1, 16, 32))[:] = stack
        scale = [1, 3000, 75e-5 * factor, 500.0 * factor]
        datasets.append(
            {"path": name, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        )
    channels = [
        {"label": "FITC", "color": "30E060", "window": {"min": 0, "max": 9, "start": 2, "end": 7}},
        {"label": "Cy5", "color": "C08040", "window": {"min": 1, "max": 8, "start": 3, "end": 5}},
    ]
    entry = {
        "axes": [
            {"name": n, "type": "space" if n in units else "channel"}
            | ({"unit": units[n]} if n in units else {})
            for n in "czyx"
        ],
        "datasets": datasets, "name": "b", "version": version,
    }  # fmt: skip
    facts = {"multiscales": [entry], "omero": {"channels": channels}}
    group.attrs.update(facts if version == "0.4" else {"ome": {"version": version, **facts}})
    check(path, [by_depth(STACK), by_depth(SMALL)], {
        "format": "ome-zarr", "levels": [(80, 50, 32, 16), (40, 25, 32, 16)], "bands": 1,
        "dtype": "uint16", "interpretation": "gray", "served": 1, "tile": (512, 512),
        "served_levels": "two finer",
        "axes": [("z", 3, (0, 3000, 6000), "nm"), ("c", 2, None, None)], "open_format": True,
        "channels": [("FITC", "#30e060", (2, 7)), ("Cy5", "#c08040", (3, 5))], "chunked": True,
        "mm_x": 5e-4, "mm_y": 7.5e-4,
    })  # fmt: skip


def test_deepzoom(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(COLORS).copy()
    for name, value in (("mpp-x", "0.25"), ("mpp-y", "0.75"), ("objective-power", "40")):
        image.set_type(pyvips.GValue.gstr_type, f"openslide.{name}", value)
    image.dzsave(str(tmp_path / "a"), suffix=".png", properties=True, tile_size=64, overlap=0)
    check(tmp_path / "a.dzi", [COLORS[np.newaxis]], {
        "format": "deepzoom", "levels": [(160, 96, 64, 64), (80, 48, 64, 64), (40, 24, 64, 64)],
        "dtype": "uint8", "interpretation": "rgb", "bands": 3, "served": 3, "magnification": 40,
        "mm_x": 0.00025, "mm_y": 0.00075, "open_format": True,
    })  # fmt: skip


def test_geotiff(make_raster: Make, tmp_path: Path) -> None:
    pixels = np.moveaxis(STACK[0].astype(np.int16) - 2000, 0, -1)[..., :2]
    path = make_raster(
        tmp_path / "a.tif", pixels, crs="EPSG:32633", transform=(5e5, 10, 0, 5e6, 0, -30),
        nodata=-32768, options=("TILED=YES", "BLOCKXSIZE=80", "BLOCKYSIZE=64"), overviews=(2,),
    )  # fmt: skip
    check(path, [pixels[np.newaxis]], {
        "format": "GTiff", "levels": [(80, 50, 80, 64), (40, 25, 80, 64)], "bands": 2,
        "dtype": "int16", "interpretation": "multiband", "served": 1, "tile": (256, 256),
        "open_format": True,
        "nodata": -32768, "transform": (5e5, 10, 0, 5e6, 0, -30),
        "band_names": ("gray", "band 2"), "mm_x": 1e4, "mm_y": 3e4, "about": 1e-3,
    })  # fmt: skip


def test_sink_store(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with ziggurat.new(path, tileSize=(32, 16)) as sink:
        for c, z in np.ndindex(2, 3):
            sink.addTile(STACK[c, z][..., np.newaxis], c=c, z=z)
        sink.mm_x, sink.mm_y, sink.magnification = 5e-4, 7.5e-4, 20
        sink.channelNames, sink.channelColors = ["FITC", "Cy5"], ["#30e060", "#c08040"]
        sink.imageDescription = "words"
        sink.addAssociatedImage(FEW, "label")
    check(path, [by_depth(STACK)], {
        "format": "ziggurat store", "levels": [(80, 50, 32, 16)], "bands": 1, "served": 3,
        "dtype": "uint16", "interpretation": "gray", "served_levels": "two finer",
        "axes": [("z", 3, None, None), ("c", 2, None, None)], "description": "words",
        "channels": [("FITC", "#30e060", None), ("Cy5", "#c08040", None)],
        "mm_x": 5e-4, "mm_y": 7.5e-4, "magnification": 20, "beside": {"label": FEW},
    })  # fmt: skip


def test_multi(tmp_path: Path) -> None:
    lines = []
    for number, (c, z) in enumerate(((1, 2), (0, 0), (0, 2), (1, 0))):
        kind = np.uint8 if number == 2 else np.uint16
        pixels = STACK[c, z].astype(kind)
        tifffile.imwrite(tmp_path / f"{number}.tif", pixels, tile=(64, 96))
        lines.append(f"  - {{path: {number}.tif, channel: {('FITC', 'Cy5')[c]}, z: {z}}}")
    text = "scale: {mm_x: 0.0005, mm_y: 0.00075, magnification: 20}\ndescription: words\n"
    path = tmp_path / "a.yaml"
    path.write_text(text + "channels: [FITC, Cy5]\nsources:\n" + "\n".join(lines))
    due = by_depth(STACK).copy()
    due[2:4], due[4] = 0, due[4] & 255  # nothing at the second depth; one of 8 bits
    check(path, [due], {
        "format": "multi", "levels": [(80, 50, 96, 64)], "bands": 1, "served": 1,
        "dtype": "uint16", "interpretation": "gray", "description": "words",
        "axes": [("z", 3, None, None), ("c", 2, None, None)],
        "channels": [("FITC", None, None), ("Cy5", None, None)],
        "mm_x": 5e-4, "mm_y": 7.5e-4, "magnification": 20,
    })  # fmt: skip
