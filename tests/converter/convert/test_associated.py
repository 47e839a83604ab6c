"""Associated images keep their strips and tiles, byte for byte, from TIFF to TIFF."""

import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.formats.registry import open_reader

TARGETS = ["out.tiff", "out.svs", "out.ome.tiff"]


def hashes(path: Path, shape: Any, *, tiled: bool = False) -> Any:
    """SHA-256 of all strips or tiles of the one page of a shape, by plain file access."""
    with tifffile.TiffFile(path) as tif, path.open("rb") as file:
        (page,) = (p for p in tif.pages if p.shape == shape and p.is_tiled == tiled)
        found = []
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            file.seek(offset)
            found.append(hashlib.sha256(file.read(count)).hexdigest())
        tags = page.compression, page.predictor, page.photometric, page.rowsperstrip
        return tags, found, page.jpegtables, page.asarray()


def check_kept(source: Any, output: Any, names: Any) -> None:
    with open_reader(source) as theirs, open_reader(output) as ours:
        for name in names:
            wanted = theirs.associated(name).read()
            np.testing.assert_array_equal(ours.associated(name).read(), wanted)
            shape = wanted.shape if wanted.shape[2] > 1 else wanted.shape[:2]
            before, after = hashes(source, shape), hashes(output, shape)
            assert after[:3] == before[:3]
            np.testing.assert_array_equal(after[3], before[3])


@pytest.mark.parametrize("name", TARGETS)
def test_a_made_slide(make_svs: Callable[..., Path], tmp_path: Path, name: str) -> None:
    source = make_svs(tmp_path / "a.svs")
    convert(source, tmp_path / name)
    check_kept(source, tmp_path / name, ("label", "macro", "thumbnail"))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "out.svs" else pytest.mark.slow) for n in TARGETS]
)
def test_a_real_slide(data_file: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    source = data_file("aperio-svs/CMU-1-Small-Region.svs")
    report = convert(source, tmp_path / name)
    assert report.losses == ()
    check_kept(source, tmp_path / name, ("label", "macro", "thumbnail"))
    if name == "out.svs":
        with openslide.OpenSlide(source) as one, openslide.OpenSlide(tmp_path / name) as other:
            assert set(one.associated_images) == set(other.associated_images)
            for key, image in one.associated_images.items():
                np.testing.assert_array_equal(image, other.associated_images[key])


def with_label(path: Path, tissue: np.ndarray, label: Any, **arguments: Any) -> Any:
    """Write a TIFF with a label, as an Aperio scanner would."""
    text = "Aperio Image Library v11.2.1 \r\n"
    order = arguments.pop("byteorder", "<")
    with tifffile.TiffWriter(path, byteorder=order) as tif:
        plain = {"metadata": None, "software": False}
        tif.write(
            tissue, tile=(128, 128), compression="jpeg", photometric="rgb",
            description=text + "512x512|AppMag = 20", **plain,
        )  # fmt: skip
        tif.write(tissue[::4, ::4], compression="jpeg", photometric="rgb", **plain)  # a thumbnail
        tif.write(
            label, subfiletype=1, description=f"{text}label {label.shape[1]}x{label.shape[0]}",
            **plain, **arguments,
        )  # fmt: skip
    return path


KINDS = {
    "none": {},
    "one strip": {"rowsperstrip": 90},
    "lzw": {"compression": "lzw"},
    "deflate": {"compression": "deflate", "predictor": 2},
    "old deflate": {"compression": 32946},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd", "predictor": 2},
    "lzma": {"compression": "lzma"},
    "jpeg": {"compression": "jpeg", "rowsperstrip": 16},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_codec_of_strips(tmp_path: Path, tissue: np.ndarray, kind: str) -> None:
    """To two of the targets by turns."""
    arguments = {"rowsperstrip": 13, "photometric": "rgb"} | KINDS[kind]
    label = np.ascontiguousarray(tissue[:90, :71])
    source = with_label(tmp_path / "a.svs", tissue, label, **arguments)
    turn = list(KINDS).index(kind) % 3
    for name in (TARGETS[turn], TARGETS[turn - 1]):
        convert(source, tmp_path / name)
        check_kept(source, tmp_path / name, ["label"])


def test_other_samples(tmp_path: Path, tissue: np.ndarray, rng: np.random.Generator) -> None:
    gray = rng.integers(0, 255, (50, 61), np.uint8)
    deep = rng.integers(0, 2**16, (50, 61, 4), np.uint16)
    kinds = [
        (gray, {"photometric": "miniswhite", "compression": "lzw"}),
        (deep, {"photometric": "rgb", "extrasamples": [2], "compression": "lzw", "predictor": 2}),
    ]
    for number, (label, arguments) in enumerate(kinds):
        source = with_label(
            tmp_path / f"{number}.svs", tissue, label, rowsperstrip=7, **arguments
        )  # fmt: skip
        for name in TARGETS:
            output = tmp_path / f"{number}{name}"
            convert(source, output)
            check_kept(source, output, ["label"])
            with tifffile.TiffFile(source) as one, tifffile.TiffFile(output) as other:
                (page,) = (page for page in other.pages if page.shape == label.shape)
                assert page.extrasamples == one.pages[2].extrasamples


def test_what_the_target_would_misread_is_written_anew(
    tmp_path: Path, tissue: np.ndarray, rng: np.random.Generator
) -> None:
    deep = rng.integers(0, 2**16, (50, 61), np.uint16)
    kinds = {
        "big": (deep, {"byteorder": ">", "compression": "lzw"}),  # the target is little-endian
        "planes": (
            np.ascontiguousarray(np.moveaxis(tissue[:50, :61], 2, 0)),
            {"planarconfig": "separate", "photometric": "rgb", "compression": "lzw"},
        ),
        "palette": (
            deep.astype(np.uint8),
            {"colormap": rng.integers(0, 2**16, (3, 256), np.uint16), "photometric": "palette"},
        ),
    }
    for kind, (label, arguments) in kinds.items():
        source = with_label(tmp_path / f"{kind}.svs", tissue, label, **arguments)
        for name in TARGETS:
            convert(source, tmp_path / f"{kind}{name}")
            with open_reader(source) as one, open_reader(tmp_path / f"{kind}{name}") as other:
                wanted = one.associated("label").read()
                np.testing.assert_array_equal(other.associated("label").read(), wanted)


def test_tiles_stay_tiles_where_they_are_not_taken_for_a_level(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    source = tmp_path / "a.ome.tif"
    macro = np.ascontiguousarray(tissue[:90, :71])
    with tifffile.TiffWriter(source, ome=True) as tif:
        arguments = {"photometric": "rgb", "compression": "lzw", "predictor": 2}
        tif.write(tissue, tile=(128, 128), metadata={"Name": "scan"}, **arguments)
        tif.write(macro, tile=(32, 48), metadata={"Name": "macro image"}, **arguments)
    for name in TARGETS:
        output = tmp_path / f"to-{name}"
        convert(source, output)
        with open_reader(output) as ours:
            np.testing.assert_array_equal(ours.associated("macro").read(), macro)
        if name != "out.svs":
            before = hashes(source, macro.shape, tiled=True)
            assert hashes(output, macro.shape, tiled=True)[1] == before[1]
    with openslide.OpenSlide(tmp_path / "to-out.svs") as slide:
        assert slide.level_dimensions[0] == (512, 512)
        assert (71, 90) not in slide.level_dimensions
        np.testing.assert_array_equal(np.asarray(slide.associated_images["macro"])[..., :3], macro)


def test_what_is_kept_of_a_person_holds_nothing_behind_its_pixels(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    thumbnail = np.ascontiguousarray(tissue[:40, :60])
    data = zlib.compress(thumbnail.tobytes()) + b"Jane Doe"
    stored = {"data": iter([data]), "shape": thumbnail.shape, "dtype": "uint8", "rowsperstrip": 40}
    source = tmp_path / "a.svs"
    with tifffile.TiffWriter(source) as tif:
        text = "Aperio Image Library v11.2.1 \r\n512x512|AppMag = 20"
        plain = {"metadata": None, "software": False, "photometric": "rgb", "compression": 8}
        tif.write(tissue, tile=(128, 128), description=text, **plain)
        tif.write(**stored, **plain)
    convert(source, tmp_path / "kept.tiff")
    assert b"Jane Doe" in (tmp_path / "kept.tiff").read_bytes()
    convert(source, tmp_path / "out.tiff", ConvertOptions(deidentify=True))
    assert b"Jane Doe" not in (tmp_path / "out.tiff").read_bytes()
    with open_reader(tmp_path / "out.tiff") as ours:
        np.testing.assert_array_equal(ours.associated("thumbnail").read(), thumbnail)
