"""Names and units that people give: of channels, bands and axes, and of places on earth."""

import dataclasses
import re

from ziggurat.converter.deidentify.policy import Policy
from ziggurat.converter.deidentify.values import is_channel_name, is_technical
from ziggurat.readers.model.image import Axis, Channel, GeoReference, ImageInfo

# Axes that formats, microscopes and models have; of another one the name is somebody's own.
_AXES_TEXT = (
    "c z t r i p a h l q v m f e b u g k n channel time depth index page tile phase angle lambda "
    "lifetime rotation modulo position view field level series scene block mosaic wavelength "
    "sample image plane frame focus epoch strip other"
)
_AXES = frozenset(_AXES_TEXT.split())
_COLOR = re.compile(r"#?[0-9A-Fa-f]{6,8}")


def clean_facts(info: ImageInfo, policy: Policy) -> tuple[ImageInfo, dict[str, str]]:
    """Return the facts without free text, and the texts that went, by what they were of."""
    texts: dict[str, str] = {}

    def named(name: str, what: str, number: int) -> str:
        if not name or is_channel_name(name) or policy.keeps_channel(name):
            return name
        texts[f"{what} {number}"] = name
        return f"{what} {number}"

    new = dataclasses.replace(
        info,
        axes=tuple(_axis(axis, number, texts) for number, axis in enumerate(info.axes)),
        channels=tuple(
            _channel(channel, named(channel.name, "channel", number))
            for number, channel in enumerate(info.channels)
        ),
        band_names=tuple(named(n, "band", number) for number, n in enumerate(info.band_names)),
        geo=None if info.geo is None else _place(info.geo, texts),
    )
    return new, texts


def _channel(channel: Channel, name: str) -> Channel:
    color = channel.color if channel.color and _COLOR.fullmatch(channel.color) else None
    return dataclasses.replace(channel, name=name, color=color)


def _axis(axis: Axis, number: int, texts: dict[str, str]) -> Axis:
    name, values, unit = axis.name, axis.values, axis.unit
    if name not in _AXES:
        texts[f"axis {number}"] = name
        name = f"axis{number}"
    by_frame = axis.by_frame
    said = [value for value in (*(values or ()), *(by_frame or ())) if isinstance(value, str)]
    strange = [value for value in said if not is_technical(value)]
    if strange:
        texts.update({f"axis {number}, value {n}": text for n, text in enumerate(strange)})
        values = by_frame = None
    if unit is not None and not is_technical(unit):
        texts[f"unit of axis {number}"] = unit
        unit = None
    return dataclasses.replace(axis, name=name, values=values, unit=unit, by_frame=by_frame)


def _place(geo: GeoReference, texts: dict[str, str]) -> GeoReference:
    """Return a place whose CRS is named by its code where it has one, else by nothing."""
    code = _authority(geo.projection)
    if code is not None:
        return dataclasses.replace(geo, projection=code)
    from osgeo import osr

    system = osr.SpatialReference()
    system.SetFromUserInput(geo.projection)
    plain = system.ExportToProj4()  # numbers and keywords, no names
    texts["coordinate system"] = ""
    return dataclasses.replace(geo, projection=plain or geo.projection)


def _authority(projection: str) -> str | None:
    """Return EPSG:number of a CRS that is that in every number, None of any other."""
    from osgeo import osr

    osr.UseExceptions()
    system = osr.SpatialReference()
    try:
        system.SetFromUserInput(projection)
        name, code = system.GetAuthorityName(None), system.GetAuthorityCode(None)
        if name != "EPSG" or code is None:
            return None
        known = osr.SpatialReference()
        known.ImportFromEPSG(int(code))
        return f"EPSG:{int(code)}" if known.IsSame(system) else None
    except (RuntimeError, ValueError):
        return None
