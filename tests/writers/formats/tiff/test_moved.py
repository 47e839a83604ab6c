"""Tiles that go from file to file in runs: the same tiles, in their places, and nothing else."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.each import each
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import CancelledError, SourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.encoded import TilePlaces
from ziggurat.writers.formats.tiff.moved import plan_moves
from ziggurat.writers.model.progress import Cancellation

SIDE = 64
SECRET = b"what lies between two tiles is nobody's business" * 3
AS_STORED = ConvertOptions(levels="source")


def tiles_of(path: Path, page: int = 0) -> list[str]:
    """Return a digest of every stored tile, "" where there is none."""
    with tifffile.TiffFile(path) as tif, path.open("rb") as file:
        found = []
        part = tif.pages[page]
        for offset, count in zip(part.dataoffsets, part.databytecounts, strict=True):
            file.seek(offset)
            found.append(hashlib.sha256(file.read(count)).hexdigest() if count else "")
        return found


@pytest.fixture(params=[False, True], ids=["classic", "big"])
def slide(request: Any, rng: np.random.Generator, tmp_path: Path) -> Any:
    """Make a TIFF whose tiles are out of order, with gaps, one twice and one missing."""
    path = tmp_path / "slide.tiff"
    pixels = rng.integers(0, 255, (6 * SIDE, 5 * SIDE, 3), np.uint8)
    tifffile.imwrite(
        path, pixels, tile=(SIDE, SIDE), photometric="rgb", compression="deflate",
        bigtiff=request.param, metadata=None,
    )  # fmt: skip
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tags = tif.pages[0].tags
        offsets, counts = list(tags[324].value), list(tags[325].value)
        file = tif.filehandle
        for index in (2, 3, 20):  # to the end, the last of them first
            file.seek(offsets[index])
            data = file.read(counts[index])
            file.seek(0, 2)
            file.write(SECRET)
            offsets[index] = file.tell()
            file.write(data)
        offsets[7], counts[7] = offsets[3], counts[3]
        offsets[9] = counts[9] = 0
        tags[324].overwrite(offsets, erase=False)
        tags[325].overwrite(counts, erase=False)
    return path


def test_every_tile_comes_to_its_place(slide: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tiff"
    report = convert(slide, out, AS_STORED)
    assert report.tiles_copied == 30
    assert tiles_of(out) == tiles_of(slide)
    assert tiles_of(out)[9] == ""
    np.testing.assert_array_equal(tifffile.imread(out), tifffile.imread(slide))


def test_nothing_but_tiles_is_taken(slide: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tiff"
    convert(slide, out, AS_STORED)
    assert SECRET[:40] in slide.read_bytes()
    assert SECRET[:40] not in out.read_bytes()


def test_a_tile_that_is_used_twice_is_laid_once(slide: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tiff"
    convert(slide, out, AS_STORED)
    with tifffile.TiffFile(out) as tif:
        offsets = tif.pages[0].dataoffsets
    assert offsets[7] == offsets[3]
    assert len(set(offsets)) == 29  # and the missing one's, which is zero


def test_levels_below_are_made_of_a_moved_one(slide: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tiff"
    seen: list[Any] = []
    convert(slide, out, ConvertOptions(levels="full", tile_size=SIDE), on_progress=seen.append)
    assert tiles_of(out) == tiles_of(slide)
    with tifffile.TiffFile(out) as tif:
        full, half = (tif.pages[i].asarray().astype(int) for i in (0, 1))
    means = full.reshape(3 * SIDE, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(half - means).max() <= 0.5
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == seen[-1].total


def test_frames_of_an_ome_tiff_are_moved_with_their_levels(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.ome.tif", tmp_path / "out.ome.tif"
    stack = rng.integers(0, 60000, (3, 256, 192), np.uint16)
    with tifffile.TiffWriter(source, ome=True) as tif:
        options = {"tile": (64, 64), "compression": "zlib"}
        tif.write(stack, subifds=1, metadata={"axes": "CYX"}, **options)
        tif.write(stack[:, ::2, ::2], subfiletype=1, **options)
    with open_reader(source) as reader:
        assert all(reader.plane(level, 2).places() is not None for level in (0, 1))
    report = convert(source, out, AS_STORED)
    assert report.tiles_encoded == 0
    for level, wanted in enumerate((stack, stack[:, ::2, ::2])):
        np.testing.assert_array_equal(tifffile.imread(out, series=0, level=level), wanted)


def test_raw_samples_of_one_tile_are_written_all_the_same(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.tiff", tmp_path / "out.tiff"
    pixels = rng.integers(0, 255, (64, 64, 3), np.uint8)
    tifffile.imwrite(source, pixels, tile=(64, 64), photometric="rgb", metadata=None)
    convert(source, out, AS_STORED)
    np.testing.assert_array_equal(tifffile.imread(out), pixels)


def test_cancelling_leaves_nothing(slide: Path, tmp_path: Path) -> None:
    cancel = Cancellation()
    with pytest.raises(CancelledError):
        convert(
            slide, tmp_path / "out.tiff", AS_STORED,
            on_progress=lambda _: cancel.cancel(), cancel=cancel,
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["slide.tiff"]


def test_a_source_that_shrinks_meanwhile_leaves_nothing(slide: Path, tmp_path: Path) -> None:
    def shrink(_plan: Any) -> None:
        with slide.open("r+b") as file:
            file.truncate(slide.stat().st_size - len(SECRET))

    with pytest.raises(SourceError, match=r"too soon|truncated"):
        convert(slide, tmp_path / "out.tiff", AS_STORED, on_plan=shrink)
    assert [path.name for path in tmp_path.iterdir()] == ["slide.tiff"]


def test_where_the_kernel_cannot_bytes_are_read_and_written(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.copy_file_range", refuse)
    out = tmp_path / "out.tiff"
    convert(slide, out, AS_STORED)
    assert tiles_of(out) == tiles_of(slide)


def test_runs_join_neighbours_only() -> None:
    places = TilePlaces(None, (100, 110, 300, 100, 0, 50), (10, 5, 7, 10, 9, 0))
    moves = plan_moves(places)
    assert moves.offsets.tolist() == [0, 10, 15, 0, -1, -1]
    assert moves.counts.tolist() == [10, 5, 7, 10, 0, 0]
    assert list(zip(moves.starts, moves.lengths, strict=True)) == [(100, 15), (300, 7)]


@each("seed", range(6))
def test_each_tile_is_laid_with_the_bytes_of_its_place(seed: int) -> None:
    """Places that touch, overlap, begin together or are used again; none of a gap comes along."""
    rng = np.random.default_rng(seed)
    file = rng.integers(1, 256, 400, np.uint8).tobytes()
    offsets, counts = rng.integers(0, 60, 40) * 5, rng.integers(0, 4, 40) * 5
    moves = plan_moves(TilePlaces(None, tuple(offsets.tolist()), tuple(counts.tolist())))
    runs = zip(moves.starts.tolist(), moves.lengths.tolist(), strict=True)
    laid = b"".join(file[start : start + length] for start, length in runs)
    for n, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
        if not (offset and count):
            assert (moves.offsets[n], moves.counts[n]) == (-1, 0)
            continue
        start = moves.offsets[n]
        assert moves.counts[n] == count
        assert laid[start : start + count] == file[offset : offset + count]
    assert len(laid) == sum(count for _, count in {*zip(offsets, counts, strict=True)} if _)
