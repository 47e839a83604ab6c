"""Raw pixels to an OME-Zarr pyramid, as one zip and as a folder: chunks of 512², blosc and LZ4."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.case import Case, Run, check, tree_size

CHUNK, SIDE, CORNER = 512, 4096, 64
Pixels = NDArray[np.uint8]


def _case(kind: str, suffix: str, who: tuple[str, ...], *, quick: bool) -> Case:
    return Case(
        name=f"{kind}, {SIDE:,}²",
        work=SIDE * SIDE / 1e6,
        unit="MP",
        contestants=("limit", "ours", *who),
        limit="blosc with LZ4 of all chunks on the same threads, nothing halved or written",
        values={"suffix": suffix},
        quick=quick,
    )


CASES = (
    _case("one zip", ".zarr.zip", ("ome-zarr", "reference"), quick=True),
    _case("folder", ".zarr", ("ome-zarr", "tensorstore"), quick=False),
)


def prepare(case: Case) -> dict[str, Any]:
    """Return where the raw pixels are."""
    del case
    from benchmarks.inputs import raw

    return {"source": str(raw(SIDE, SIDE))}


def _pixels(run: Run) -> Pixels:
    return np.memmap(run["source"], np.uint8, "r", shape=(SIDE, SIDE, 3))


def _halved(pixels: Pixels) -> Pixels:
    pairs = pixels[::2].astype(np.uint16)
    pairs += pixels[1::2]
    return ((pairs[:, ::2] + pairs[:, 1::2] + 2) >> 2).astype(np.uint8)


def _levels() -> int:
    return (SIDE // CHUNK).bit_length()


def _checked(make: Callable[[Run, Path], Callable[[], object]]) -> Callable[[Run], None]:
    def contestant(run: Run) -> None:
        out = run.folder / f"out{run['suffix']}"
        work = make(run, out)
        with run.clock():
            work()
        run.note(bytes=tree_size(out))
        _hold(_opened(out), _pixels(run))

    return contestant


def _opened(out: Path) -> list[Any]:
    """Return the levels of an output, arrays (bands, y, x) or (y, x, bands)."""
    if (out / "0").exists() and not (out / "zarr.json").exists():
        import tensorstore as ts

        specs = [
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(place)}}
            for place in sorted(out.iterdir())
        ]
        return [ts.open(spec).result() for spec in specs]
    import zarr

    zips: Any = getattr(zarr, "storage", zarr).ZipStore
    place: Any = zips(str(out), mode="r") if out.is_file() else str(out)
    group: Any = zarr.open_group(place, mode="r")
    attributes = dict(group.attrs)
    image = attributes.get("ome", attributes)["multiscales"][0]
    return [group[one["path"]] for one in image["datasets"]]


def _corner(level: Any, y: int, x: int) -> Pixels:
    shape = level.shape
    if shape[-1] == 3:
        found = level[..., y : y + CORNER, x : x + CORNER, :]
    else:
        found = level[..., y : y + CORNER, x : x + CORNER]
    part = np.asarray(found.read().result() if hasattr(found, "read") else found)
    part = part.reshape(part.shape[-3:])
    return part if part.shape[-1] == 3 else part.transpose(1, 2, 0)


def _hold(levels: list[Any], pixels: Pixels) -> None:
    check(len(levels) >= _levels(), f"{len(levels)} levels")
    end = SIDE - CORNER
    for y, x in ((0, 0), (0, end), (end, 0), (end, end), (end // 2 + 5, end // 3)):
        same = np.array_equal(_corner(levels[0], y, x), pixels[y : y + CORNER, x : x + CORNER])
        check(same, f"the pixels at {x}, {y} are others")
    small = _halved(np.asarray(pixels[: 2 * CORNER, : 2 * CORNER]))
    off = np.abs(_corner(levels[1], 0, 0).astype(int) - small).mean()
    check(off <= 6, f"level 1 is off by {off:.1f}")


def _ours(run: Run, out: Path) -> Callable[[], object]:
    import ziggurat
    import ziggurat.writers.formats.zarr.ome_zarr

    pixels = _pixels(run)
    return lambda: ziggurat.write(pixels, out, "yxs")


def _reference(run: Run, out: Path) -> Callable[[], object]:
    import large_image

    pixels, sink = _pixels(run), large_image.new()
    for y in range(0, SIDE, 2048):
        for x in range(0, SIDE, 2048):
            sink.addTile(np.asarray(pixels[y : y + 2048, x : x + 2048]), x=x, y=y)
    return lambda: sink.write(str(out))


def _ome_zarr(run: Run, out: Path) -> Callable[[], object]:
    import dask.array as da
    import zarr
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image
    from zarr.codecs import BloscCodec

    pixels = _pixels(run)
    codec = BloscCodec(cname="lz4", clevel=5, shuffle="noshuffle", typesize=1)

    def work() -> None:
        data = da.from_array(pixels.transpose(2, 0, 1), chunks=(3, 4 * CHUNK, 4 * CHUNK))
        store: Any = zarr.storage.ZipStore(out, mode="w") if out.suffix == ".zip" else str(out)
        write_image(
            data, zarr.open_group(store, mode="w", zarr_format=3), axes=["c", "y", "x"],
            scale_factors=[2**n for n in range(1, _levels())], method=Methods.LOCAL_MEAN,
            storage_options={"chunks": (3, CHUNK, CHUNK), "compressors": [codec]},
        )  # fmt: skip
        if out.suffix == ".zip":
            store.close()

    return work


def _tensorstore(run: Run, out: Path) -> Callable[[], object]:
    """Write each level strip by strip; numpy makes the next one while chunks are encoded."""
    import tensorstore as ts

    def array(folder: Path, shape: tuple[int, ...]) -> Any:
        height, width, bands = shape
        blosc = {"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "typesize": 1, "blocksize": 0}
        grid = {"chunk_shape": [bands, min(CHUNK, height), min(CHUNK, width)]}
        metadata = {
            "shape": [bands, height, width],
            "data_type": "uint8",
            "chunk_grid": {"name": "regular", "configuration": grid},
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "blosc", "configuration": blosc},
            ],
        }
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(folder)}}
        return ts.open({**spec, "metadata": metadata, "create": True}).result()

    def work() -> None:
        current = _pixels(run)
        for level in range(_levels()):
            target, halves, waiting = array(out / str(level), current.shape), [], []
            for y in range(0, current.shape[0], 2 * CHUNK):
                strip = np.asarray(current[y : y + 2 * CHUNK])
                waiting.append(target[:, y : y + strip.shape[0]].write(strip.transpose(2, 0, 1)))
                halves.append(_halved(strip))
                if len(waiting) > 2:
                    waiting.pop(0).result()
            for future in waiting:
                future.result()
            current = np.concatenate(halves)

    return work


def _limit(run: Run) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from numcodecs import Blosc, blosc

    from ziggurat.readers.io.system import core_count

    blosc.use_threads = False
    codec, pixels = Blosc(cname="lz4", clevel=5, shuffle=0), _pixels(run)
    chunks = [np.ascontiguousarray(pixels[y : y + CHUNK, :CHUNK]) for y in range(0, SIDE, CHUNK)]
    count = SIDE * SIDE // CHUNK**2 * 4 // 3
    with run.clock(), ThreadPoolExecutor(core_count()) as pool:
        list(pool.map(lambda number: codec.encode(chunks[number % len(chunks)]), range(count)))


CONTESTANTS: dict[str, Callable[[Run], None]] = {
    "limit": _limit,
    "ours": _checked(_ours),
    "reference": _checked(_reference),
    "ome-zarr": _checked(_ome_zarr),
    "tensorstore": _checked(_tensorstore),
}
