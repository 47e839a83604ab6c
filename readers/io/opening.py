"""The first request for a remote file: its beginning, which comes with its size.

A range that a server answers says in ``Content-Range`` how long the file is, so that nothing else
is to be asked before reading. Where that can't be had (no ranges, other file systems), None is
returned, and the caller asks as it did.
"""

import re
from typing import Any

_CONTENT_RANGE = re.compile(r"bytes 0-(\d+)/(\d+)")


def read_beginning(files: Any, path: str, scheme: str, length: int) -> tuple[bytes, int] | None:
    """Return the first bytes of a file and its size; ``files`` is fsspec's file system.

    Raises
    ------
    Exception
        Whatever the file system raises: the caller knows them.
    """
    ask = {"http": _ask_http, "https": _ask_http, "s3": _ask_s3, "s3a": _ask_s3}.get(scheme)
    if ask is None:
        return None
    from fsspec.asyn import sync

    data, said = sync(files.loop, ask, files, path, f"bytes=0-{length - 1}")
    found = _CONTENT_RANGE.fullmatch(said or "")
    if found is None:
        return None
    last, size = int(found[1]), int(found[2])
    return (data, size) if len(data) == last + 1 == min(length, size) else None


async def _ask_http(files: Any, path: str, asked: str) -> tuple[bytes, str | None]:
    session = await files.set_session()
    words = {**files.kwargs}
    words["headers"] = {**words.get("headers", {}), "Range": asked, "Accept-Encoding": "identity"}
    async with session.get(files.encode_url(path), **words) as answer:
        if answer.status != 206 or "Content-Encoding" in answer.headers:
            return b"", None  # the rest of the answer is not read
        return await answer.read(), answer.headers.get("Content-Range")


async def _ask_s3(files: Any, path: str, asked: str) -> tuple[bytes, str | None]:
    bucket, key, version = files.split_path(path)
    if not key:
        return b"", None
    words = {"VersionId": version} if version else {}
    answer = await files._call_s3("get_object", Bucket=bucket, Key=key, Range=asked, **words)
    try:
        return await answer["Body"].read(), answer.get("ContentRange")
    finally:
        answer["Body"].close()
