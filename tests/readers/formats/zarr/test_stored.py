"""What stores of others really hold: undeclared separators, no chunks, claims, no ranges."""

import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from tests.serving import Quiet, folder_server, serving
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.zarr import tree
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.io.keys import ZipStore
from ziggurat.readers.model.geometry import Rect

PIXELS = np.arange(1, 100 * 130 + 1, dtype="u2").reshape(100, 130)


def rewrite(file: Path, **facts: Any) -> None:
    """Change some facts of a metadata document; None takes one out."""
    document = json.loads(file.read_text()) | facts
    for key in [key for key, value in facts.items() if value is None]:
        del document[key]
    file.write_text(json.dumps(document))


def made(path: Path, separator: str = ".") -> Path:
    zarr.create_array(
        path, data=PIXELS, chunks=(32, 32), zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": separator},
    )  # fmt: skip
    return path


def pixels_of(path: Path | str) -> np.ndarray[Any, np.dtype[Any]]:
    with open_reader(path) as reader:
        return reader.plane(0, 0).read(reader.info.levels[0].rect)[..., 0]


@pytest.mark.parametrize("told", ["/", ".", None])
@pytest.mark.parametrize("stored", ["/", "."])
@pytest.mark.parametrize("first", [True, False])
def test_chunks_are_found_whatever_separator_is_declared(
    tmp_path: Path, told: str | None, stored: str, first: bool
) -> None:
    path = made(tmp_path / "a.zarr", stored)
    rewrite(path / ".zarray", dimension_separator=told)
    right = PIXELS.copy()
    if not first:  # the first chunk is not the only one that tells
        (path / f"0{stored}0").unlink()
        right[:32, :32] = 0
    np.testing.assert_array_equal(pixels_of(path), right)


@pytest.mark.parametrize("fills", [(0, 7, 0), (7, 7, 7), (7, 0, 7)])
def test_what_is_not_stored_shows_the_fill_of_its_level(
    fills: tuple[int, ...], tmp_path: Path
) -> None:
    """Only where that is the image's does nobody have to look: a blank tile is the background."""
    group = zarr.open_group(tmp_path / "a", mode="w", zarr_format=3)
    for number, fill in enumerate(fills):
        size = 64 >> number
        array = group.create_array(
            f"s{number}", shape=(size, size), dtype="u1", chunks=(8, 8), fill_value=fill
        )
        array[:8, :8] = 9
    with open_reader(tmp_path / "a") as reader:
        assert reader.info.background == ((float(fills[0]),) if fills[0] else None)
        for number, fill in enumerate(fills):
            plane, gap = reader.plane(number, 0), Rect(8, 0, 8, 8)
            assert (plane.read(gap) == fill).all()
            assert plane.is_blank(gap) is (fill == fills[0])
            assert not plane.is_blank(Rect(0, 0, 8, 8))


def test_an_array_without_one_chunk_says_so(tmp_path: Path) -> None:
    path = made(tmp_path / "a.zarr")
    with open_reader(path) as reader:
        assert reader.info.losses == ()
    for chunk in path.glob("[0-9]*"):
        chunk.unlink()
    with open_reader(path) as reader:
        assert "not one chunk is stored" in reader.info.losses[0]


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ([16, 10**9], [128, 128]),
        ([1 << 20, 1 << 20], [1 << 10, 1 << 10]),
        ([40000, 40000], [1, 1]),
        ([10**9, 30, 40], [3, 64, 64]),
    ],
)
@pytest.mark.parametrize("one", [True, False])
def test_claims_without_data_are_refused(
    tmp_path: Path, shape: list[int], chunks: list[int], one: bool
) -> None:
    path = made(tmp_path / "a.zarr")
    names = ["t", "y", "x"][-len(shape) :]
    rewrite(path / ".zarray", shape=shape, chunks=chunks, compressor=None)
    (path / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": names}))
    for chunk in path.glob("[0-9]*"):
        chunk.unlink()
    if one:
        (path / ".".join("0" * len(shape))).write_bytes(bytes(2 * int(np.prod(chunks))))
    with pytest.raises(CorruptSourceError, match=r"claims|frames"):
        open_reader(path)


def test_a_large_image_of_few_chunks_opens(tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(100_000, 100_000), dtype="u1", chunks=(4096, 4096)
    )
    array[5000:5010, 7000:7010] = 3
    with open_reader(tmp_path / "a.zarr") as reader:
        assert (reader.info.width, reader.info.losses) == (100_000, ())


@pytest.mark.parametrize(
    ("dtype", "text", "value"),
    [("u2", "0", 0), ("i4", "-7", -7), ("u1", "3.0", 3), ("f4", "1.5", 1.5), ("?", "true", True)],
)
def test_fill_values_as_text(tmp_path: Path, dtype: str, text: str, value: Any) -> None:
    zarr.create_array(tmp_path / "a", shape=(9, 9), dtype=dtype, chunks=(9, 9), zarr_format=2)
    rewrite(tmp_path / "a/.zarray", fill_value=text)
    assert (pixels_of(tmp_path / "a") == np.dtype(dtype).type(value)).all()


def test_text_that_is_no_number_is_no_fill_value(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", shape=(9, 9), dtype="u1", chunks=(9, 9), zarr_format=2)
    rewrite(tmp_path / "a/.zarray", fill_value="nothing")
    with pytest.raises(CorruptSourceError, match="make no sense"):
        open_reader(tmp_path / "a")


@pytest.mark.parametrize("codec", ["zfpy", "pcodec", "someone-elses"])
@pytest.mark.parametrize("as_filter", [True, False])
def test_a_codec_that_is_not_here_is_not_supported(
    tmp_path: Path, codec: str, as_filter: bool
) -> None:
    path = made(tmp_path / "a.zarr")
    facts = {"filters": [{"id": codec}]} if as_filter else {"compressor": {"id": codec}}
    rewrite(path / ".zarray", **facts)
    with pytest.raises(UnsupportedFormatError, match=codec):
        pixels_of(path)


def test_a_codec_of_v3_that_is_not_here_is_not_supported(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", data=PIXELS, chunks=(32, 32))
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "someone-elses"}]
    rewrite(tmp_path / "a/zarr.json", codecs=codecs)
    with pytest.raises(UnsupportedFormatError, match="someone-elses"):
        pixels_of(tmp_path / "a")


class WithoutRanges(Quiet):
    """A server that sends all of a file, whatever part is asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        """Remember what was asked for."""
        self.asked.append(self.path)
        super().do_GET()


@pytest.fixture
def plain_server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = type("Handler", (WithoutRanges,), {"asked": asked})
    with serving(folder_server(tmp_path, handler)) as url:
        yield url, asked


@pytest.mark.parametrize("start", [True, False])
def test_shards_behind_a_server_without_ranges(
    tmp_path: Path, plain_server: tuple[str, list[str]], start: bool
) -> None:
    url, asked = plain_server
    codec = zarr.codecs.ShardingCodec(
        chunk_shape=(16, 16), index_location="start" if start else "end"
    )
    zarr.create_array(
        tmp_path / "a.zarr", shape=PIXELS.shape, dtype="u2", chunks=(64, 64), serializer=codec,
        compressors=None,
    )[:] = PIXELS  # fmt: skip
    np.testing.assert_array_equal(pixels_of(f"{url}/a.zarr"), PIXELS)
    shards = [path for path in asked if "/c/" in path]
    assert len(shards) <= 2 * len(set(shards)) + 1  # not anew for each of 16 chunks


def test_metadata_that_inflate_without_end_are_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "_MOST_METADATA", 1 << 20)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zarr.json", b" " * (24 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(CorruptSourceError, match="no JSON"):
            open_reader(tmp_path / "a.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_parts_of_a_zip_s_entries(tmp_path: Path, method: int) -> None:
    data = bytes(range(256)) * 9
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("k", data)
        archive.writestr("empty", b"")
    store = ZipStore(LocalBytes(tmp_path / "a.zip"))
    assert (store.get("k"), store.get("empty")) == (data, b"")
    assert store.get_range("k", 5, 7) == data[5:12]
    assert store.get_range("k", -7, 7) == data[-7:]
    assert store.get_range("k", len(data) - 3, 9) == data[-3:]
    assert store.get_range("empty", 0, 9) == b""
    store.close()
