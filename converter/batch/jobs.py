"""Which slides a command line means: files, folders of slides, patterns; and where each goes."""

import glob
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ziggurat.converter.batch.sets import later_files
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError, SourceNotFoundError
from ziggurat.readers.formats.table import FORMATS
from ziggurat.readers.formats.unread import unread_kind
from ziggurat.writers.formats.registry import OUTPUTS, find_output, output_named

# What is taken out of a folder; a file that is named itself is always tried.
SLIDE_SUFFIXES = tuple(suffix for row in FORMATS for suffix in row.batch)
_PICTURES = (".jpg", ".jpeg")  # that belong to a slide beside them


@dataclass(frozen=True, slots=True)
class Job:
    """One slide of many, and where it goes."""

    source: Path
    output: Path

    @property
    def name(self) -> str:
        """What to call the slide."""
        return self.source.name


@dataclass(frozen=True, slots=True)
class SharedJob:
    """One slide of many, and where it goes: paths or URLs."""

    source: str
    output: str

    @property
    def name(self) -> str:
        """What to call the slide."""
        return self.source.rstrip("/").rsplit("/", 1)[-1]


AnyJob = Job | SharedJob


def find_sources(paths: Iterable[Path], output: Path | None = None) -> list[Path]:
    """Return the slides that are named, found by pattern, or lie in a folder that is named.

    Folders are gone through whole, but for hidden ones, links to folders, and ``output``.

    Raises
    ------
    SourceNotFoundError
        A path that isn't there, or a pattern that fits nothing.
    """
    found: list[Path] = []
    for path in paths:
        matches = [path] if path.exists() else [Path(p) for p in sorted(glob.glob(str(path)))]
        if not matches:
            raise SourceNotFoundError(2, "no such file, folder or pattern", str(path))
        for match in matches:
            found.extend(_in_folder(match, output) if holds_slides(match) else [match])
    return list(dict.fromkeys(found))


def left_out(paths: Iterable[Path], output: Path | None = None) -> Counter[str]:
    """Count by ending what lies in folders that are named, and is no slide that is read.

    What belongs to a slide, as the pictures of a VMS do, is none of it.
    """
    counts: Counter[str] = Counter()
    for path in paths:
        if path.exists() and holds_slides(path):
            counts += _left_out_of(path, output)
    return counts


def _left_out_of(folder: Path, output: Path | None) -> Counter[str]:
    counts: Counter[str] = Counter()
    if output is not None and output.exists() and folder.samefile(output):
        return counts
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    companions = _companions(children)
    for child in children:
        if child in companions:
            continue
        if child.is_dir():
            if holds_slides(child) and not child.is_symlink():
                counts += _left_out_of(child, output)
        elif not is_slide_name(child.name):
            counts[child.suffix.lower() or "without an ending"] += 1
    return counts


def is_slide_name(name: str) -> bool:
    """Return True for the name of a file that is taken out of a folder."""
    return name.lower().endswith(SLIDE_SUFFIXES) and unread_kind(name.lower()) is None


def split_pattern(output: Path, options: ConvertOptions) -> tuple[Path, ConvertOptions]:
    """Return the folder of ``FOLDER/*.SUFFIX``, and options with the format of that suffix.

    Raises
    ------
    OptionError
        The suffix names nothing that can be written, or another format than was asked for.
    """
    if not output.name.startswith("*"):
        return output, options
    suffix = output.name[1:]
    found = find_output(suffix)
    if found is None or "*" in suffix:
        known = ", ".join(f"*{row.suffixes[0]}" for row in OUTPUTS)
        raise OptionError(f"{output.name!r} doesn't say what all shall be; known are {known}")
    if options.format not in (None, found.name):
        raise OptionError(f"{output.name!r} and --format {options.format} don't agree")
    return output.parent, replace(options, format=found.name)


def holds_slides(path: Path) -> bool:
    """Return True for a folder of slides; False for files, and folders that are one image."""
    if not path.is_dir() or path.suffix.lower() == ".zarr":
        return False
    marks = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
    return not any((path / mark).exists() for mark in marks) and not _is_dicom(path)


def _is_dicom(folder: Path) -> bool:
    return any(child.suffix.lower() == ".dcm" for child in folder.iterdir())


def _in_folder(folder: Path, output: Path | None) -> Iterator[Path]:
    if output is not None and output.exists() and folder.samefile(output):
        return
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    companions = _companions(children)
    for child in children:
        if child in companions:
            continue
        if child.is_dir():
            if not holds_slides(child):
                yield child
            elif not child.is_symlink():  # it may lead back here
                yield from _in_folder(child, output)
        elif is_slide_name(child.name):
            yield child


def _companions(children: list[Path]) -> set[Path]:
    """Return what belongs to another file.

    A MIRAX slide's folder, the tiles of a DeepZoom image, the pictures of a VMS, all files of an
    OME-TIFF set but the first.
    """
    folders = dict(pair for row in FORMATS for pair in row.folders_beside)
    endings = {child: child.suffix.lower() for child in children}
    found = {
        child.with_name(child.stem + folders[ending])
        for child, ending in endings.items()
        if ending in folders
    }
    if any(ending in row.pictures_beside for row in FORMATS for ending in endings.values()):
        found.update(child for child, ending in endings.items() if ending in _PICTURES)
    return found | later_files(children)


def numbered(count: int) -> list[str]:
    """Return names of so many de-identified slides, which say nothing of their sources."""
    digits = max(4, len(str(count)))
    return [f"slide-{number:0{digits}}" for number in range(1, count + 1)]


def plan_jobs(
    sources: list[Path], folder: Path, options: ConvertOptions, roots: Iterable[Path] = ()
) -> list[Job]:
    """Say where each slide goes: its own name with the target's suffix.

    What lies in folders below one of ``roots`` goes into folders of the same names.
    De-identified slides are numbered, as names of files and folders are often names of people.

    Raises
    ------
    OptionError
        No target is said.
    """
    if options.format is None:
        raise OptionError(f"say --format, or {folder}/*.SUFFIX, for a folder of outputs ({folder})")
    suffix = output_named(options.format).suffixes[0]
    if options.deidentify:
        names = numbered(len(sources))
        return [Job(s, folder / (n + suffix)) for s, n in zip(sources, names, strict=True)]
    tops = [root for root in roots if holds_slides(root)]
    folders = [folder / _below(source, tops) for source in sources]
    stems = Counter((f, stem_of(s)) for f, s in zip(folders, sources, strict=True))
    outputs = [
        f / ((stem_of(s) if stems[f, stem_of(s)] == 1 else s.name) + suffix)
        for f, s in zip(folders, sources, strict=True)
    ]
    if len(set(outputs)) != len(outputs):
        raise OptionError("two sources of one name from two folders: convert the folders apart")
    return [Job(s, output) for s, output in zip(sources, outputs, strict=True)]


def _below(source: Path, tops: list[Path]) -> Path:
    """Return the folder of a source, seen from the one that was named; '.' for others."""
    top = next((top for top in tops if source.is_relative_to(top)), source.parent)
    return source.parent.relative_to(top)


def stem_of(path: Path) -> str:
    """Return a file's name without the suffixes that say what it is."""
    for ending in (".ome.tiff", ".ome.tif", ".zarr.zip", ".ome.zarr"):
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return path.stem
