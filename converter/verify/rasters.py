"""What GDAL tells of a raster whose tiles it does not show: its compression, its mask."""

from typing import Any

from ziggurat.readers.model.image import ImageInfo


def raster_structure(info: ImageInfo) -> dict[str, Any]:
    """Return what GDAL tells of how a raster lies in its file; empty of other images."""
    metadata = info.internal.get("gdal", {}).get("metadata", {})
    found: dict[str, Any] = metadata.get("IMAGE_STRUCTURE", {})
    return found


def raster_loses(info: ImageInfo) -> bool:
    """Return True for a raster whose codec does not keep values."""
    facts = raster_structure(info)
    jpeg = str(facts.get("COMPRESSION", "")).endswith("JPEG")
    return jpeg or str(facts.get("COMPRESSION_REVERSIBILITY", "")).startswith("LOSSY")


def raster_quality(info: ImageInfo) -> int | None:
    """Return the quality that the JPEG tiles of a raster were encoded with, if it is known."""
    quality = str(raster_structure(info).get("JPEG_QUALITY", ""))
    return int(quality) if quality.isdigit() else None


def has_mask(info: ImageInfo) -> bool:
    """Return True for a raster with one mask for all bands, which says what is transparent."""
    bands = info.internal.get("gdal", {}).get("bands", ())
    return any(band.get("mask") == "per dataset" for band in bands)
