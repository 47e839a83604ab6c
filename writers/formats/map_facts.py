"""What outputs other than a COG can't hold of a map; the COG's own module tells what that can't."""

from ziggurat.readers.model.image import ImageInfo

_MASKS = {"per dataset", "band"}
_SCALES = ("scale", "offset", "units")


def lost_map_facts(info: ImageInfo, *, holds_place: bool) -> tuple[str, ...]:
    """Return one sentence for each fact of a map that an output has no place for.

    Parameters
    ----------
    info
        Of the image.
    holds_place
        The output says where on earth the image is.
    """
    lost = []
    if info.geo is not None and not holds_place:
        lost.append("the place on earth: COG and OME-Zarr hold it")
    map_facts = info.internal.get("gdal", {})
    bands = map_facts.get("bands", ())
    if not info.alpha and any(band.get("mask") in _MASKS for band in bands):
        lost.append("the mask that is no band: which pixels are valid")
    scales = [name for name in _SCALES if any(_says(band, name) for band in bands)]
    if scales:
        lost.append(f"{', '.join(scales)} of bands: what the stored numbers mean")
    if any("categories" in band for band in bands):
        lost.append("category names of bands")
    if map_facts.get("rpc"):
        lost.append("rational polynomials: control points stand for them")
    return tuple(lost)


def _says(band: dict[str, object], name: str) -> bool:
    plain = {"scale": 1.0, "offset": 0.0}.get(name, "")
    return band.get(name, plain) != plain
