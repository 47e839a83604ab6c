"""The versions of OME-Zarr: which are written, and what they stand on."""

from enum import Enum


class OmeVersion(Enum):
    """The version of OME-Zarr that is written."""

    V04 = "0.4"  # zarr v2
    V05 = "0.5"  # zarr v3

    @property
    def zarr_format(self) -> int:
        """The zarr format that goes with it."""
        return 2 if self is OmeVersion.V04 else 3
