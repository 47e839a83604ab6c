"""Which values may stay: numbers, and words of closed vocabularies. Free text never does."""

import re

_NUMBER = re.compile(r"[-+]?\d{1,9}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?")
_HEX_COLOR = re.compile(r"#?(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
_SPLIT = re.compile(r"[\s,;|\\\[\](){}×\"']+")
_SIZE = re.compile(r"\d{1,7}[xX]\d{1,7}")
_LONGEST = 2000

_UNITS_TEXT = (
    "pm nm um µm μm mm cm dm m km in inch inches ft thou s ms us µs min h pixel pixels px % x "
    "micrometer micrometers micron microns millimeter centimeter nanometer meter second none"
)
_UNITS = frozenset(_UNITS_TEXT.split())
_WORDS_TEXT = (
    "true false yes no on off none null unknown jpeg jpg jpeg2000 jp2 j2k png bmp bmp24 tiff raw "
    "deflate lzw zstd webp lossy lossless rgb bgr gray grey grayscale ybr ybr_full ybr_full_422 "
    "ybr_rct ybr_ict monochrome1 monochrome2 palette ycbcr iso_10918_1 iso_15444_1 brightfield "
    "fluorescence transmitted reflected area point pixelispoint pixelisarea uint8 uint16 float32 "
    "big little rle uncompressed both horizontal vertical left right up down row column"
)
_WORDS = frozenset(_WORDS_TEXT.split())
_VENDORS_TEXT = (
    "aperio hamamatsu leica mirax philips sakura trestle ventana zeiss olympus akoya dicom "
    "generic-tiff synthetic ziggurat tifffile.py openslide"
)
_VENDORS = frozenset(_VENDORS_TEXT.split())

# Words that containers themselves use: a file or a field of that name tells nothing of anybody.
_FORMAT_TEXT = (
    "source sample samples region channel channels thumbnail pyramid version description "
    "resolution software output multiscale multiscales attributes metadata dimension dimensions "
    "series offset strips pixels planes length orientation compression predictor "
    "photometric interpretation associated properties magnification objective created "
    "unknown default standard profile display linear window family active inverted"
)
FORMAT_WORDS = frozenset(_FORMAT_TEXT.split())

# Stains and channels that everybody has; a panel's own names are kept by a site's policy.
_DYES = re.compile(
    r"""(?:dapi|hoechst(?:[ -]?\d{5})?|draq[57]|sytox(?:[ -]\w{3,6})?|fitc|tritc|rhodamine|
    texas[ -]?red|cy[2357](?:\.5)?|(?:alexa|af)(?:[ -]?fluor)?[ -]?\d{3}|atto[ -]?\d{3}|
    opal[ -]?\d{3}|(?:m?cherry|e?gfp|e?yfp|e?cfp|rfp|tdtomato|mscarlet|mcitrine|venus|cerulean)|
    spectrum[ -]?(?:green|orange|aqua|gold|red)|pe|apc|percp|
    autofluorescence|af|background|brightfield|bright[ -]field|phase|dic|
    h&e|he|hematoxylin|eosin|dab|pas|red|green|blue|gray|grey|alpha|luminance|
    cyan|magenta|yellow|white|black|nir|ir|uv|
    cd\d{1,3}[a-z]?|pan[ -]?(?:ck|cytokeratin)|ck\d{0,2}|ki[ -]?67|
    foxp3|pd[ -]?l?1|sox10|her2|er|pr|
    (?:ch|channel|c|band|layer|level|class|label|image|frame|plane|gray_index)
    [ _:\#-]?\d{0,4}(?::\d{1,4})?|
    \d{1,4}(?:[ ]?nm)?)""",
    re.VERBOSE | re.IGNORECASE,
)


def is_technical(value: str) -> bool:
    """Return True where a value is made of numbers, units and words of a closed vocabulary.

    Dates, times, names and numbers of more than nine digits are none of these.
    """
    text = value.strip()
    if len(text) > _LONGEST:
        return False
    if is_channel_name(text):
        return True
    return all(_is_word(part) for part in _SPLIT.split(text) if part)


def _is_word(part: str) -> bool:
    lower = part.lower()
    if lower in _UNITS or lower in _WORDS or lower in _VENDORS:
        return True
    if _NUMBER.fullmatch(part) or _SIZE.fullmatch(part) or _HEX_COLOR.fullmatch(part):
        return True
    number = _NUMBER.match(part)
    return number is not None and part[number.end() :].lower() in _UNITS


def is_channel_name(name: str) -> bool:
    """Return True for names of stains and channels that say nothing of whom the slide is of."""
    return _DYES.fullmatch(name.strip()) is not None
