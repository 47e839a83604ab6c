"""How the metadata of a new zarr hierarchy are laid down, and what marks its zip."""

from pathlib import Path

from ziggurat.writers.files.keys import Keys
from ziggurat.writers.files.zipstore import ZipWriter

OZX_COMMENT = b'{"ome": {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": true}}}}'


def document_order(documents: dict[str, bytes]) -> list[str]:
    """Return the keys of metadata, the root's first, then level by level (RFC-9: breadth first)."""
    return sorted(documents, key=lambda key: (key.count("/"), not key.endswith("zarr.json"), key))


def write_documents(target: Keys, documents: dict[str, bytes]) -> None:
    """Write metadata in their order."""
    for key in document_order(documents):
        target.write(key, documents[key])


def zip_writer(path: Path, comment: bool) -> ZipWriter:
    """Return the writer of a zip; RFC-9's comment says that its metadata come first."""
    return ZipWriter(path, OZX_COMMENT if comment else b"")
