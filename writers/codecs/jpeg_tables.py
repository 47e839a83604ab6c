"""JPEG streams without their tables: TIFF stores those once for all tiles (tag 347).

The segments are those of ITU-T T.81 annex B. An encoder with fixed settings and standard
Huffman codes writes the same tables into every stream, some 600 bytes that a pyramid of
small tiles would repeat thousands of times.
"""

from collections.abc import Callable

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_DQT, _DHT, _SOS = 0xDB, 0xC4, 0xDA
_APPLICATION = range(0xE0, 0xF0)


def segments(stream: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return (marker, whole segment) of everything before the scan, and where the scan begins."""
    found: list[tuple[int, bytes]] = []
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF:
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        if marker == _SOS:
            return found, at
        found.append((marker, stream[at : at + 2 + length]))
        at += 2 + length
    raise ValueError("no scan in this JPEG stream")


def abbreviated(sample: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """Return the tables of one encoder's streams and a function that takes them out of a stream.

    Parameters
    ----------
    sample
        Any complete stream of that encoder, at the same settings.
    """
    tables = [segment for marker, segment in segments(sample)[0] if marker in (_DQT, _DHT)]
    wanted = set(tables)
    usual: tuple[bytes, bytes] = (b"", b"")  # the header of the last tile, whole and shortened

    def shorten(stream: bytes) -> bytes:
        nonlocal usual
        whole, short = usual  # one look: threads may change it meanwhile
        if not whole or not stream.startswith(whole):
            found, scan = segments(stream)
            if any(m in (_DQT, _DHT) and segment not in wanted for m, segment in found):
                return stream  # tables of its own stay with it
            kept = [s for m, s in found if m not in (_DQT, _DHT) and m not in _APPLICATION]
            whole, short = usual = stream[:scan], b"".join((_SOI, *kept))
        return short + stream[len(whole) :]

    return b"".join((_SOI, *tables, _EOI)), shorten
