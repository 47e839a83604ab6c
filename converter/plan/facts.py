"""Gathers what the plan is made from: the one look into a source before anything is decided."""

from collections.abc import Sequence

from ziggurat.converter.plan.encoding import SourceFacts, StoredTiles
from ziggurat.converter.plan.pictures import PictureFacts
from ziggurat.readers.codecs.jpeg_quality import jpeg_quality
from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.views import View

SAMPLED_TILES = 24  # looked at per level, to guess its size


def gather_facts(
    reader: Reader, path: str, *, smaller: bool = False, remade: Sequence[str] = ()
) -> SourceFacts:
    """Look at the encoded tiles of every stored level, and at the associated images.

    ``smaller``: the image is, than the file at ``path``; ``remade`` are those of its associated
    images that are, too.
    """
    tiles = tuple(_stored_tiles(reader, level) for level in range(len(reader.info.levels)))
    pictures = tuple(_picture(reader, name, remade) for name in reader.info.associated)
    return SourceFacts(
        path,
        reader.info,
        tiles,
        _source_quality(reader),
        tuple(picture for picture in pictures if picture is not None),
        smaller,
    )


def _picture(reader: Reader, name: str, remade: Sequence[str]) -> PictureFacts | None:
    """Return what is known of an associated image; None where it can't be read."""
    image = reader.associated(name)
    try:
        page, stream = image.stored(), image.encoded()
        pixels = image.read()
    except SourceError:
        return None  # the writer says it
    codec, size = None, None
    if page is not None:
        codec, size = page.format.codec, sum(map(len, page.segments))
    elif stream is not None and stream.codec is Codec.JPEG:
        codec, size = stream.codec, len(stream.data)
    height, width, bands = pixels.shape
    return PictureFacts(
        name,
        width,
        height,
        pixels.nbytes,
        codec,
        size,
        plain=pixels.dtype.name == "uint8" and bands in (1, 3),
        made_smaller=name in remade,
    )


def _source_quality(reader: Reader) -> int | None:
    """Return the quality of the JPEG tiles that an image's pixels come from, whatever views say."""
    while isinstance(reader, View):
        reader = reader.source
    tiles = reader.plane(0, 0).encoded()
    if tiles is None or tiles.format.codec is not Codec.JPEG:
        return None
    if tiles.format.tables:
        return jpeg_quality(tiles.format.tables)
    first = tiles.tile(0, 0)
    return None if first is None else jpeg_quality(first)


def _stored_tiles(reader: Reader, level: int) -> StoredTiles | None:
    first = reader.plane(level, 0).encoded()
    if first is None:
        return None
    for frame in range(1, reader.info.frames):
        other = reader.plane(level, frame).encoded()
        if other is None or _shape(other) != _shape(first):
            return None
    return StoredTiles(first, _mean_bytes(first))


def _shape(tiles: EncodedLevel) -> tuple[object, ...]:
    form = tiles.format
    grid = (tiles.width, tiles.height, tiles.tile_width, tiles.tile_height)
    return (*grid, form.codec, form.bands, form.dtype, form.planar, form.byteorder)


def _mean_bytes(tiles: EncodedLevel) -> float:
    count = tiles.columns * tiles.rows
    step = max(1.0, (count - 1) / (SAMPLED_TILES - 1))
    picks = [int(step * i) for i in range(min(SAMPLED_TILES, count))]
    sizes = []
    for pick in picks:
        row, column = divmod(pick, tiles.columns)
        sizes.append(len(tiles.tile(column, row) or b""))
    return sum(sizes) / len(sizes)
