"""Damaged streams for the native kernel: ``.ci/fuzz-kernel`` runs this under sanitizers.

``fuzz.py EXTENSION SECONDS [SEED]``: streams are cut, spliced, flipped or noise, and decoded at
random scales and crops by one to three threads. What the kernel says is done, the way that it
stands in for must decode as well, to the same pixels.
"""

import importlib.util
import io
import random
import sys
import time
from collections import Counter
from dataclasses import replace
from types import ModuleType

import imagecodecs
import numpy as np
import simplejpeg
from PIL import Image

from ziggurat.readers.codecs.decode import decode_tile, decode_tile_reduced
from ziggurat.readers.codecs.native.kernel import DONE
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.reader import Pixels

SIDE = 96
YCBCR = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")
GRAY = replace(YCBCR, photometric=Photometric.GRAY, bands=1)
_COMPARED = 8  # one in so many of those that are done


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("_decode", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def samples() -> list[tuple[TileFormat, bytes]]:
    """Return a sound stream of every kind."""
    y, x = np.mgrid[:SIDE, :SIDE]
    noise = np.random.default_rng(5).integers(0, 60, (SIDE, SIDE))
    picture = np.stack([x * 2 + noise, y * 2, (x * y) % 251], axis=2).clip(0, 255).astype(np.uint8)
    found = [(YCBCR, simplejpeg.encode_jpeg(picture, 80, "RGB", s)) for s in ("444", "422", "420")]
    found += [(GRAY, bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(picture[..., 0]), 80)))]
    ways: list[dict[str, object]] = [
        {"progressive": True},
        {"restart_marker_blocks": 2},
        {"optimize": True},
    ]
    for options in ways:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=80, **options)
        found.append((YCBCR, file.getvalue()))
    return found


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a stream with something wrong, and now and then a sound one."""
    kind = rng.randrange(9)
    place, length = rng.randrange(2, len(data)), rng.randrange(1, 200)
    mutable = bytearray(data)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + data[place + length :]
    if kind == 2:
        return data[:place] + data[max(0, place - length) :]
    if kind == 3:
        return data[:place] + rng.randbytes(length) + data[place + length :]
    if kind == 4:
        return data[:2] + rng.randbytes(rng.randrange(2000))
    if kind == 5:  # the headers, where sizes, tables and samplings are
        place = rng.randrange(2, min(len(data), 640))
    if kind == 6:
        return data
    for _ in range(rng.choice((1, 1, 2, 8, 60))):
        mutable[place] = rng.choice((0, 1, 0xFF, 0x80, mutable[place] ^ 1 << rng.randrange(8)))
        place = rng.randrange(2, len(data)) if kind > 5 else rng.randrange(2, min(len(data), 640))
    return bytes(mutable)


def due(data: bytes, form: TileFormat, scale: int) -> Pixels:
    shape = SIDE, SIDE
    if scale == 1:
        return decode_tile(data, form, shape)
    return decode_tile_reduced(data, form, scale, shape)


def main() -> None:
    """Try until the time is over; the first wrong pixel is an error."""
    kernel, seconds = load(sys.argv[1]), float(sys.argv[2])
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    sound, seen, compared = samples(), Counter[int](), 0
    longest = 0.0
    start = time.process_time()
    while time.process_time() - start < seconds:
        form, data = rng.choice(sound)
        scale = rng.choice((1, 1, 2, 4, 8))
        side = SIDE // scale
        tiles: list[tuple[bytes, Pixels, int, int, Pixels, int, int]] = []
        for _ in range(16):
            x, y = (rng.randrange(side), rng.randrange(side)) if rng.random() < 0.5 else (0, 0)
            size = rng.randint(1, side - y), rng.randint(1, side - x)
            size = size if rng.random() < 0.5 else (side - y, side - x)
            found = np.zeros((*size, form.bands), np.uint8)
            down, right = rng.randrange(size[0]), rng.randrange(size[1])
            copy = np.zeros_like(found[down:, right:])
            tiles.append((damaged(data, rng), found, x, y, copy, x + right, y + down))
        before = time.process_time()
        status = kernel.decode(
            tiles, b"\xff\xd8", SIDE, SIDE, form.bands, scale, rng.randint(1, 3), -1
        )
        longest = max(longest, time.process_time() - before)
        seen.update(status)
        for (stream, found, x, y, copy, right, down), one in zip(tiles, status, strict=True):
            if one == DONE and not rng.randrange(_COMPARED):
                np.testing.assert_array_equal(copy, found[down - y :, right - x :])
                part = due(stream, form, scale)[y : y + found.shape[0], x : x + found.shape[1]]
                np.testing.assert_array_equal(found, part)
                compared += 1
    print(f"{seen.total()} streams: by status {dict(sorted(seen.items()))}; {compared} compared")
    print(f"longest call of 16 streams: {longest * 1e3:.1f} ms of processor time")


if __name__ == "__main__":
    main()
