"""Names of ``tiffCompression`` are those of the table of codecs."""

import io

import numpy as np
import pytest
import tifffile

from tests.each import each
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.source.output.encode import Encoding, encoded

NAMES = {
    "": 1, "raw": 1, "none": 1, "lzw": 5, "tiff_lzw": 5, "deflate": 8, "tiff_adobe_deflate": 8,
    "zip": 8, "zstd": 50000, "packbits": 32773, "lzma": 34925,
}  # fmt: skip


@each("name", NAMES)
def test_a_tiff_is_compressed_as_asked(name: str) -> None:
    pixels = np.arange(40 * 50 * 3, dtype=np.uint16).reshape(40, 50, 3)
    data = encoded(pixels, Encoding("TIFF", tiff_compression=name), alpha=False)
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        assert tif.pages[0].compression == NAMES[name]
        np.testing.assert_array_equal(tif.pages[0].asarray(), pixels)


@pytest.mark.parametrize("name", [Codec.WEBP.value, Codec.BLOSC.value, "nonsense"])
def test_others_are_refused_by_name(name: str) -> None:
    with pytest.raises(OptionError, match=f"tiffCompression must be one of .*lzw.*, not '{name}'"):
        Encoding("TIFF", tiff_compression=name)
