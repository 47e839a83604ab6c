"""The last resort, Bio-Formats: its simulated files, ours, and what it says of nonsense."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import SourceError, UnsupportedFormatError
from ziggurat.readers.formats.fenced import bioformats
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.table import FORMATS
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation

ROW = next(row for row in FORMATS if row.name == "bio-formats")
without = pytest.mark.skipif(bioformats.lacking() is not None, reason=str(bioformats.lacking()))


def simulated(folder: Path, words: str) -> Path:
    """A file of Bio-Formats' own, whose name says what is in it."""
    path = folder / f"a&{words}.fake"
    path.write_text("simulated\n")
    return path


def marks(pixels: np.ndarray) -> list[int]:
    """Return series, plane, z, c, t: they are drawn into the first squares of ten pixels."""
    return [int(pixels[5, 10 * n + 5, 0]) for n in range(5)]


@without
@pytest.mark.bioformats
@pytest.mark.parametrize("little", ["true", "false"])
def test_planes_lie_on_their_axes(little: str, tmp_path: Path) -> None:
    words = f"sizeX=700&sizeY=500&sizeC=2&sizeZ=3&sizeT=2&pixelType=uint16&little={little}"
    with open_reader(simulated(tmp_path, words)) as reader:
        info = reader.info
        assert info.backend == "bio-formats"
        assert [(axis.name, axis.size) for axis in info.axes] == [("t", 2), ("z", 3), ("c", 2)]
        for frame in (0, 1, 2, 7, 11):
            place = info.frame_position(frame)
            _, _, z, c, t = marks(reader.plane(0, frame).read(info.levels[0].rect))
            assert {"t": t, "z": z, "c": c} == place
        whole = reader.plane(0, 3).read(info.levels[0].rect)
        part = reader.plane(0, 3).read(Rect(301, 77, 211, 93))
        np.testing.assert_array_equal(part, whole[77:170, 301:512])


@without
@pytest.mark.bioformats
def test_series_are_frames(tmp_path: Path) -> None:
    with open_reader(simulated(tmp_path, "sizeX=64&sizeY=64&series=3")) as reader:
        assert [(axis.name, axis.size) for axis in reader.info.axes] == [("xy", 3)]
        for frame in range(3):
            assert marks(reader.plane(0, frame).read(Rect(0, 0, 64, 64)))[0] == frame


@without
@pytest.mark.bioformats
def test_levels_and_sizes(tmp_path: Path) -> None:
    words = "sizeX=2000&sizeY=1600&resolutions=3&resolutionScale=2&physicalSizeX=0.25"
    with open_reader(simulated(tmp_path, words)) as reader:
        sizes = [(level.width, level.height) for level in reader.info.levels]
        assert sizes == [(2000, 1600), (1000, 800), (500, 400)]
        assert reader.info.mm_x == pytest.approx(0.00025)
        assert reader.plane(2, 0).read(Rect(400, 300, 100, 100)).shape == (100, 100, 1)


@without
@pytest.mark.bioformats
@pytest.mark.parametrize("interleaved", ["true", "false"])
def test_colours(interleaved: str, tmp_path: Path) -> None:
    words = f"sizeX=90&sizeY=70&sizeC=3&rgb=3&interleaved={interleaved}"
    with open_reader(simulated(tmp_path, words)) as reader:
        assert reader.info.interpretation is Interpretation.RGB
        pixels = reader.plane(0, 0).read(Rect(0, 0, 90, 70))
    assert pixels[5, 35].tolist() == [0, 1, 2]  # the square of the channel


@without
@pytest.mark.bioformats
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "float32", "float64"])
def test_sample_types_as_tifffile_reads_them(
    dtype: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = (rng.random((3, 40, 50)) * 100).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        pixels,
        byteorder=">",
        metadata={"axes": "CYX"},
        photometric="minisblack",
    )
    with open_reader(tmp_path / "a.ome.tif", (ROW,)) as reader:
        assert reader.info.dtype == np.dtype(dtype)
        for frame in range(3):
            got = reader.plane(0, frame).read(reader.info.levels[0].rect)
            np.testing.assert_array_equal(got[..., 0], pixels[frame])


@without
@pytest.mark.bioformats
def test_it_is_converted(tmp_path: Path) -> None:
    path = simulated(tmp_path, "sizeX=300&sizeY=200&sizeC=2&pixelType=uint16")
    report = ziggurat.convert(
        path, tmp_path / "out.ome.tiff", ziggurat.ConvertOptions(verify="full")
    )
    assert report.verification is not None
    assert report.verification.ok


@without
@pytest.mark.bioformats
def test_nonsense_is_refused_by_all(tmp_path: Path) -> None:
    (tmp_path / "a.vsi").write_bytes(b"nothing of the kind")
    (tmp_path / "a.xyz").write_bytes(bytes(range(256)) * 20)
    for name in ("a.vsi", "a.xyz"):
        with pytest.raises(SourceError, match=name):
            open_reader(tmp_path / name)


def test_without_it_a_sentence_says_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bioformats, "lacking", lambda: "Java")
    (tmp_path / "a.xyz").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(UnsupportedFormatError, match="bio-formats: needs Java"):
        open_reader(tmp_path / "a.xyz")
    (tmp_path / "a.zvi").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(UnsupportedFormatError, match=r"Zeiss ZVI.*ziggurat\[bioformats\]"):
        open_reader(tmp_path / "a.zvi")
