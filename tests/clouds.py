"""Servers of object storage on this machine: S3, one that speaks as GCS does, Azure's emulator.

No emulator of GCS that pip installs speaks the XML interface, which object_store (below obstore)
uses. It is that of S3 but for the names of conditions, so the server for S3 stands in for it: that
shows that we and the library ask for the right thing, not what Google answers.
"""

import base64
import hashlib
import hmac
import json
import logging
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.serving import serving

AZURITE_KEY = (  # of the emulator, known to everybody
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_SIGNED = (
    "AWS4-HMAC-SHA256 Credential=me/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
ACCOUNT = "devstoreaccount1"


class Asked(NamedTuple):
    """A request: ``range`` as its header, ``sent`` bytes of its body."""

    method: str
    path: str
    query: str
    range: str
    sent: int


class Counted:
    """A WSGI application with a list of what was asked."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.asked: list[Asked] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        if environ.get("HTTP_X_GOOG_IF_GENERATION_MATCH") == "0":
            environ["HTTP_IF_NONE_MATCH"] = "*"
        if not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4"):
            environ["HTTP_AUTHORIZATION"] = _SIGNED  # signatures are not looked at
        self.asked.append(
            Asked(
                environ["REQUEST_METHOD"],
                environ["PATH_INFO"],
                environ.get("QUERY_STRING", ""),
                environ.get("HTTP_RANGE", ""),
                int(environ.get("CONTENT_LENGTH") or 0),
            )
        )
        return self._inner(environ, start)


@contextmanager
def s3_server(*buckets: str) -> Iterator[tuple[str, Counted]]:
    """Run a server that keeps conditional puts; yield its address and what it is asked."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Counted(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    with serving(server) as url:
        _send("POST", f"{url}/moto-api/reset")
        for bucket in buckets:
            _send("PUT", f"{url}/{bucket}")
        app.asked.clear()
        yield url, app


def _send(method: str, url: str, headers: dict[str, str] | None = None) -> None:
    asked = urllib.request.Request(url, method=method, headers=headers or {})
    urllib.request.urlopen(asked).close()


def s3_environment(url: str) -> dict[str, str]:
    """Return the environment variables that lead ``s3://`` to a server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def gcs_environment(url: str) -> dict[str, str]:
    """Return the environment variables that lead ``gs://`` to a server."""
    key = {
        "gcs_base_url": url,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key)}


@contextmanager
def azure_server(container: str, folder: Path) -> Iterator[dict[str, str]]:
    """Run Azurite (``npm install azurite``, on PATH or in AZURITE); yield the environment."""
    program = os.environ.get("AZURITE") or shutil.which("azurite-blob")
    if program is None:
        pytest.skip("Azurite isn't installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/{ACCOUNT}"
    with (folder / "azurite.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry",
             "--blobPort", str(port)],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
        try:
            _wait_for(port, process)
            _make_container(url, container)
            yield {
                "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
                "AZURE_STORAGE_ACCOUNT_KEY": AZURITE_KEY,
                "AZURE_STORAGE_ENDPOINT": url,
                "AZURE_ALLOW_HTTP": "true",
                "AZURE_STORAGE_CONNECTION_STRING": (  # for GDAL
                    f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};"
                    f"AccountKey={AZURITE_KEY};BlobEndpoint={url};"
                ),
            }
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, "Azurite ended"
            time.sleep(0.1)
        else:
            return
    raise AssertionError("Azurite does not answer")


def _make_container(url: str, name: str) -> None:
    date, version = formatdate(usegmt=True), "2021-12-02"
    signed = (
        "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n"
        f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    )
    mac = hmac.new(base64.b64decode(AZURITE_KEY), signed.encode(), hashlib.sha256).digest()
    headers = {
        "x-ms-date": date,
        "x-ms-version": version,
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(mac).decode()}",
        "Content-Length": "0",
    }
    _send("PUT", f"{url}/{name}?restype=container", headers)
