"""Slides that are a set of files: OME-TIFF, whose files name each other."""

import re
from collections.abc import Sequence
from pathlib import Path

import tifffile

# OME-TIFF specification: FileName of a plane's UUID; MetadataFile of BinaryOnly.
_FILE_NAME = re.compile(r'\bFileName="([^"]+)"')
_METADATA_FILE = re.compile(r'\bMetadataFile="([^"]+)"')


def later_files(files: Sequence[Path]) -> set[Path]:
    """Return the files of OME-TIFF sets but the first of each, which stands for the set.

    A set is what hangs together by the names that its files say. Companion files hold no pixels.
    """
    present = {file.name for file in files}
    ordered = sorted(
        file for file in files if file.name.lower().endswith((".ome.tif", ".ome.tiff"))
    )
    first = {file.name: file for file in ordered}  # of the set of each file
    for file in ordered:
        names = [name for name in (file.name, *_named_by(file)) if name in present]
        leaders = {first[name] for name in names if name in first}
        least = min(leaders)
        first.update({name: least for name, leader in first.items() if leader in leaders})
        first.update(dict.fromkeys(names, least))  # a companion file too, which is no slide
    later = {file for file in ordered if first[file.name] != file}
    return later | {file for file in files if file.name.lower().endswith(".companion.ome")}


def _named_by(file: Path) -> list[str]:
    """Return the names of other files in a file's OME-XML; of a damaged one, none."""
    try:
        with tifffile.TiffFile(file) as tif:
            text = tif.pages.first.description
    except Exception:  # noqa: BLE001  whoever opens it as a slide will say what is wrong
        return []
    return [*_FILE_NAME.findall(text), *_METADATA_FILE.findall(text)]
