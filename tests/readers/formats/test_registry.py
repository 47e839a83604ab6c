"""Which backend gets a file, and what is said of things that are no image."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import ziggurat
from tests.each import each
from ziggurat.readers.errors import (
    CorruptSourceError,
    LeftToOthersError,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats import registry
from ziggurat.readers.formats.pictures import pillow
from ziggurat.readers.formats.registry import given, open_reader
from ziggurat.readers.formats.table import FORMATS, Format
from ziggurat.readers.geo.gdal_access import raster_endings
from ziggurat.readers.io.location import Location, locate
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Plane, Reader

Find = Callable[[str], Path]


@each("row", FORMATS)
def test_every_row_has_a_module_that_opens(row: Format) -> None:
    assert callable(importlib.import_module(row.module).open_reader)


def test_names_are_distinct() -> None:
    names = [row.name for row in FORMATS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "head", "first"),
    [
        ("a.mrxs", b"\xff\xd8\xff", "openslide"),
        ("a.bif", b"II*\0", "openslide"),
        ("a.dcm", b"", "dicom"),
        ("a", bytes(128) + b"DICM", "dicom"),
        ("a.svs", b"II*\0", "geo"),
        ("a.ome.zarr.zip", b"PK\3\4", "ome-zarr"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "geo"),
        ("a.txt", b"text", "vips"),
    ],
)
def test_who_is_asked_first(name: str, head: bytes, first: str, tmp_path: Path) -> None:
    location = Location(str(tmp_path / name), tmp_path / name, head)
    assert next(row.name for row in FORMATS if row.fits(location)) == first


def test_urls_go_to_those_who_read_urls() -> None:
    location = Location("https://example.org/a.mrxs?x=1", None, b"\xff\xd8\xff")
    fitting = {row.name for row in FORMATS if row.fits(location)}
    assert fitting == {"geo", "jpeg-kinds", "vips", "gdal"}


def test_a_damaged_slide_is_not_given_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slide.mrxs").write_bytes(b"\xff\xd8\xff")
    asked = []

    def opener(name: str, error: Exception) -> Callable[[Location], None]:
        def fail(location: Location) -> None:
            asked.append(name)
            raise error

        return fail

    monkeypatch.setattr(
        registry,
        "_load",
        lambda row: opener(row.name, CorruptSourceError(f"said by {row.name}")),
    )
    with pytest.raises(CorruptSourceError, match="said by openslide"):
        open_reader(tmp_path / "slide.mrxs")
    assert asked == ["openslide"]


def test_nobody_guesses_at_a_damaged_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0 and so on")
    asked = []

    def load(row: Format) -> Callable[[Location], None]:
        asked.append(row.name)
        raise CorruptSourceError("damaged") if row.name == "tiff" else UnsupportedFormatError("?")

    monkeypatch.setattr(registry, "_load", load)
    with pytest.raises(CorruptSourceError, match="damaged"):
        open_reader(tmp_path / "a.tif")
    assert asked[-1] == "tiff"
    assert "openslide-tiff" not in asked


def test_a_library_that_is_missing_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.xyz").write_bytes(b"xyz")
    monkeypatch.setattr(
        registry, "FORMATS", (Format("broken", "ziggurat.no_such_module", any_file=True),)
    )
    with pytest.raises(UnsupportedFormatError, match="broken: can't be loaded here"):
        open_reader(tmp_path / "a.xyz")


def test_nothing_there() -> None:
    with pytest.raises(SourceNotFoundError, match="no such file or directory"):
        open_reader("/no/such/slide.svs")
    with pytest.raises(FileNotFoundError):
        open_reader("/no/such/slide.svs")


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceNotFoundError, match="no such file"):
        open_reader(tmp_path / "file" / "slide.svs")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "slide.svs").touch()
    with pytest.raises(CorruptSourceError, match=r"slide\.svs is empty"):
        open_reader(tmp_path / "slide.svs")


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(SourceError, match="neither a file nor a directory"):
        open_reader(tmp_path / "pipe.tif")


def test_a_device() -> None:
    with pytest.raises(SourceError, match="neither a file nor a directory"):
        open_reader("/dev/null")


def test_a_name_with_a_nul() -> None:
    with pytest.raises(SourceError, match="can't be read"):
        open_reader("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path: Path) -> None:
    (tmp_path / "slide.svs").write_bytes(b"II*\0")
    (tmp_path / "slide.svs").chmod(0)
    with pytest.raises(SourceError, match="Permission denied"):
        open_reader(tmp_path / "slide.svs")


def test_permission_denied_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slide.svs").write_bytes(b"II*\0")

    def denied(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(SourceError, match=r"slide\.svs' can't be read: Permission denied"):
        open_reader(tmp_path / "slide.svs")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("readme.txt", b"1 2 3\n4 5 6\n"),
        ("table.csv", b"1,2,3\n4,5,6\n"),
        ("matrix.mat", b"3 2\n1 2 3\n4 5 6\n"),
        ("page.html", b"<html><body>no</body></html>"),
        ("data.json", b"{}"),
        ("letters.svg", b"<html/>"),
        ("noise.bin", bytes(range(256)) * 8),
        ("empty.zip", b"PK\5\6" + bytes(18)),
        ("half.zip", b"PK\3\4" + bytes(40)),
        ("magic.png", b"\x89PNG\r\n\x1a\n"),
        ("magic.jpg", b"\xff\xd8\xff"),
        ("magic.tif", b"II*\0"),
        ("loop.tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"),
        ("magic.gif", b"GIF89a"),
        ("magic.dcm", bytes(128) + b"DICM"),
        ("magic.mrxs", b"\xff\xd8\xff\xe0"),
        ("text.dcm", b"text"),
        ("text.svs", b"text"),
        ("text.vms", b"[Virtual Microscope Specimen]\n"),
    ],
)
def test_what_is_no_image_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_reader(path)
    assert name in str(caught.value)
    assert isinstance(caught.value, UnsupportedFormatError | CorruptSourceError)


def test_a_folder_of_anything(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "table.dcm").write_text("x")
    with pytest.raises(UnsupportedFormatError, match="not an image that can be opened"):
        open_reader(tmp_path)


@pytest.mark.parametrize("name", ["broken/broken.svs", "broken/unreadable.svs"])
def test_broken_slides(name: str, data_file: Find) -> None:
    with pytest.raises(SourceError, match=Path(name).name):
        open_reader(data_file(name))


def test_a_file_url_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a b%c.png"
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(path)
    for url in (path.as_uri(), f"file://localhost{path.as_uri()[7:]}"):
        assert locate(url).path == path
    with open_reader(path.as_uri()) as reader:
        assert (reader.info.width, reader.info.height) == (5, 4)


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.bin").write_bytes(b"x")
    assert locate("~/a.bin").path == tmp_path / "a.bin"


def test_the_suffix_need_not_be_right(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "slide", np.zeros((40, 30, 3), np.uint8), photometric="rgb")
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "picture.jpg", format="PNG")
    assert open_reader(tmp_path / "slide").info.height == 40
    assert open_reader(tmp_path / "picture.jpg").info.format == "png"


def test_listings_name_the_usual_endings_of_every_kind() -> None:
    assert {"svs", "ndpi", "tiff", "zarr", "mrxs", "dcm", "png", "jp2"} <= set(
        ziggurat.listExtensions()
    )
    assert {"image/tiff", "image/x-ndpi", "image/czi"} <= set(ziggurat.listMimeTypes())


def test_listings_name_what_the_libraries_of_this_machine_read() -> None:
    drivers = {end.lstrip(".") for end in raster_endings()}
    assert {"tif", "vrt"} <= drivers <= set(ziggurat.listExtensions())
    Image.init()
    by_pillow = {
        end.lstrip(".")
        for end, name in Image.registered_extensions().items()
        if name in (*pillow._FORMATS, "TGA", "PPM", "JPEG2000")
    }
    assert by_pillow <= set(ziggurat.listExtensions())


class _Shown(Reader):
    """A backend's reader of nothing but facts."""

    def __init__(self, info: ImageInfo) -> None:
        self.info = info
        self.closed = False

    def plane(self, level: int, frame: int) -> Plane:
        raise NotImplementedError(f"level {level} of frame {frame} is not to be read here")

    def close(self) -> None:
        self.closed = True


def _info(dtype: str = "uint16", bands: int = 1, frames: int = 3) -> ImageInfo:
    axes = (Axis("i", frames),) if frames > 1 else ()
    levels = (Level(9, 7, 9, 7),)
    return ImageInfo("made", levels, bands, np.dtype(dtype), Interpretation.MULTIBAND, axes=axes)


def _left(monkeypatch: pytest.MonkeyPatch, **answers: Reader | Exception) -> None:
    """Let the TIFF backend leave a file of 3 frames of uint16 to others, who answer so."""
    due = given(_info())

    def load(row: Format) -> Callable[[Location], Reader]:
        def opener(location: Location) -> Reader:
            answer = answers.get(row.name.replace("-", "_"), UnsupportedFormatError("not mine"))
            if row.name == "tiff":
                answer = LeftToOthersError("odd samples", due)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return opener

    monkeypatch.setattr(registry, "_load", load)


def test_a_tiff_goes_only_to_those_who_show_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0 and so on")
    small, whole = _Shown(_info("uint8", 3, 1)), _Shown(_info())
    _left(monkeypatch, openslide_tiff=small, gdal=whole)
    with open_reader(tmp_path / "a.tif") as reader:
        assert reader is whole
        assert small.closed
        assert reader.info.backend == "gdal"
        declined = reader.info.declined
        assert {"geo", "tiff", "openslide-tiff", "vips"} <= set(declined)
        assert declined["tiff"] == "odd samples"
        assert "sample type uint8 of uint16" in declined["openslide-tiff"]
        assert "bands 3 of 1, frames 1 of 3" in declined["openslide-tiff"]


@pytest.mark.parametrize("other", [_Shown(_info("uint8", 3, 1)), CorruptSourceError("RGBA fails")])
def test_what_nobody_shows_whole_is_refused_by_who_knows_it_best(
    other: Reader | Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0 and so on")
    _left(monkeypatch, openslide_tiff=other)
    with pytest.raises(UnsupportedFormatError, match=r"a\.tif is not supported: odd samples \("):
        open_reader(tmp_path / "a.tif")


def test_who_reads_and_who_declined_is_shown(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.tif", np.zeros((40, 30), np.complex64)
    tifffile.imwrite(path, pixels, tile=(16, 16), photometric="minisblack", metadata=None)
    with ziggurat.open(path) as source:  # complex samples: only GDAL reads them
        shown = source.getInternalMetadata()
    assert shown["backend"] == "gdal"
    assert "sample format 6" in shown["declined"]["tiff"]


def test_the_plan_says_who_reads_and_the_losses_of_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((40, 30), np.uint8), photometric="minisblack", metadata=None)
    report = ziggurat.convert(path, tmp_path / "b.tif")
    assert report.plan.backend == "tiff"
    assert "geo" in report.plan.declined
    assert report.to_dict()["plan"]["declined"]["geo"] == report.plan.declined["geo"]
