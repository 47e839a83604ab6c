"""A region of any size as a tiled TIFF file, written strip by strip in bounded memory."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from ziggurat.readers.errors import SourceError
from ziggurat.readers.grid.pyramid import Resolution
from ziggurat.readers.model.checks import one_text
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.source.output.encode import check_jpeg_in_tiff

Tag = tuple[int, int, int, object, bool]  # code, type, count, value, once
_TILE = 256
_COMPRESSIONS = {
    "raw": None,
    "none": None,
    "lzw": "lzw",
    "deflate": "zlib",
    "zip": "zlib",
    "zstd": "zstd",
    "packbits": "packbits",
    "jpeg": "jpeg",
}


@dataclass(frozen=True, slots=True)
class Export:
    """What a file will hold.

    Parameters
    ----------
    rows
        ``rows(top, height)`` gives whole rows as (height, width, band).
    shape
        (height, width, bands) of the whole.
    dtype
        Of the pixels.
    compression
        raw, lzw, deflate, zstd, packbits or jpeg.
    quality
        Of JPEG, 0 to 100.
    resolution
        Written as resolution tags where it is known.
    alpha
        The last band is alpha.
    tags
        More tags of the page, as tifffile's ``extratags``: its place on earth.
    """

    rows: Callable[[int, int], Pixels]
    shape: tuple[int, int, int]
    dtype: np.dtype
    compression: str = "lzw"
    quality: int = 95
    resolution: Resolution | None = None
    alpha: bool = False
    tags: Sequence[Tag] = ()


def write_tiled_region(export: Export, path: str | Path | None = None) -> Path:
    """Write a tiled TIFF and return where it is.

    Under its name only when it is complete; without a ``path`` it is a temporary file, which is
    the caller's to delete.

    Raises
    ------
    OptionError
        There is no such compression, or it can't hold the pixels.
    SourceError
        The file can't be written.
    """
    one_text("compression of a TILED export", export.compression, _COMPRESSIONS)
    if export.compression == "jpeg":
        check_jpeg_in_tiff(export.dtype, export.shape[2])
    part = _part(path)
    try:
        _write(part, export)
        if path is None:
            return part
        return part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SourceError(f"{path or part} can't be written: {error}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _part(path: str | Path | None) -> Path:
    """Return a new empty file to write into: a temporary one, or one beside ``path``."""
    try:
        if path is None:
            with tempfile.NamedTemporaryFile(
                prefix="tiledRegion_", suffix=".tiff", delete=False
            ) as file:
                return Path(file.name)
        part = Path(path).with_name(f".{uuid4().hex}.part")
        part.touch(exist_ok=False)
    except OSError as error:
        raise SourceError(f"{path or tempfile.gettempdir()} can't be written: {error}") from error
    return part


def _write(path: Path, export: Export) -> None:
    import tifffile  # heavy, and rarely needed

    shape, dtype, resolution = export.shape, export.dtype, export.resolution
    height, width, bands = shape
    color = bands in (3, 4) and dtype.kind == "u" and dtype.itemsize <= 2
    per_cm = None
    if resolution and resolution.mm_x and resolution.mm_y:
        per_cm = (10 / resolution.mm_x, 10 / resolution.mm_y)
    tifffile.imwrite(
        path,
        _tiles(export.rows, shape),
        shape=shape if bands > 1 else shape[:2],
        dtype=dtype,
        tile=(_TILE, _TILE),
        bigtiff=height * width * bands * dtype.itemsize > 3 << 30,
        photometric="rgb" if color else "minisblack",
        planarconfig="contig" if bands > 1 else None,
        extrasamples=["unassalpha"] if color and bands == 4 and export.alpha else None,
        compression=_COMPRESSIONS[export.compression],
        compressionargs={"level": export.quality} if export.compression == "jpeg" else None,
        resolution=per_cm,
        resolutionunit="CENTIMETER" if per_cm else None,
        extratags=list(export.tags),
        metadata=None,
        maxworkers=1,
    )


def _tiles(rows: Callable[[int, int], Pixels], shape: tuple[int, int, int]) -> Iterator[Pixels]:
    height, width, bands = shape
    for top in range(0, height, _TILE):
        strip = rows(top, min(_TILE, height - top))
        for left in range(0, width, _TILE):
            part = strip[:, left : left + _TILE]
            missing = _TILE - part.shape[0], _TILE - part.shape[1]
            if any(missing):
                part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)))
            yield np.ascontiguousarray(part if bands > 1 else part[..., 0])
