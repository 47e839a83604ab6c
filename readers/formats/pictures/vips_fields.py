"""The fields of a libvips image as text, where pyvips takes UTF-8 for granted.

PNG says Latin-1 for keywords and values (PNG 3, 11.3.4), and file names are bytes anyway.
"""

from typing import Any

import pyvips

_BLOBS = ("exif-data", "icc-profile-data", "xmp-data", "iptc-data", "gif-palette")


def text_fields(image: object) -> dict[str, str]:
    """Return all fields of an image but its blobs, as text."""
    names = {_decode(name): name for name in _field_names(image)}
    return {name: _value(image, raw) for name, raw in names.items() if name not in _BLOBS}


def _field_names(image: Any) -> list[bytes]:
    library: Any = pyvips.vips_lib
    names: list[bytes] = []
    array = library.vips_image_get_fields(image.pointer)
    while array[len(names)] != pyvips.ffi.NULL:
        names.append(pyvips.ffi.string(array[len(names)]))
        pyvips.glib_lib.g_free(array[len(names) - 1])
    pyvips.glib_lib.g_free(array)
    return names


def _value(image: Any, name: bytes) -> str:
    try:
        return str(image.get(name))
    except UnicodeDecodeError:
        return _decode(_raw_value(image, name))


def _raw_value(image: Any, name: bytes) -> bytes:
    value: Any = pyvips.GValue()
    library: Any = pyvips.vips_lib
    if library.vips_image_get(image.pointer, name, value.pointer):
        return b""
    if value.gvalue.g_type == pyvips.GValue.gstr_type:
        pointer = pyvips.gobject_lib.g_value_get_string(value.gvalue)
    else:
        size = pyvips.ffi.new("size_t *")
        pointer = library.vips_value_get_ref_string(value.gvalue, size)
    return bytes(pyvips.ffi.string(pointer))


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
