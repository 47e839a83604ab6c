"""Any OME-Zarr that zarr-python writes converts to every target with equal pixels, or is refused.

zarr-python reads the source; what comes out is held against that, frame by frame.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import ZigguratError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.image import ImageInfo

Array = np.ndarray[Any, np.dtype[Any]]

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
TARGETS = ["out.zarr", "out.zarr.zip", "out.tiff", "out.ome.tiff"]
V2_COMPRESSORS: list[Any] = [
    None, numcodecs.Blosc("lz4", 5, 1), numcodecs.Blosc("zstd", 3, 2), numcodecs.Zstd(3),
    numcodecs.Zstd(3, checksum=True), numcodecs.GZip(5), numcodecs.Zlib(5), numcodecs.BZ2(),
    numcodecs.LZ4(), numcodecs.LZMA(),
]  # fmt: skip
V3_COMPRESSORS: list[Any] = [
    None, zarr.codecs.ZstdCodec(level=3), zarr.codecs.ZstdCodec(level=1, checksum=True),
    zarr.codecs.GzipCodec(level=3), zarr.codecs.BloscCodec(cname="lz4", shuffle="shuffle"),
    [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()], zarr.codecs.Crc32cCodec(),
]  # fmt: skip
KINDS = {"x": "space", "y": "space", "z": "space", "t": "time"}
RAREST = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@dataclass(frozen=True)
class Made:
    """One OME-Zarr to write: everything that zarr-python takes."""

    axes: str
    shape: tuple[int, ...]
    dtype: str
    zarr_format: int
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    def pixels(self) -> Array:
        """Return samples of which a part is the fill value, so that chunks are left out."""
        rng = np.random.default_rng(self.seed)
        values = rng.integers(0, 2 if self.dtype == "?" else 120, self.shape).astype(self.dtype)
        cut = tuple(slice(0, max(1, size // 2)) for size in self.shape)
        values[cut] = self.options.get("fill_value", 0)
        return values

    def write(self, path: Path) -> None:
        """Let zarr-python write it."""
        group = zarr.open_group(path, mode="w", zarr_format=self.zarr_format)
        array = group.create_array("0", shape=self.shape, **self.options)
        array[...] = self.pixels()
        scale = {"type": "scale", "scale": [1.0] * len(self.axes)}
        image = {
            "axes": [{"name": a, "type": KINDS.get(a, "channel")} for a in self.axes],
            "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
        }
        if self.zarr_format == 2:
            group.attrs["multiscales"] = [{"version": "0.4", **image}]
        else:
            group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}


@st.composite
def stores(draw: st.DrawFn) -> Made:
    """Draw an OME-Zarr of any order, chunks, shards, codecs, sample type and byte order."""
    more = draw(st.sampled_from(["", "c", "s", "z", "t", "zc", "tc", "tz", "cs", "tzc"]))
    axes = "".join(draw(st.permutations(list("yx" + more))))
    sizes = {name: draw(st.integers(1, 4)) for name in more}
    sizes |= {name: draw(st.sampled_from([1, 2, 17, 32, 45, 70])) for name in "yx"}
    shape = tuple(sizes[name] for name in axes)
    dtype = draw(st.sampled_from(DTYPES))
    chunks = tuple(
        draw(st.sampled_from([1, size, size] if name in more else [16, 32, 33, max(1, size)]))
        for name, size in zip(axes, shape, strict=True)
    )
    options: dict[str, Any] = {"chunks": chunks, "dtype": dtype}
    if draw(st.booleans()) and dtype != "?":
        options["fill_value"] = draw(st.integers(0, 100))
    big = draw(st.booleans()) and np.dtype(dtype).itemsize > 1
    zarr_format = draw(st.sampled_from([2, 3]))
    if zarr_format == 2:
        options |= {
            "dtype": (">" if big else "<") + dtype if np.dtype(dtype).itemsize > 1 else dtype,
            "compressors": draw(st.sampled_from(V2_COMPRESSORS)),
            "order": draw(st.sampled_from(["C", "F"])),
            "chunk_key_encoding": {"name": "v2", "separator": draw(st.sampled_from("./"))},
        }
    else:
        options["compressors"] = draw(st.sampled_from(V3_COMPRESSORS))
        if big:
            options["serializer"] = zarr.codecs.BytesCodec(endian="big")
        if draw(st.integers(0, 3)) == 0:
            order = tuple(draw(st.permutations(range(len(axes)))))
            options["filters"] = zarr.codecs.TransposeCodec(order=order)
        if draw(st.booleans()):
            options["shards"] = tuple(c * draw(st.integers(1, 3)) for c in chunks)
    return Made(axes, shape, dtype, zarr_format, options, draw(st.integers(0, 9)))


def frame_of(made: Made, stored: Array, info: ImageInfo, frame: int) -> Array:
    """Return what zarr-python read of a frame, as (y, x, band)."""
    position = info.frame_position(frame)
    held = {axis.name for axis in info.axes}
    spare = [a for a, size in zip(made.axes, made.shape, strict=True) if size == info.bands]
    spare = [a for a in ("s", "c") if a in spare and a not in held]
    bands = spare[0] if info.bands > 1 else ""
    index: list[Any] = [
        slice(None) if name in "yx" or name == bands else position.get(name, 0)
        for name in made.axes
    ]
    left = [name for name in made.axes if name in "yx" or name == bands]
    plane = stored[tuple(index)].transpose([left.index(name) for name in ["y", "x", *bands]])
    return plane if bands else plane[..., np.newaxis]


def check(made: Made, target: str, version: str) -> bool:
    """Convert, and compare all frames; return False where it is refused."""
    folder = Path(tempfile.mkdtemp(prefix="ziggurat-property-"))
    try:
        source, output = folder / "in.zarr", folder / target
        made.write(source)
        stored = np.asarray(zarr.open_array(source / "0", mode="r")[...])
        with open_reader(source) as reader:
            info = reader.info
        options = ConvertOptions(ome_version=version, verify="full")
        try:
            report = convert(source, output, options)
        except ZigguratError:
            assert not output.exists()
            return False
        assert report.verification is not None
        assert report.verification.ok, report.verification.problems
        with open_reader(output) as reader:
            assert (reader.info.frames, reader.info.bands) == (info.frames, info.bands)
            assert reader.info.dtype == info.dtype
            rect = reader.info.levels[0].rect
            for frame in range(info.frames):
                got = reader.plane(0, frame).read(rect)
                np.testing.assert_array_equal(got, frame_of(made, stored, info, frame))
        return True
    finally:
        shutil.rmtree(folder)


@settings(RAREST, max_examples=12)
@given(stores(), st.sampled_from(TARGETS), st.sampled_from(["0.4", "0.5"]))
def test_pixels_are_equal_or_refused(made: Made, target: str, version: str) -> None:
    check(made, target, version)


@pytest.mark.slow
@settings(RAREST, max_examples=400)
@given(stores(), st.sampled_from(TARGETS), st.sampled_from(["0.4", "0.5"]))
def test_pixels_of_many_stores_are_equal_or_refused(made: Made, target: str, version: str) -> None:
    check(made, target, version)


def test_most_stores_are_not_refused() -> None:
    shape, chunks = (3, 20, 30), (3, 16, 16)
    for number, dtype in enumerate(DTYPES):
        made = Made("cyx", shape, dtype, 3, {"chunks": chunks, "dtype": dtype})
        target = ("out.tiff", "out.zarr")[dtype == "?" or number % 3 == 0]
        assert check(made, target, "0.5"), (dtype, target)
