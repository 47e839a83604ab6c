"""How strongly a JPEG was quantised, in the scale of libjpeg that everybody gives qualities in."""

# The luminance table of ITU-R T.81, annex K, that qualities scale; zigzag order as in a stream.
_LUMINANCE = (
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37,
    29, 40, 58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
)  # fmt: skip
_START_OF_TABLES, _START_OF_SCAN = 0xDB, 0xDA


def jpeg_quality(stream: bytes) -> int | None:
    """Return the quality, 1 to 100, that the first table of a stream is nearest to.

    Parameters
    ----------
    stream
        A whole stream, or the tables that TIFF keeps apart. None is returned for one that has no
        table of 8 bits.
    """
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at + 1] != _START_OF_SCAN:
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        table = stream[at + 4 : at + 2 + length]
        if marker == _START_OF_TABLES and len(table) >= 65 and table[0] >> 4 == 0:
            return _nearest(table[1:65])
        at += 2 + length
    return None


def _nearest(table: bytes) -> int:
    ratios = [100 * found / usual for found, usual in zip(table, _LUMINANCE, strict=True)]
    scale = sum(ratios) / len(ratios)
    quality = 5000 / scale if scale > 100 else (200 - scale) / 2
    return min(100, max(1, round(quality)))
