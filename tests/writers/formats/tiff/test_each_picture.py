"""Pictures beside an image, as pages of any kind: what was shown is shown, copied or not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

KINDS: dict[str, tuple[str, int, dict[str, Any]]] = {  # dtype, bands, of the page
    "zero is white": ("uint8", 1, {"photometric": "miniswhite", "compression": "zlib"}),
    "zero is white, raw": ("uint8", 1, {"photometric": "miniswhite"}),
    "16 bits": ("uint16", 1, {"photometric": "minisblack", "compression": "zlib"}),
    "16 bits, raw": ("uint16", 1, {"photometric": "minisblack"}),
    "16 bits, differences": ("uint16", 3, {"compression": "zlib", "predictor": True}),
    "a last strip that is short": ("uint8", 3, {"rowsperstrip": 7}),
    "strips that are packed": ("uint8", 3, {"rowsperstrip": 7, "compression": "lzw"}),
    "tiles": ("uint8", 3, {"tile": (16, 32)}),
    "tiles that are packed": ("uint8", 3, {"tile": (32, 16), "compression": "zlib"}),
    "alpha": ("uint8", 4, {"extrasamples": ["unassalpha"], "compression": "zlib"}),
    "gray and alpha": ("uint8", 2, {"extrasamples": ["unassalpha"], "photometric": "minisblack"}),
    "floats": ("float32", 1, {"photometric": "minisblack", "compression": "zlib"}),
}


@pytest.mark.parametrize(
    ("kind", "order"),
    [(kind, "<" if number % 2 else ">") for number, kind in enumerate(KINDS)]
    + [(kind, ">") for kind in ("16 bits, raw", "floats")],
)
def test_a_label_is_what_it_was(tmp_path: Path, kind: str, order: Any) -> None:
    dtype, bands, how = KINDS[kind]
    rng = np.random.default_rng(8)
    raw = rng.integers(0, 255, (37, 45, bands)).astype(dtype)
    if dtype == "uint16":
        raw *= 257 if bands == 1 else 3
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=order) as tiff:
        photometric = how.get("photometric", "rgb")
        tiff.write(np.full((64, 64, 3), 9, np.uint8), tile=(64, 64), photometric="rgb")
        tiff.write(
            raw[..., 0] if bands == 1 else raw,
            **{**how, "photometric": photometric},
            description="label 45x37",
            planarconfig="contig" if bands > 1 else None,
            extratags=[(285, 2, 0, "label", True)],
            metadata=None,
        )
    shown = 255 - raw if photometric == "miniswhite" else raw
    with ziggurat.open(tmp_path / "a.tif") as source:
        reader = source._image().reader
        assert np.array_equal(reader.associated("label").read(), shown)
        for name in ("b.tif", "b.svs") if order == ">" else ("b.tif", "b.zarr"):
            write(reader, tmp_path / name, WriteOptions(lossy=False))
            with ziggurat.open(tmp_path / name) as output:
                found = output._image().reader.associated("label").read()
            assert np.array_equal(found, shown), name


@pytest.mark.parametrize(
    ("name", "dtype", "counts"),
    [
        ("b.tif", "uint8", range(1, 6)), ("b.tif", "uint16", (2, 4)), ("b.tif", "bool", (1, 3)),
        ("b.ome.tif", "bool", (4,)), ("b.ome.tif", "float32", (2, 5)), ("b.svs", "uint8", (2, 4)),
    ],
)  # fmt: skip
def test_a_picture_that_is_no_page_says_what_its_samples_are(
    tmp_path: Path, name: str, dtype: str, counts: Sequence[int]
) -> None:
    """As of a Zarr, or of a picture in another codec: its page is made, and each tag by us."""
    rng = np.random.default_rng(8)
    for bands in counts:
        raw = rng.integers(0, 2 if dtype == "bool" else 200, (21, 34, bands)).astype(dtype)
        with ziggurat.new() as sink:
            sink.addTile(np.full((64, 80, 3), 9, np.uint8))
            sink.addAssociatedImage(raw, imageKey="label")
            sink.write(tmp_path / f"{bands}{name}", lossy=False)
        with tifffile.TiffFile(tmp_path / f"{bands}{name}") as tif:
            (page,) = [page for page in tif.pages if page.shape[:2] == (21, 34)]
            assert page.photometric.name == ("RGB" if bands in (3, 4) else "MINISBLACK")
            extra = {2: (2,), 4: (2,), 5: (0,) * 4}.get(bands, ())
            assert tuple(map(int, page.extrasamples)) == extra
            assert page.samplesperpixel == bands
            assert int(page.planarconfig) == 1
            found = page.asarray().reshape(raw.shape)
            wanted = raw * np.uint8(255) if dtype == "bool" and found.dtype != bool else raw
            np.testing.assert_array_equal(found, wanted)
        with ziggurat.open(tmp_path / f"{bands}{name}") as output:
            found = output._image().reader.associated("label").read()
        wanted = raw * np.uint8(255) if dtype == "bool" and found.dtype != bool else raw
        np.testing.assert_array_equal(found, wanted)
