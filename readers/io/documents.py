"""The metadata documents of a zarr hierarchy under a URL, by few requests that run side by side.

A hierarchy is asked what it is: the root's ``zarr.json``, and where there is none the documents of
version 2. From then on documents of the other version are nowhere. Consolidated metadata are taken
where they are, else the arrays that a group names as its levels are asked for together. What was
asked for once, and what is not there, is kept: each question is a request. Nothing is below an
array, nor where object storage has listed a folder without it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ziggurat.readers.errors import SourceError
from ziggurat.readers.io.keys import UrlStore, checked_key
from ziggurat.readers.io.objects import is_cloud

_V3 = "zarr.json"
_V2 = (".zattrs", ".zgroup", ".zarray")
_CONSOLIDATED = ".zmetadata"
_MOST = 64 << 20
_MOST_LEVELS = 64


class DocumentStore(UrlStore):
    """Keys under a URL, as a hierarchy of zarr."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._documents: dict[str, bytes | None] = {}
        self._there: dict[str, bool] = {}
        self._listed: dict[str, frozenset[str]] = {}
        self._version: int | None = None  # None: not asked yet, 0: neither

    @property
    def is_hierarchy(self) -> bool:
        """True where the root has metadata of either version."""
        if self._version is None:
            self._ask_root()
        return bool(self._version)

    def get_range(self, key: str, offset: int, length: int) -> bytes | None:
        """Return a part of a key's bytes."""
        key = checked_key(key)
        if self._is_document(key):
            data = self._document(key)
            return None if data is None else data[offset:][:length]
        if (offset, length) == (0, 1):  # is a chunk there?
            if key not in self._there:
                self._there[key] = super().get_range(key, 0, 1) is not None
            return b"\0" if self._there[key] else None
        return super().get_range(key, offset, length)

    @staticmethod
    def _is_document(key: str) -> bool:
        return key.rsplit("/", 1)[-1] in (_V3, *_V2)

    def _document(self, key: str) -> bytes | None:
        if self._version is None:
            self._ask_root()
        name = key.rsplit("/", 1)[-1]
        if self._version and (name == _V3) != (self._version == 3):
            return None
        folder = key.removesuffix(name)
        if key not in self._documents:
            if self._is_nowhere(folder.rstrip("/")):
                return None
            # of version 2 an array is asked about by two documents, a group by three
            together = [key] if self._version == 3 else [folder + one for one in _V2]
            self._fetch(one for one in together if one not in self._documents)
            self._ask_levels(folder.rstrip("/"))
        return self._documents[key]

    def _is_nowhere(self, folder: str) -> bool:
        """Return True where what is known of those above a folder leaves no room for it."""
        parent, _, last = folder.rpartition("/")
        if not parent and not last:
            return False
        listed = self._listed.get(parent)
        if listed is not None and last not in listed:
            return True
        if not parent:
            return False
        facts = _object(self._documents.get(f"{parent}/{_V3}"))
        is_array = facts.get("node_type") == "array" or self._documents.get(f"{parent}/.zarray")
        return bool(is_array)

    def children(self, prefix: str) -> list[str]:
        """Return the names below a prefix where the file system lists them."""
        found = super().children(prefix)
        if found and is_cloud(self.url):  # pages of web servers link to what they like
            self._listed[checked_key(prefix)] = frozenset(found)
        return found

    def _ask_root(self) -> None:
        self._fetch([_V3])
        if self._documents[_V3] is not None:
            self._version = 3
            self._take_consolidated(_object(self._documents[_V3]).get("consolidated_metadata"))
        else:
            self._fetch([*_V2, _CONSOLIDATED])
            self._version = 2 if any(self._documents[one] is not None for one in _V2) else 0
            self._take_consolidated(_object(self._documents.pop(_CONSOLIDATED)))
        self._ask_levels("")

    def _take_consolidated(self, said: object) -> None:
        metadata = said.get("metadata") if isinstance(said, dict) else None
        if not isinstance(metadata, dict):
            return
        for path, facts in metadata.items():
            key = f"{path}/{_V3}" if self._version == 3 else str(path)
            if "/" in key:  # the root speaks for itself
                self._documents.setdefault(key, json.dumps(facts).encode())
        if self._version == 2:  # documents that arrays and groups do without
            for key in list(self._documents):
                folder = key.removesuffix(key.rsplit("/", 1)[-1])
                for name in _V2:
                    self._documents.setdefault(folder + name, None)

    def _ask_levels(self, group: str) -> None:
        """Ask for the arrays that a group names as the levels of its image."""
        name = _V3 if self._version == 3 else ".zattrs"
        facts = _object(self._documents.get(f"{group}/{name}" if group else name))
        paths = list(_level_paths(facts.get("attributes") if self._version == 3 else facts))
        names = (_V3,) if self._version == 3 else (".zarray", ".zattrs")
        keys = [checked_key(f"{group}/{path}/{one}") for path in paths for one in names]
        self._fetch(key for key in keys if key not in self._documents)

    def _fetch(self, keys: Iterable[str]) -> None:
        """Get documents side by side.

        Raises
        ------
        SourceError
            One can't be read, though it may be there.
        """
        wanted = list(keys)
        if not wanted:
            return
        paths = [f"{self._root}/{key}" for key in wanted]
        found = self._files().cat_ranges(
            paths, [0] * len(paths), [_MOST] * len(paths), on_error="return"
        )
        for key, data in zip(wanted, found, strict=True):
            if isinstance(data, FileNotFoundError | IsADirectoryError):
                self._documents[key] = None
            elif isinstance(data, BaseException):
                raise SourceError(f"{self.url}: {key} can't be read: {data}") from data
            else:
                self._documents[key] = bytes(data)


def _object(data: bytes | None) -> Mapping[str, Any]:
    """Return a JSON object, an empty one for whatever else: who reads it says what is wrong."""
    try:
        found = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _level_paths(attributes: object) -> Iterable[str]:
    facts = attributes if isinstance(attributes, dict) else {}
    facts = facts["ome"] if isinstance(facts.get("ome"), dict) else facts
    try:
        for one in facts["multiscales"][0]["datasets"][:_MOST_LEVELS]:
            yield str(one["path"])
    except (KeyError, IndexError, TypeError):
        return
