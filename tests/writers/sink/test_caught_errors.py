"""One ``except TileSourceError`` catches whatever a sink refuses, as scripts expect."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ziggurat


def _overwrites(sink: ziggurat.Sink, path: Path) -> None:
    (path / "there.tiff").write_bytes(b"kept")
    sink.write(path / "there.tiff", overwriteAllowed=False)


REFUSED: dict[str, Callable[[ziggurat.Sink, Path], object]] = {
    "minWidth": lambda sink, _: setattr(sink, "minWidth", -10),
    "crop": lambda sink, _: setattr(sink, "crop", (-1, -1, -1, -1)),
    "mm_x": lambda sink, _: setattr(sink, "mm_x", -1),
    "gcps": lambda sink, _: setattr(sink, "gcps", 0),
    "projection": lambda sink, _: setattr(sink, "projection", "no such thing"),
    "imageDescription": lambda sink, _: setattr(sink, "imageDescription", {1, 2}),
    "tile": lambda sink, _: sink.addTile(np.zeros((2, 2), complex)),
    "encoding": lambda sink, _: sink.getRegion(encoding="no such"),
    "style": lambda sink, _: sink.getRegion(style={"bands": 3}),
    "frame": lambda sink, _: sink.getRegion(frame=7),
    "overwriteAllowed": _overwrites,
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_class_catches_them_all(name: str, tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.zeros((16, 16, 3), np.uint8))
        with pytest.raises(ziggurat.exceptions.TileSourceError):
            REFUSED[name](sink, tmp_path)


def test_every_name_of_the_reference_is_there() -> None:
    names = """TileGeneralError TileSourceError TileSourceAssetstoreError TileSourceXYZRangeError
        TileSourceRangeError TileSourceInefficientError TileSourceFileNotFoundError
        TileSourceMalformedError TileCacheError TileCacheConfigurationError TileGeneralException
        TileSourceException TileSourceAssetstoreException TileSourceFileNotFoundException"""
    for name in names.split():
        assert issubclass(getattr(ziggurat.exceptions, name), ziggurat.exceptions.TileGeneralError)
    with pytest.raises(FileNotFoundError) as caught:
        ziggurat.open("/no/such/file.tiff")
    assert isinstance(caught.value, ziggurat.exceptions.TileSourceFileNotFoundError)
