"""A Source as an object: opening, options, closing, metadata."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import OptionError, SourceError, SourceNotFoundError


@pytest.mark.parametrize("form", [str, Path, lambda path: f"file://{path}"])
def test_paths_of_any_form(picture: Any, form: Any) -> None:
    path, pixels = picture
    with ziggurat.open(form(path)) as source:
        assert source[5, 7].tolist() == pixels[5, 7].tolist()
        assert source.largeImagePath in (str(path), f"file://{path}")


def test_what_is_not_there_is_a_file_not_found_error(tmp_path: Path) -> None:
    for known in (SourceNotFoundError, FileNotFoundError, ziggurat.exceptions.TileSourceError):
        with pytest.raises(known) as caught:
            ziggurat.open(tmp_path / "nothing.tif")
    assert caught.value.errno == 2
    assert not ziggurat.canRead(tmp_path / "nothing.tif")


def test_can_read(picture: Any, tmp_path: Path) -> None:
    path, _ = picture
    assert ziggurat.canRead(path)
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    assert not ziggurat.canRead(text)
    assert ("tiff", True) in ziggurat.canReadList(path)
    assert ziggurat.canReadList(path, availableSources=["tiff"]) == [("tiff", True)]
    assert not any(reads for _, reads in ziggurat.canReadList(text))


def test_what_there_is_to_open_with() -> None:
    sources = ziggurat.listSources()
    assert list(sources["sources"])
    assert "mrxs" in ziggurat.listExtensions()
    assert all("/" in name for name in ziggurat.listMimeTypes())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "NOPE"}, "encoding 'NOPE' is unsupported"),
        ({"jpegQuality": 200}, "jpegQuality"),
        ({"jpegSubsampling": "4"}, "jpegSubsampling"),
        ({"edge": "blue-ish"}, "edge must be None"),
        ({"style": {"nonsense": 1}}, "nonsense"),
    ],
)
def test_options_that_can_not_be_meant(picture: Any, options: Any, message: Any) -> None:
    with pytest.raises(OptionError, match=message):
        ziggurat.open(picture[0], **options)


def test_metadata(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient, mm_x=0.00025, mm_y=0.0004)
    assert (
        source.getMetadata()
        == source.metadata
        == {
            "levels": 4,
            "sizeX": 300,
            "sizeY": 200,
            "tileWidth": 64,
            "tileHeight": 48,
            "magnification": 40.0,
            "mm_x": 0.00025,
            "mm_y": 0.0004,
            "dtype": "uint8",
            "bandCount": 3,
        }
    )
    assert source.getNativeMagnification()["magnification"] == 40
    assert (source.levels, source.sizeX, source.sizeY) == (4, 300, 200)
    assert (source.dtype, source.bandCount, source.frames) == (np.uint8, 3, 1)
    assert source.shape == (200, 300, 3)
    assert not source.geospatial
    assert source.getBounds() == {"sizeX": 300, "sizeY": 200}
    assert source.getInternalMetadata() == {"properties": {}}


def test_what_is_not_known_is_none(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    assert source.getNativeMagnification() == {"magnification": None, "mm_x": None, "mm_y": None}
    assert source.getLevelForMagnification(20) == 3
    assert source.getICCProfiles() is None
    assert source.channelNames is None
    assert source.frameToAxes(0) == {"frame": 0}


def test_notebooks(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    assert source._repr_png_()[:4] == b"\x89PNG"
    assert "300 × 200" in source._repr_html_()
    data, _ = source.getThumbnail(encoding="PNG")
    assert data._repr_png_() == data
    assert data._repr_jpeg_() is None
    assert pickle.loads(pickle.dumps(data)).mimetype == "image/png"


def test_a_closed_source_says_so(picture: Any) -> None:
    with ziggurat.open(picture[0]) as source:
        pass
    source.close()
    with pytest.raises(SourceError, match="was closed; open it again"):
        source.getRegion()


@pytest.mark.parametrize("size", [0, -1, 2.5, "wide"])
def test_associated_images_of_no_size_are_refused(
    data_file: Callable[[str], Path], size: int
) -> None:
    with ziggurat.open(data_file("aperio-svs/CMU-1-Small-Region.svs")) as source:
        for name in ("width", "height"):
            with pytest.raises(OptionError, match=name):
                source.getAssociatedImage("macro", **{name: size})


@pytest.mark.parametrize("name", ["picture.png", "plain.tiff", "place.tif"])
def test_a_relative_path_holds_after_the_working_directory_changed(
    gradient: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "picture.png":
        PIL.Image.fromarray(gradient).save(tmp_path / name)
    else:
        metadata = [(33550, "d", 3, (1.0, 1.0, 0.0)), (33922, "d", 6, (0.0,) * 6)]
        tags = metadata if name == "place.tif" else []
        tifffile.imwrite(tmp_path / name, gradient, extratags=[(*tag, True) for tag in tags])
    monkeypatch.chdir(tmp_path)
    source = ziggurat.open(name)
    monkeypatch.chdir("/")
    for opened in (source, pickle.loads(pickle.dumps(source))):
        np.testing.assert_array_equal(opened.getRegion(format="numpy")[0], gradient)
        opened.close()


@pytest.mark.parametrize("path", ["\0", "x" * 5000, "no/such", ""])
def test_no_path_at_all_is_an_error_of_ours(path: Path) -> None:
    with pytest.raises(SourceError):
        ziggurat.open(path)
    assert not ziggurat.canRead(path)
