"""One DICOM instance of a whole slide: what its header says, as frozen facts.

Source: DICOM PS3.3 A.32.8 (VL Whole Slide Microscopy), C.8.12.4, C.7.6.17.3 (tiled organisation).
"""

import errno
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.io.bytes import ByteFile, LocalBytes
from ziggurat.readers.model.geometry import ceil_div

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_MANY_FRAMES = 1000
_LARGEST_SIDE = 2**31 - 1
_DEPTH_DIGITS = 6

Place = tuple[str, int]  # optical path, focal plane
Cell = tuple[int, int]  # column, row


class TileGrid(Protocol):
    """Which frame is the tile at a cell; None where there is none."""

    def get(self, cell: Cell, /) -> int | None:
        """Return the number of a frame."""


@dataclass(frozen=True, slots=True)
class FullGrid:
    """All cells, row by row; ``first`` is the frame of cell (0, 0), negative in later parts."""

    columns: int
    rows: int
    first: int
    frames: int

    def get(self, cell: Cell, /) -> int | None:
        """Return the number of a frame."""
        column, row = cell
        if not (0 <= column < self.columns and 0 <= row < self.rows):
            return None
        index = self.first + row * self.columns + column
        return index if 0 <= index < self.frames else None


@dataclass(frozen=True)
class Instance:
    """A file of a slide: a level (or a part of one), or an associated image.

    ``grids`` says for each place (optical path, focal plane) which frame is the tile at
    (column, row).
    """

    path: Path
    kind: str  # VOLUME, LABEL, OVERVIEW, THUMBNAIL
    series: str
    uid: str
    concatenation: str  # what its parts share, empty where there is only one
    number: int
    width: int
    height: int
    tile_width: int
    tile_height: int
    frames: int
    syntax: str
    photometric: str
    bands: int
    bits: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: bool
    paths: tuple[str, ...]
    names: Mapping[str, str]  # of the optical paths
    planes: int  # focal planes of the level, as the header says: other instances may hold them
    depths: tuple[float, ...]  # of its focal planes, or of the first; none where it isn't said
    grids: Mapping[Place, TileGrid]
    pixel_offset: int
    extended: tuple[bytes, bytes] | None
    unplaced: int  # frames that lie nowhere
    header: Dataset

    @property
    def spare_bits(self) -> int:
        """How many bits above a sample's own are not its: overlays, or anything."""
        return max(0, self.bits - self.bits_stored)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole image that this is (a part of)."""
        return self.width, self.height


def is_dicom(path: Path) -> bool:
    """Return True for a file that begins as DICOM does, or is named so.

    Names of instances are often their identifiers: numbers and dots.

    Raises
    ------
    SourceError
        There are too many files open to look at it.
    """
    if path.suffix.lower() in (".dcm", ".dicom"):
        return True
    try:
        with path.open("rb") as file:
            return file.read(132).endswith(b"DICM")
    except OSError as error:
        _check_descriptors(path, error)
        return False


def _check_descriptors(path: Path, error: OSError) -> None:
    """Raise where a file can't be opened because too many are: it may be a part of the slide."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        raise SourceError(f"{path} can't be read: {error.strerror}") from error


def read_series(path: Path) -> str | None:
    """Return the series that a file belongs to, or None where it is no slide."""
    try:
        with path.open("rb") as file:
            tags: list[Any] = ["SOPClassUID", "SeriesInstanceUID"]
            found = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)
            if found.get("SOPClassUID") != WHOLE_SLIDE:
                return None
            return str(found.get("SeriesInstanceUID", ""))
    except OSError as error:
        _check_descriptors(path, error)
        return None
    except Exception:  # noqa: BLE001  any broken neighbour in the folder: pydicom raises what it likes
        return None


def read_instance(path: Path) -> Instance:
    """Read the header of an instance.

    Raises
    ------
    UnsupportedFormatError
        Not a whole-slide image, or organised in a way that is no tile grid.
    CorruptSourceError
        A damaged header.
    """
    try:
        with io.BufferedReader(ByteFile(LocalBytes(path))) as file:
            header = pydicom.dcmread(file, stop_before_pixels=True)
            offset = file.tell()
        if header.get("SOPClassUID") != WHOLE_SLIDE:
            kind = UID(str(header.get("SOPClassUID", ""))).name or "no class"
            raise UnsupportedFormatError(f"DICOM, but not a whole-slide image: {kind}")
        return _instance(path, header, offset)
    except SourceError:
        raise
    except InvalidDicomError as error:
        raise UnsupportedFormatError("not a DICOM file") from error
    except Exception as error:  # pydicom parses values on access, and raises what it likes
        raise CorruptSourceError(f"{path} has a damaged DICOM header: {error!r}") from error


def _instance(path: Path, header: Dataset, offset: int) -> Instance:
    columns, rows = int(header.Columns), int(header.Rows)
    width = int(header.get("TotalPixelMatrixColumns", columns))
    height = int(header.get("TotalPixelMatrixRows", rows))
    frames = int(header.get("NumberOfFrames", 1))
    if min(columns, rows, width, height, frames) < 1 or max(width, height) > _LARGEST_SIDE:
        raise CorruptSourceError(f"{path}: {width} x {height} pixels in {frames} frames can't be")
    if frames > max(_MANY_FRAMES, path.stat().st_size // 8):  # an empty item has eight bytes
        raise CorruptSourceError(f"{path} claims {frames} frames, more than its bytes can hold")
    kinds = [str(word).upper() for word in header.get("ImageType", [])]
    known = ("LABEL", "OVERVIEW", "THUMBNAIL", "LOCALIZER", "VOLUME")
    extended = header.get("ExtendedOffsetTable"), header.get("ExtendedOffsetTableLengths")
    names = _path_names(header)
    paths = tuple(names) or ("0",)
    grids, depths = _grids(header, (width, height), (columns, rows), frames, paths)
    return Instance(
        path=path,
        kind=next((kind for kind in known if kind in kinds), "VOLUME"),
        series=str(header.get("SeriesInstanceUID", "")),
        uid=str(header.get("SOPInstanceUID", "")),
        concatenation=str(header.get("ConcatenationUID", "")),
        number=int(header.get("InstanceNumber", 0) or 0),
        width=width,
        height=height,
        tile_width=columns,
        tile_height=rows,
        frames=frames,
        syntax=str(header.file_meta.TransferSyntaxUID),
        photometric=str(header.get("PhotometricInterpretation", "")),
        bands=int(header.get("SamplesPerPixel", 1)),
        bits=int(header.get("BitsAllocated", 8)),
        bits_stored=int(header.get("BitsStored", 0) or header.get("BitsAllocated", 8)),
        high_bit=_high_bit(header),
        signed=bool(header.get("PixelRepresentation", 0)),
        planar=bool(header.get("PlanarConfiguration", 0)),
        paths=paths,
        names=names,
        planes=_plane_count(header) or 1,
        depths=depths,
        grids=grids,
        pixel_offset=offset,
        extended=extended if all(isinstance(part, bytes) for part in extended) else None,
        unplaced=_unplaced(grids, frames),
        header=header,
    )


def _high_bit(header: Dataset) -> int:
    """Return the place of a sample's highest bit: by the standard, that below are all its own."""
    stored = int(header.get("BitsStored", 0) or header.get("BitsAllocated", 8))
    said = header.get("HighBit")
    return stored - 1 if said is None else int(said)


def _unplaced(grids: Mapping[Place, TileGrid], frames: int) -> int:
    """Return how many frames are no tile of any place; positions of their own place all."""
    if not all(isinstance(grid, FullGrid) for grid in grids.values()):
        return 0
    ends = (g.first + g.columns * g.rows for g in grids.values() if isinstance(g, FullGrid))
    return max(0, frames - max(ends))


def _path_names(header: Dataset) -> dict[str, str]:
    """Return what the optical paths are called, by identifier."""
    names = {}
    for index, item in enumerate(header.get("OpticalPathSequence", None) or ()):
        identifier = str(item.get("OpticalPathIdentifier", "") or index)
        said = str(item.get("OpticalPathDescription", "") or "")
        names[identifier] = said or identifier
    return names


def _plane_count(header: Dataset) -> int | None:
    said = header.get("TotalPixelMatrixFocalPlanes")
    return None if said is None else max(1, int(said))


def _grids(
    header: Dataset,
    size: tuple[int, int],
    tile: tuple[int, int],
    frames: int,
    paths: tuple[str, ...],
) -> tuple[Mapping[Place, TileGrid], tuple[float, ...]]:
    """Return the frames of each place, and how deep the focal planes lie, or the first of them."""
    positions = header.get("PerFrameFunctionalGroupsSequence")
    if header.get("DimensionOrganizationType") == "TILED_FULL" or not positions:
        return _full_grids(header, size, tile, frames, paths), _shared_depth(header)
    found = _positions(positions, tile, paths)
    depths = tuple(sorted({depth for _, depth, _, _ in found}))
    return _sparse_grids(found, _plane_count(header)), depths


def _shared_depth(header: Dataset) -> tuple[float, ...]:
    try:
        where = header.SharedFunctionalGroupsSequence[0].PlanePositionSlideSequence[0]
        return (float(where.ZOffsetInSlideCoordinateSystem),)
    except (AttributeError, IndexError, TypeError, ValueError):
        return ()


def _full_grids(
    header: Dataset,
    size: tuple[int, int],
    tile: tuple[int, int],
    frames: int,
    paths: tuple[str, ...],
) -> dict[Place, TileGrid]:
    """Number the frames: columns fastest, then rows, focal planes, optical paths.

    An instance that is no part of a concatenation may hold some of the planes only.
    """
    columns, rows = ceil_div(size[0], tile[0]), ceil_div(size[1], tile[1])
    planes = _plane_count(header) or 1
    if "ConcatenationUID" not in header:
        held, rest = divmod(frames, columns * rows * len(paths))
        if held and not rest:
            planes = min(planes, held)
    offset = int(header.get("ConcatenationFrameOffsetNumber", 0))
    grids: dict[Place, TileGrid] = {}
    for number in range(offset // (columns * rows), ceil_div(offset + frames, columns * rows)):
        path, plane = divmod(number, planes)
        if path >= len(paths):
            break  # more frames than places: not ours to interpret
        first = number * columns * rows - offset
        grids[paths[path], plane] = FullGrid(columns, rows, first, frames)
    if not grids:
        raise CorruptSourceError(f"DICOM frames from {offset} on, of a slide that has fewer")
    return grids


Position = tuple[str, float, int, int]  # optical path, depth, column, row


def _positions(groups: Any, tile: tuple[int, int], paths: tuple[str, ...]) -> list[Position]:
    """Take each frame's place from its own position."""
    found: list[Position] = []
    for group in groups:
        where = group.PlanePositionSlideSequence[0]
        across = int(where.ColumnPositionInTotalImagePixelMatrix) - 1
        down = int(where.RowPositionInTotalImagePixelMatrix) - 1
        if across % tile[0] or down % tile[1] or min(across, down) < 0:
            raise UnsupportedFormatError("DICOM frames that lie on no grid")
        path = paths[0]
        if "OpticalPathIdentificationSequence" in group:
            path = str(group.OpticalPathIdentificationSequence[0].OpticalPathIdentifier)
        depth = round(float(where.get("ZOffsetInSlideCoordinateSystem", 0) or 0), _DEPTH_DIGITS)
        found.append((path, depth, across // tile[0], down // tile[1]))
    return found


def _sparse_grids(found: list[Position], planes: int | None) -> dict[Place, dict[Cell, int]]:
    """Number focal planes by depth; where each tile has its own focus, it is of one plane.

    Raises
    ------
    UnsupportedFormatError
        Tiles have foci of their own, and not each as many as there are planes.
    """
    stacks: dict[tuple[str, Cell], list[float]] = {}
    for path, depth, column, row in found:
        stacks.setdefault((path, (column, row)), []).append(depth)
    deepest = max(len(stack) for stack in stacks.values())
    depths = sorted({depth for _, depth, _, _ in found})
    own_focus = len(depths) > deepest and (planes is None or len(depths) > planes)
    if own_focus and any(len(stack) != deepest for stack in stacks.values()):
        raise UnsupportedFormatError(
            f"DICOM tiles at {len(depths)} depths, of {deepest} focal planes: tiles with a focus "
            "of their own are read only where all have as many"
        )
    grids: dict[Place, dict[Cell, int]] = {}
    for index, (path, depth, column, row) in enumerate(found):
        scale = sorted(stacks[path, (column, row)]) if own_focus else depths
        grid = grids.setdefault((path, scale.index(depth)), {})
        if (column, row) in grid:
            raise UnsupportedFormatError(
                f"DICOM frames {grid[column, row]} and {index} lie at the same place"
            )
        grid[column, row] = index
    return grids
