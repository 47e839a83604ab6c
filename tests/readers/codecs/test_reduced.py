"""JPEG tiles at a half, a quarter and an eighth: whoever decodes them, the same pixels."""

import numpy as np
import pytest
import simplejpeg

from ziggurat.readers.codecs import decode
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("sampling", ["444", "422", "420"])
@pytest.mark.parametrize("side", [(240, 240), (250, 131)])
def test_the_fast_way_gives_opencvs_pixels(
    tissue: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    reduction: int,
    sampling: str,
    side: tuple[int, int],
) -> None:
    pixels = np.ascontiguousarray(tissue[: side[0], : side[1]])
    stream = simplejpeg.encode_jpeg(pixels, 85, "RGB", sampling)
    form = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")
    fast = decode.reduced_jpeg(stream, reduction)
    assert fast is not None
    monkeypatch.setattr(decode, "reduced_jpeg", lambda *_: None)
    slow = decode._reduced_jpeg(stream, form, reduction)
    np.testing.assert_array_equal(fast, slow)


def test_what_is_damaged_is_left_to_others(tissue: np.ndarray) -> None:
    stream = simplejpeg.encode_jpeg(np.ascontiguousarray(tissue[:64, :64]), 85)
    assert decode.reduced_jpeg(stream[:200], 2) is None
    assert decode.reduced_jpeg(b"no picture", 2) is None
