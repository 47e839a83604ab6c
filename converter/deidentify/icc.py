"""Takes the texts out of ICC profiles: what a profile says of itself is not of its colours.

Source: ICC.1:2022. A profile is a header of 128 bytes, a table of tags, and their data.
"""

_HEADER, _ENTRY, _SIGNATURE = 128, 12, b"acsp"
_SIGNATURE_AT, _DATE, _ID = 36, slice(24, 36), slice(84, 100)
_RESERVED = slice(100, 128)
_SHORTEST_TEXT = 6  # bytes: fewer say nothing of anybody

# Types of tags that hold numbers alone.
_NUMERIC = frozenset(
    (b"XYZ ", b"curv", b"para", b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet", b"sf32", b"uf32",
     b"ui08", b"ui16", b"ui32", b"ui64", b"sig ", b"chrm", b"view", b"meas", b"cicp", b"clrt")
)  # fmt: skip

# What is said in profiles that come with programs and cameras, and so in no way of a person.
_COMMON = (
    "sRGB built-in", "sRGB IEC61966-2.1", "sRGB", "c2", "No copyright, use freely", "Display P3",
    "Adobe RGB (1998)", "Copyright (c) 1998 Hewlett-Packard Company", "Public Domain",
    "IEC http://www.iec.ch", "IEC 61966-2.1 Default RGB colour space - sRGB",
    "Reference Viewing Condition in IEC61966-2.1", "CC0", "ScanScope v1",
)  # fmt: skip


def scrub_icc(profile: bytes) -> bytes | None:
    """Return a profile of the same length and colours without free text; None where it is none.

    Texts, dates, tags of private types and bytes between the tags become blanks or zeros. A
    profile that says only what profiles of common programs say is left as it is.
    """
    if len(profile) < _HEADER + 4 or profile[_SIGNATURE_AT : _SIGNATURE_AT + 4] != _SIGNATURE:
        return profile if len(profile) < _SHORTEST_TEXT else None
    tags = _tags(profile)
    if tags is None:
        return None
    clean = bytearray(len(profile))
    table = _HEADER + 4 + _ENTRY * len(tags)
    clean[:table] = profile[:table]
    clean[_RESERVED] = bytes(28)
    texts = []
    for offset, size in tags:
        data = profile[offset : offset + size]
        kind = data[:4]
        if kind in _NUMERIC:
            clean[offset : offset + size] = data
        else:
            texts.append(data)
            clean[offset : offset + size] = _blanked(kind, data)
    if all(_is_common(data) for data in texts) and not _has_gaps(profile, tags, table):
        return profile
    clean[_DATE] = bytes(12)
    clean[_ID] = bytes(16)  # "not computed"
    return bytes(clean)


def _tags(profile: bytes) -> list[tuple[int, int]] | None:
    """Return (offset, size) of every tag, None where they can't be so."""
    count = int.from_bytes(profile[_HEADER : _HEADER + 4])
    start = _HEADER + 4
    if count > 200 or start + _ENTRY * count > len(profile):
        return None
    tags = []
    for entry in range(start, start + _ENTRY * count, _ENTRY):
        if not all(32 <= byte < 127 for byte in profile[entry : entry + 4]):
            return None
        offset = int.from_bytes(profile[entry + 4 : entry + 8])
        size = int.from_bytes(profile[entry + 8 : entry + 12])
        if offset < start or offset + size > len(profile) or size < 8:
            return None
        tags.append((offset, size))
    return tags


def _blanked(kind: bytes, data: bytes) -> bytes:
    """Return a tag of the same type and length that says nothing."""
    if kind == b"text":
        return kind + bytes(4) + b" " * (len(data) - 9) + b"\0" if len(data) > 8 else data
    if kind == b"mluc" and len(data) > 16:
        count = int.from_bytes(data[8:12])
        records = min(16 + 12 * count, len(data))
        return data[:records] + b"\0 " * ((len(data) - records) // 2) + bytes(len(data) % 2)
    if kind == b"desc" and len(data) > 12:
        length = int.from_bytes(data[8:12])  # of the ASCII part, its zero included
        if 0 < length <= len(data) - 12:
            blank = b" " * (length - 1)
            return data[:12] + blank + bytes(len(data) - 12 - len(blank))
    return kind + bytes(len(data) - 4)


def _is_common(data: bytes) -> bool:
    """Return True where a tag's text is one of the common ones, or there is none."""
    text = data[8:]
    for encoding in ("ascii", "utf-16-be"):
        for common in sorted(_COMMON, key=len, reverse=True):  # one may be a part of another
            text = text.replace(common.encode(encoding), b"")
    letters = bytes(byte for byte in text if 32 < byte < 127)
    return len(letters) < _SHORTEST_TEXT


def _has_gaps(profile: bytes, tags: list[tuple[int, int]], table: int) -> bool:
    """Return True where bytes that no tag owns are not zero."""
    spare = bytearray(profile)
    spare[:table] = bytes(table)
    for offset, size in tags:
        spare[offset : offset + size] = bytes(size)
    return any(spare) or any(profile[_RESERVED])
