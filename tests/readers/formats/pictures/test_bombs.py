"""Small files that claim a great deal: what is not asked for is not decoded, by counts."""

import contextlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
import simplejpeg
from PIL import Image

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.formats.pictures import base as decoded
from ziggurat.readers.formats.pictures import drawing
from ziggurat.readers.formats.pictures.vips import open_reader as open_by_vips
from ziggurat.readers.formats.pictures.whole import whole_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect


def blank_png(path: Path, side: int) -> Path:
    packer = zlib.compressobj()
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, body in ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")):
            check = struct.pack(">I", zlib.crc32(kind + body))
            file.write(struct.pack(">I", len(body)) + kind + body + check)
    return path


def test_a_corner_of_a_plain_picture_does_not_cost_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is decoded, and what the file of pixels takes on disk: by rows, doubled."""
    monkeypatch.setattr(decoded, "MEMORY_BYTES", 1_000_000)
    monkeypatch.setattr(decoded, "_HARMLESS_BYTES", 100_000)
    reader = open_by_vips(locate(blank_png(tmp_path / "a.png", 4000)))
    fetched: list[int] = []
    fetch = pyvips.Region.fetch

    def counted(region: pyvips.Region, x: int, y: int, width: int, height: int) -> object:
        fetched.append(height)
        return fetch(region, x, y, width, height)

    monkeypatch.setattr(pyvips.Region, "fetch", counted)
    assert not reader.plane(0, 0).read(Rect(0, 0, 64, 64)).any()
    assert sum(fetched) == 1 + 64
    assert reader._room is not None
    assert reader._room._file is not None
    assert os.fstat(reader._room._file).st_blocks * 512 < 1_000_000
    for y in range(64, 4000, 64):
        assert (
            not reader.plane(0, 0).read(Rect(3900, y, 64, 64 if y + 64 <= 4000 else 4000 - y)).any()
        )
    assert sum(fetched) < 3 * 4000
    assert not reader.plane(0, 0).read(Rect(0, 0, 4000, 4000)).any()


def test_frames_are_decoded_as_far_as_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoded, "_FEW_FRAMES", 3)
    frames = [Image.fromarray(np.full((10, 12), 9 * k, np.uint8)) for k in range(20)]
    for name in ("a.gif", "a.webp"):
        options = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        reader = open_by_vips(locate(tmp_path / name))
        assert reader.info.frames == 20
        for frame, filled in ((0, 3), (2, 3), (3, 6), (19, 20), (5, 20)):
            pixels = reader.plane(0, frame).read(Rect(0, 0, 12, 10))
            assert set(pixels[..., 0].ravel()) == {9 * frame}
            assert reader._filled == filled * 10


def test_a_codec_that_decodes_whole_is_not_asked_for_a_thousand_million_samples(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.jls").write_bytes(b"\xff\xd8\xff\xf7" + bytes(30_000))
    with pytest.raises(SourceError, match="decoded at once"):
        whole_reader(
            locate(tmp_path / "a.jls"),
            "jpeg-ls",
            (60_000, 60_000, 1),
            np.dtype(np.uint8),
            lambda data: data,
            packs=200_000,
        )


DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" width="60" '
    'height="40"><defs><g id="g0"><rect width="9" height="9"/></g>{groups}</defs>{shown}</svg>'
)


@pytest.mark.parametrize(
    "reference", ['<use x:href="#{}"/>', '<use href="#{}"/>', '<rect style="fill: url(#{})"/>']
)
def test_a_drawing_that_multiplies_is_refused(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = "".join(f'<g id="g{k}">{reference.format(f"g{k - 1}") * 10}</g>' for k in range(1, 8))
    path = tmp_path / "a.svg"
    path.write_text(DRAWING.format(groups=groups, shown='<use x:href="#g7"/>'))
    with pytest.raises(CorruptSourceError, match="by references to one another"):
        open_by_vips(locate(path))
    circle = groups.replace("g0", "g7")
    path.write_text(DRAWING.format(groups=circle, shown='<use x:href="#g1"/>'))
    with contextlib.suppress(CorruptSourceError):
        open_by_vips(locate(path))  # ends: circles are counted once
    monkeypatch.setattr(drawing, "_MOST_REPEATED", 100)
    many = "<rect/>" * 300  # many, but each is there
    path.write_text(DRAWING.format(groups="", shown='<use x:href="#g0"/>' + many))
    assert open_by_vips(locate(path)).plane(0, 0).read(Rect(0, 0, 60, 40)).shape == (40, 60, 4)


def test_a_jpeg_tile_of_thousands_of_scans_is_refused_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each scan of a few bytes goes over all blocks: 10 kB take minutes."""
    form = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")
    Image.new("RGB", (64, 64)).save(tmp_path / "a.jpg", progressive=True)
    stream = (tmp_path / "a.jpg").read_bytes()
    assert decode_tile(stream, form, (64, 64)).shape == (64, 64, 3)
    last = stream.rindex(b"\xff\xda")
    hostile = stream[:last] + stream[last:-2] * 200 + b"\xff\xd9"
    film = stream + b"\xff\xda\x01" * 200  # of what lies behind the picture nothing is counted
    assert decode_tile(film, form, (64, 64)).shape == (64, 64, 3)
    monkeypatch.setattr(simplejpeg, "decode_jpeg", pytest.fail)
    with pytest.raises(CorruptSourceError, match="more than 100 scans"):
        decode_tile(hostile, form, (64, 64))
