"""Where s3:// URLs lead and who asks: the AWS environment variables, for fsspec and GDAL alike.

``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL`` names a store other than Amazon's;
``AWS_NO_SIGN_REQUEST=YES`` reads public buckets without keys. Keys come from the usual places
(``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, profiles, instance roles), which both
libraries know.
"""

import os
from typing import Any
from urllib.parse import urlsplit


def unsigned() -> bool:
    """Return True where requests shall not be signed."""
    return os.environ.get("AWS_NO_SIGN_REQUEST", "").upper() in ("YES", "TRUE", "ON", "1")


def endpoint() -> str | None:
    """Return the URL of the store, or None for Amazon's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def fsspec_options() -> dict[str, object]:
    """Return the options of s3fs."""
    # listings aren't kept: an object that was replaced would keep its old size
    options: dict[str, Any] = {"use_listings_cache": False, "anon": unsigned()}
    if endpoint() is not None:
        options["endpoint_url"] = endpoint()
    return options


def gdal_options() -> dict[str, str]:
    """Return the configuration options of GDAL's /vsis3/."""
    options = {"AWS_NO_SIGN_REQUEST": "YES"} if unsigned() else {}
    url = endpoint()
    if url is not None:
        parts = urlsplit(url)
        options |= {
            "AWS_S3_ENDPOINT": parts.netloc + parts.path.rstrip("/"),
            "AWS_HTTPS": "YES" if parts.scheme == "https" else "NO",
            "AWS_VIRTUAL_HOSTING": "FALSE",
        }
    return options
