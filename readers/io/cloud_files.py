"""Files and folders of object storage, in the shape of fsspec's that is used here, by obstore.

GCS and Azure are read so, and S3 where s3fs is not installed: what writes there reads there, too.
The library tries again by itself what may be tried again.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ziggurat.readers.errors import SourceError, message_of
from ziggurat.readers.io import objects
from ziggurat.readers.io.opening import Answer, state_of


def split_url(url: str) -> tuple[str, str]:
    """Return the URL of the bucket, and the path in it."""
    scheme, _, rest = url.partition("://")
    bucket, _, path = rest.partition("/")
    return f"{scheme}://{bucket}", path


class CloudFiles:
    """What lies in a bucket, by its path there."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._store = objects.connection(root)

    def answer(self, path: str, start: int | None, stop: int | None) -> Answer:
        """Return bytes ``start`` to ``stop`` with what is known of their file.

        A negative start counts from the end; None: from the beginning, or to the end.

        Raises
        ------
        FileNotFoundError
            Nothing is there.
        PermissionError
            It may not be read.
        SourceError
            It can't be read.
        """
        import obstore

        with self._errors(path):
            if start is not None and start < 0:  # Azure knows no such ranges
                start = max(0, obstore.head(self._store, path)["size"] + start)
            options: dict[str, Any] = {}
            if stop is not None:
                options["range"] = (start or 0, stop)
            elif start:
                options["range"] = {"offset": start}
            found = obstore.get(self._store, path, options=options)
            facts = found.meta
            return Answer(
                bytes(found.bytes()),
                found.range[0],
                facts["size"],
                state_of(facts["e_tag"], facts["last_modified"]),
            )

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotFoundError(path) from error
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise PermissionError(message_of(error)) from error
        except Exception as error:  # the library has many classes of its own
            raise SourceError(f"{self._root}/{path} can't be read: {message_of(error)}") from error

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return bytes of a file."""
        return self.answer(path, start, end).data

    def cat_ranges(
        self, paths: Sequence[str], starts: Sequence[int], ends: Sequence[int], *, on_error: str
    ) -> list[bytes | Exception]:
        """Return bytes of many files, side by side, or what keeps each from being read."""
        assert on_error == "return"

        def one(path: str, start: int, end: int) -> bytes | Exception:
            try:
                return self.cat_file(path, start, end)
            except (OSError, SourceError) as error:
                return error

        with ThreadPoolExecutor(min(objects.WAITING, len(paths) or 1)) as pool:
            return list(pool.map(one, paths, starts, ends))

    def info(self, path: str) -> dict[str, object]:
        """Return the size of a file."""
        import obstore

        with self._errors(path):
            return {"type": "file", "size": obstore.head(self._store, path)["size"]}

    def ls(self, path: str, *, detail: bool) -> list[str]:
        """Return what is just below a path."""
        import obstore

        assert not detail
        with self._errors(path):
            found = obstore.list_with_delimiter(self._store, path.rstrip("/"))
        return [*found["common_prefixes"], *(str(one["path"]) for one in found["objects"])]
