"""Small files that are replaced whole: a reader sees the old one or the new one, never a part."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4


def replace_file(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file under a temporary name beside it and rename it into place."""
    temporary = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # whatever stops it, even Ctrl-C, nothing is left lying about
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write JSON whole."""
    replace_file(path, json.dumps(content, indent=1).encode())
