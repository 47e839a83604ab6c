"""Holds the associated images of an output against its source's."""

from collections.abc import Iterator

from ziggurat.converter.verify.errors import tile_errors
from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.reader import AssociatedImage, Reader

_MEAN, _BIAS = 12.0, 4.5  # of 8 bits, beside the detail there is: as levels of a lossy codec


def picture_problems(output: Reader, source: Reader) -> Iterator[str]:
    """Yield associated images that are others than the source's; a thumbnail may be smaller."""
    kept = set(output.info.associated) & set(source.info.associated) - set(output.info.withheld)
    for name in sorted(kept):
        try:
            ours, theirs = (reader.associated(name).read() for reader in (output, source))
        except SourceError:
            continue  # what can't be read is told by others
        if ours.shape != theirs.shape:
            small = ours.shape[0] <= theirs.shape[0] and ours.shape[1] <= theirs.shape[1]
            if name != "thumbnail" or not small or ours.shape[2] != theirs.shape[2]:
                yield f"the associated image {name!r} is {ours.shape}, the source's {theirs.shape}"
            continue
        found = tile_errors(ours, theirs)
        if not found.max_error:
            continue
        if not _is_lossy(output.associated(name)):
            yield f"the associated image {name!r} is not the source's"
        elif found.mean_error > _MEAN + found.detail or found.bias > _BIAS:
            yield (
                f"the associated image {name!r} is {found.mean_error:.3g} off the source's in "
                f"the mean, and {found.bias:.3g} lighter or darker"
            )


def _is_lossy(image: AssociatedImage) -> bool:
    page, stream = image.stored(), image.encoded()
    codecs = {page.format.codec if page else None, stream.codec if stream else None}
    return Codec.JPEG in codecs
