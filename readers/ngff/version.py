"""The versions of OME-Zarr: which are written, and what they stand on."""

from enum import StrEnum


class OmeVersion(StrEnum):
    """Version of OME-Zarr that is written: 0.5 stands on zarr v3, 0.4 on zarr v2."""

    V04 = "0.4"
    V05 = "0.5"

    @property
    def zarr_format(self) -> int:
        """The zarr format that goes with it."""
        return 2 if self is OmeVersion.V04 else 3


def picture_chunk_refusal(version: OmeVersion, codec: str, bands: int) -> str | None:
    """Return why pictures can't be chunks; None where they can: zarr v2 puts no bands last."""
    if version.zarr_format > 2 or bands == 1:
        return None
    return f"OME-Zarr {version.value} takes {codec} chunks of one band only, not of {bands}"
