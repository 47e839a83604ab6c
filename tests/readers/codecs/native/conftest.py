"""One stream of each kind."""

import numpy as np
import pytest

from tests.readers.codecs.native.made import HEIGHT, KINDS, WIDTH


@pytest.fixture(scope="module")
def streams(tissue: np.ndarray) -> dict[str, bytes]:
    pixels = np.ascontiguousarray(tissue[40 : 40 + HEIGHT, 90 : 90 + WIDTH])
    return {name: encode(pixels) for name, (_, encode) in KINDS.items()}
