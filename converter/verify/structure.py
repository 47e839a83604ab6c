"""Is an output sound in itself? Tile tables, OME-XML, NGFF attributes, zip directories."""

import importlib.util
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_shape
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader

_SCHEMA = "ome-2016-06.xsd"  # in the package ome_types
_OME_2016 = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
_ZARR = ("zarr.json", ".zattrs", ".zgroup")  # the latter two of zarr v2


def structure_problems(path: Path, output: Reader, *, full: bool) -> list[str]:
    """Return one sentence for each thing that is wrong with a file or folder."""
    problems = list(_level_problems(output.info))
    problems.extend(_corner_problems(output))
    problems.extend(_associated_problems(output))
    if path.is_file():
        with path.open("rb") as file:
            magic = file.read(4)
        try:
            if magic[:2] in (b"II", b"MM"):
                problems.extend(tiff_problems(path))
            elif magic[:2] == b"PK":
                problems.extend(zip_problems(path, full=full))
        except Exception as error:  # noqa: BLE001  damaged files make libraries raise anything
            problems.append(f"its structure is damaged: {error}")
    return problems


def _level_problems(info: ImageInfo) -> Iterator[str]:
    pairs = zip(info.levels, info.levels[1:], strict=False)
    for number, (upper, lower) in enumerate(pairs, 1):
        if lower.width > upper.width or lower.height > upper.height:
            yield f"level {number} is larger than the level above it"


def _corner_problems(output: Reader) -> Iterator[str]:
    """Decode the first and the last pixels of every level and frame: the tables are usable."""
    for index, level in enumerate(output.info.levels):
        last = Rect(level.width - 1, level.height - 1, 1, 1)
        for frame in {0, output.info.frames - 1}:
            try:
                output.plane(index, frame).read(Rect(0, 0, 1, 1))
                output.plane(index, frame).read(last)
            except SourceError as error:
                yield f"level {index}, frame {frame} can't be read: {error}"


def _associated_problems(output: Reader) -> Iterator[str]:
    for name in output.info.associated:
        try:
            output.associated(name).read()
        except SourceError as error:
            yield f"the associated image {name!r} can't be read: {error}"


def decoding_problems(output: Reader) -> Iterator[str]:
    """Decode every tile of every level and frame; a level's first damaged tile is told."""
    for index, level in enumerate(output.info.levels):
        columns, rows = grid_shape(level.width, level.height, level.tile_width, level.tile_height)
        for frame, row in product(range(output.info.frames), range(rows)):
            try:
                for column in range(columns):
                    cell = cell_rect(column, row, level.tile_width, level.tile_height)
                    output.plane(index, frame).read(cell.intersect(level.rect))
            except SourceError as error:
                yield f"level {index}, frame {frame} can't be read: {error}"
                break


def tiff_problems(path: Path) -> list[str]:
    """Check every page's tile table against the file's size, and the OME-XML, if any."""
    import tifffile

    size = path.stat().st_size
    problems: list[str] = []
    with tifffile.TiffFile(path) as tif:
        pages = [tif.pages[0], *(page.aspage() for page in tif.pages[1:])]
        for number, page in enumerate(pages):
            below = list(page.pages) if page.subifds else []
            for part in [page, *(sub.aspage() for sub in below)]:
                problems.extend(_table_problems(part, f"page {number}", size))
        if tif.ome_metadata:
            problems.extend(ome_problems(tif.ome_metadata, [page.shape for page in pages]))
    return problems


def _table_problems(page: Any, name: str, size: int) -> Iterator[str]:
    offsets, counts = page.dataoffsets, page.databytecounts
    expected = 1
    for blocks in page.chunked:
        expected *= blocks
    if len(offsets) != expected or len(counts) != expected:
        yield f"{name} has {len(offsets)} tiles in its table, not {expected}"
    outside = sum(offset + count > size for offset, count in zip(offsets, counts, strict=False))
    if outside:
        yield f"{name} has {outside} tiles outside of the file"


def ome_problems(xml: str, shapes: list[tuple[int, ...]]) -> list[str]:
    """Check what OME-XML says of sizes against the pages."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        return [f"the OME-XML is not XML: {error}"]
    problems = []
    for number, pixels in enumerate(root.findall(".//{*}Pixels")):
        sizes = {axis: int(pixels.get(f"Size{axis}", 0)) for axis in "XYZCT"}
        if min(sizes.values()) < 1:
            problems.append(f"OME image {number} has sizes {sizes}")
        data = pixels.findall("{*}TiffData")
        last = max((int(d.get("IFD", 0)) for d in data), default=0)
        if last >= len(shapes):
            problems.append(f"OME image {number} names page {last} of {len(shapes)}")
    return problems or _schema_problems(xml, root.tag)


def _schema_problems(xml: str, root: str) -> list[str]:
    """Hold OME-XML against the schema of 2016-06, where the package that ships it is installed."""
    if not root.startswith(_OME_2016):  # words of an older schema are translated first
        return _translated_problems(xml)
    schema = _schema()
    if schema is None:
        return _translated_problems(xml)
    from lxml import etree

    try:
        tree = etree.fromstring(xml.encode(), etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError as error:
        return [f"the OME-XML is not XML: {error}"]
    if schema.validate(tree):
        return []
    own = _parsed_schema()  # the shared one keeps the words of whichever thread asked last
    own.validate(tree)
    words = [f"line {error.line}: {error.message}" for error in own.error_log]
    return [f"the OME-XML is not valid: {'; '.join(words)}"]


def _parsed_schema() -> Any:
    """Return the schema; None where it is not installed.

    The file alone is taken from its package, whose classes of all that OME knows would take a
    second to import.
    """
    try:
        from lxml import etree
    except ImportError:
        return None
    package = importlib.util.find_spec("ome_types")
    file = Path(package.origin).with_name(_SCHEMA) if package and package.origin else None
    return etree.XMLSchema(etree.parse(file)) if file and file.is_file() else None


_schema = lru_cache(maxsize=1)(_parsed_schema)


def _translated_problems(xml: str) -> list[str]:
    try:
        from ome_types import validate_xml

        validate_xml(xml, warn_on_schema_update=False)
    except ImportError:
        return []
    except ValueError as error:
        return [f"the OME-XML is not valid: {error}"]
    return []


def zip_problems(path: Path, *, full: bool) -> list[str]:
    """Check a zip: stored, not deflated, its description first; ``full`` reads it all."""
    problems = []
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        described = (".dzi",) if path.name.lower().endswith(".szi") else _ZARR
        if not entries or not entries[0].filename.endswith(described):
            problems.append(f"the zip doesn't begin with {described[0]}")
        deflated = [e.filename for e in entries if e.compress_type != zipfile.ZIP_STORED]
        if deflated:
            problems.append(f"{len(deflated)} entries of the zip are deflated")
        broken = archive.testzip() if full else None
        if broken is not None:
            problems.append(f"entry {broken} of the zip is damaged")
    return problems
