"""Pictures of which a library shows less than is in the file: read otherwise, or told."""

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.registry import open_reader


def seen(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    with open_reader(path) as reader:
        return reader.plane(0, 0).read(reader.info.levels[0].rect), reader.info.losses


@pytest.mark.parametrize("top", [1000, 4095, 65535])
@pytest.mark.parametrize("bands", [1, 3])
def test_netpbm_keeps_its_sixteen_bits(
    top: int, bands: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Pillow makes 8 bits of colours, and stretches gray to another range."""
    pixels = rng.integers(0, top + 1, (40, 50, bands)).astype(np.uint16)
    path = tmp_path / "a.pnm"
    head = b"P%d # made\n50 40\n# so\n%d\n" % (6 if bands == 3 else 5, top)
    path.write_bytes(head + pixels.astype(">u2").tobytes())
    found, losses = seen(path)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, pixels)
    oracle = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).reshape(40, 50, bands)
    np.testing.assert_array_equal(found, oracle[..., ::-1])
    assert not losses
    words = b" ".join(b"%d" % value for value in pixels.ravel())
    path.write_bytes(head.replace(b"P6", b"P3").replace(b"P5", b"P2") + words)
    np.testing.assert_array_equal(seen(path)[0], pixels)


def test_netpbm_cut_short_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 50 40 1000\n" + bytes(3000))
    with pytest.raises(CorruptSourceError, match="can't be decoded"):
        seen(path)
    path.write_bytes(b"P5 50000 40000 1000\n" + bytes(3000))
    with pytest.raises(CorruptSourceError, match="claims"):
        seen(path)


@pytest.mark.parametrize("top", [255, 1000])
def test_netpbm_pictures_behind_the_first_are_told(top: int, tmp_path: Path) -> None:
    one = b"P5 50 40 %d\n" % top + bytes(2000 * (1 + (top > 255)))
    (tmp_path / "a.pgm").write_bytes(one + one)
    assert "further pictures" in seen(tmp_path / "a.pgm")[1][0]
    (tmp_path / "b.pgm").write_bytes(one)
    assert not seen(tmp_path / "b.pgm")[1]


def test_sgi_of_sixteen_bits_is_refused(tmp_path: Path) -> None:
    pixels = Image.fromarray(np.zeros((40, 50, 3), np.uint8))
    for depth in (1, 2):
        path = tmp_path / f"{depth}.sgi"
        pixels.save(path, bpc=depth)
        if depth == 1:
            assert seen(path)[0].shape == (40, 50, 3)
            continue
        data = bytearray(path.read_bytes())
        struct.pack_into(">B", data, 3, 2)
        path.write_bytes(data)
        with pytest.raises(UnsupportedFormatError, match="16 bits"):
            seen(path)


def test_what_libvips_leaves_out_is_told(tmp_path: Path, tissue: np.ndarray) -> None:
    pictures = [Image.fromarray(tissue[:40, k : k + 50]) for k in range(3)]
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:])
    pictures[0].save(tmp_path / "b.png")
    pictures[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=pictures[1:])
    pictures[0].save(tmp_path / "b.jpg")
    pictures[0].convert("CMYK").save(tmp_path / "c.jpg")
    assert "an animation of 3 frames" in seen(tmp_path / "a.png")[1][0]
    assert "further pictures" in seen(tmp_path / "a.jpg")[1][0]
    assert "CMYK" in seen(tmp_path / "c.jpg")[1][0]
    assert not (*seen(tmp_path / "b.png")[1], *seen(tmp_path / "b.jpg")[1])


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "zarr", "zarr.zip", "ome.tif", "svs"])
def test_outputs_whose_names_are_no_utf_8(suffix: str, tissue: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", tissue[:64, :64], photometric="rgb", tile=(32, 32))
    output = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9." + suffix.encode())
    ziggurat.convert(tmp_path / "a.tif", output)
    with ziggurat.open(output) as source:
        assert (source.sizeX, source.sizeY) == (64, 64)
