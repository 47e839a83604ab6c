"""Ranges of a remote file whose answers say which bytes they are, of how many, of which state.

The first one comes with the size of the file (``Content-Range``), so that nothing else is to be
asked before reading. Later ones are held against it: a server or a cache on the way that sends
other bytes, or those of a file that was replaced, is found out by what it says.
Where such answers can't be had (no ranges, other file systems), the caller asks as it did.
"""

import re
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes ``start`` to ``start + len(data)`` of ``size``; ``state`` differs once they change.

    ``state`` is a strong ETag or the time of change, None where neither is told.
    """

    data: bytes
    start: int
    size: int
    state: str | None


@runtime_checkable
class Tells(Protocol):
    """Files that say themselves what they answered."""

    def answer(self, path: str, start: int | None, stop: int | None) -> Answer:
        """Return bytes of a file."""


def can_tell(files: Any, scheme: str) -> bool:
    """Return True where :func:`read_range` may be asked."""
    return isinstance(files, Tells) or scheme in _ASK


def read_range(files: Any, path: str, scheme: str, start: int, stop: int) -> Answer | None:
    """Return bytes of a file; fewer where it ends before. None where it isn't said what they are.

    ``files`` is fsspec's file system, or :class:`Tells`.

    Raises
    ------
    Exception
        Whatever the file system raises: the caller knows them.
    """
    if isinstance(files, Tells):
        return files.answer(path, start, stop)
    from fsspec.asyn import sync

    data, said, state = sync(files.loop, _ASK[scheme], files, path, f"bytes={start}-{stop - 1}")
    found = _CONTENT_RANGE.fullmatch(said or "")
    if found is None:
        return None
    first, last, size = (int(number) for number in found.groups())
    return Answer(data, first, size, state) if len(data) == last + 1 - first else None


def state_of(etag: str | None, changed: object) -> str | None:
    """Return what tells one state of a file from another: weak ETags may differ by server."""
    if etag and not etag.startswith("W/"):
        return etag
    return None if changed is None else str(changed)


async def _ask_http(files: Any, path: str, asked: str) -> tuple[bytes, str | None, str | None]:
    session = await files.set_session()
    words = {**files.kwargs}
    words["headers"] = {**words.get("headers", {}), "Range": asked, "Accept-Encoding": "identity"}
    async with session.get(files.encode_url(path), **words) as answer:
        files._raise_not_found_for_status(answer, path)
        told = answer.headers
        if answer.status != 206 or "Content-Encoding" in told:
            return b"", None, None  # the rest of the answer is not read
        state = state_of(told.get("ETag"), told.get("Last-Modified"))
        return await answer.read(), told.get("Content-Range"), state


async def _ask_s3(files: Any, path: str, asked: str) -> tuple[bytes, str | None, str | None]:
    bucket, key, version = files.split_path(path)
    if not key:
        return b"", None, None
    words = {"VersionId": version} if version else {}
    answer = await files._call_s3("get_object", Bucket=bucket, Key=key, Range=asked, **words)
    try:
        state = state_of(answer.get("ETag"), answer.get("LastModified"))
        return await answer["Body"].read(), answer.get("ContentRange"), state
    finally:
        answer["Body"].close()


_ASK = {"http": _ask_http, "https": _ask_http, "s3": _ask_s3, "s3a": _ask_s3}
