"""What becomes of label, macro and thumbnail, and what each of them weighs; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from ziggurat.readers.model.codec import Codec
from ziggurat.writers.formats.registry import Output

LABEL_QUALITY = 90  # at least, of what is read by people and machines: letters and bars
_LIGHT = 32_768  # bytes of pixels: an image of fewer weighs nothing, however it is stored


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """One associated image of a source; ``stored`` bytes go over as they are, None: none can."""

    name: str
    width: int
    height: int
    samples: int  # bytes
    codec: Codec | None
    stored: int | None
    plain: bool  # 8-bit gray or RGB, as JPEG holds it
    made_smaller: bool = False  # with the image, whose thumbnail it is


@dataclass(frozen=True, slots=True)
class PictureStep:
    """One associated image of the output; ``quality`` is None where it loses no value."""

    name: str
    width: int
    height: int
    action: str  # copy or encode
    codec: str
    expected_bytes: int
    quality: int | None = None


def picture_steps(
    facts: Sequence[PictureFacts], target: Output, quality: int | None
) -> tuple[PictureStep, ...]:
    """Return what becomes of the associated images that a target has a place for.

    ``quality``: those that no code stream of a JPEG is at hand of become one, as the tiles of
    the image, which is made smaller and may lose values. Else none loses any.
    """
    held = [p for p in facts if target.pictures is None or p.name in target.pictures]
    return tuple(_step(picture, target, quality) for picture in held)


def _step(picture: PictureFacts, target: Output, quality: int | None) -> PictureStep:
    size = picture.name, picture.width, picture.height
    takes_jpeg = Codec.JPEG in target.codecs
    if quality is not None and takes_jpeg and _is_heavy(picture):
        chosen = quality if picture.made_smaller else max(quality, LABEL_QUALITY)
        return PictureStep(*size, "encode", "jpeg", round(picture.samples * 0.12), chosen)
    tiff = takes_jpeg and target.padded
    copied = tiff or (takes_jpeg and picture.codec is Codec.JPEG)
    if copied and picture.stored is not None and picture.codec is not None:
        return PictureStep(*size, "copy", picture.codec.value, picture.stored)
    codec = Codec.DEFLATE if tiff else target.codecs[0]
    return PictureStep(*size, "encode", codec.value, round(picture.samples * codec.row.ratio))


def _is_heavy(picture: PictureFacts) -> bool:
    return picture.plain and picture.codec is not Codec.JPEG and picture.samples > _LIGHT


def picture_losses(steps: Sequence[PictureStep], facts: Sequence[PictureFacts]) -> tuple[str, ...]:
    """Return a sentence for each image that loses values; a smaller thumbnail is a new picture."""
    made = {picture.name for picture in facts if picture.made_smaller}
    return tuple(
        f"exact values of the associated image {step.name!r}: encoded as {step.codec}, quality "
        f"{step.quality}, like the smaller image (--compression deflate keeps them)"
        for step in steps
        if step.quality is not None and step.name not in made
    )


def picture_notes(steps: Sequence[PictureStep], facts: Sequence[PictureFacts]) -> tuple[str, ...]:
    """Return what is to be known of the pictures in the output."""
    made = {picture.name for picture in facts if picture.made_smaller}
    return tuple(
        f"{step.name!r} is made smaller with the image: {step.width} x {step.height} pixels"
        for step in steps
        if step.name in made
    )
