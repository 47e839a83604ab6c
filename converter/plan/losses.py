"""What a target can't hold of a source, in words."""

from ziggurat.converter.plan.options import Target
from ziggurat.readers.model.image import ImageInfo


def expected_losses(info: ImageInfo, target: Target) -> tuple[str, ...]:
    """Return one sentence for each thing that the target has no place for."""
    losses = []
    axes = {axis.name for axis in info.axes}
    if target is Target.SVS:
        if axes - {"z"}:
            losses.append(f"axes {sorted(axes - {'z'})}: an SVS has one frame, or focal planes")
        if info.mm_x and info.mm_y and abs(info.mm_x / info.mm_y - 1) > 1e-3:
            losses.append("pixels that are not square: an SVS has one size for both sides")
        extra = sorted(set(info.associated) - {"label", "macro", "thumbnail"})
        if extra:
            losses.append(f"associated images {extra}: an SVS has label, macro and thumbnail")
    if target is Target.COG:
        if info.associated:
            losses.append(f"associated images {sorted(info.associated)}: a COG has none")
        if info.frames > 1:
            losses.append("all frames but the first: a COG has one")
    if info.geo is not None and target in (Target.TIFF, Target.OME_TIFF, Target.SVS):
        losses.append("the place on earth: COG and OME-Zarr hold it")
    return tuple(losses)
