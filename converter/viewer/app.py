"""The viewer as an ASGI application: it runs by itself, or is mounted in somebody's own."""

import json
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ziggurat.converter.viewer.answers import Answer, Gallery, news_of, refusal, whole
from ziggurat.converter.viewer.shown import Shown
from ziggurat.readers.errors import OptionError, SourceError, message_of

_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_BEAT = 0.5  # seconds between two looks into a journal
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
}


def app(
    sources: Iterable[str | os.PathLike[str] | Shown],
    *,
    hosts: Sequence[str] | None = _LOCAL,
    token: str | None = None,
    threads: int | None = None,
) -> Starlette:
    """Return the viewer of some images as an ASGI application.

    Parameters
    ----------
    sources
        What is shown, the first at the bottom: paths or URLs of anything that
        :func:`ziggurat.open` reads, stores of growing sinks among them. Nothing else is served.
        What is opened here is closed when the server that runs this shuts down.
    hosts
        Names that the ``Host`` header may have (without port), against pages of other sites that
        find a way to this server; None: whoever mounts it has checked.
    token
        Where given, every request must bring it: as ``?token=`` once, then by its cookie.
    threads
        Tiles that are decoded at a time. Default: one a core.

    Raises
    ------
    SourceError
        A source can't be opened.
    """
    images, own = _opened(sources)
    gallery = Gallery(images)
    limiter = anyio.CapacityLimiter(threads or os.cpu_count() or 1)

    async def respond(request: Request) -> Response:
        refused = _refused(request, hosts, token)
        if refused is not None:
            return refused
        path = unquote(request.path_params["path"])
        query = dict(request.query_params)
        given = query.pop("token", None)
        async with limiter:
            if await request.is_disconnected():  # given up while it waited: nothing is decoded
                return Response(status_code=499)
            answer = await anyio.to_thread.run_sync(gallery.answer, path, query)
        response = _response(request, answer)
        if token is not None and given == token:
            response.set_cookie(_cookie(token), token, httponly=True, samesite="strict")
        return response

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with own:
            yield

    async def events(request: Request) -> Response:
        refused = _refused(request, hosts, token)
        if refused is not None:
            return refused
        try:
            since = whole(request.query_params.get("since", "0"))
        except OptionError as error:
            return _response(request, refusal(400, error))
        return StreamingResponse(
            _events(request, gallery, since), media_type="text/event-stream", headers=_HEADERS
        )

    routes = [
        Route("/events", events, methods=["GET"]),
        Route("/{path:path}", respond, methods=["GET"]),
    ]
    unserved = {HTTPException: _unserved}
    return Starlette(routes=routes, exception_handlers=unserved, lifespan=lifespan)


def _opened(
    sources: Iterable[str | os.PathLike[str] | Shown],
) -> tuple[list[Shown], ExitStack]:
    """Return the images, and what closes those of them that were opened here."""
    images: list[Shown] = []
    with ExitStack() as own:
        for source in sources:
            if isinstance(source, Shown):
                images.append(source)
            else:
                images.append(Shown(source))
                own.callback(images[-1].close)
        return images, own.pop_all()


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(24)


def _cookie(token: str) -> str:
    """Return the cookie's name: all viewers of a host share cookies, whatever their ports."""
    return f"ziggurat-view-{blake2b(token.encode(), digest_size=6).hexdigest()}"


def _unserved(request: Request, error: Exception) -> Response:
    """Answer what reaches no route: another method than GET, a name with a line break."""
    assert isinstance(error, HTTPException)
    why = "this can only be read" if error.status_code == 405 else "there is nothing of this name"
    response = _response(request, refusal(error.status_code, why))
    response.headers.update(error.headers or {})
    return response


def _refused(request: Request, hosts: Sequence[str] | None, token: str | None) -> Response | None:
    if hosts is not None:
        host = request.headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name not in hosts:
            return _response(request, refusal(421, "this name is not served here"))
        site = request.headers.get("sec-fetch-site", "none")
        if (
            site not in ("none", "same-origin")
            and request.headers.get("sec-fetch-mode") != "navigate"
        ):
            return _response(request, refusal(403, "pages of other sites are given nothing"))
    if token is not None:
        given = request.query_params.get("token") or request.cookies.get(_cookie(token), "")
        if not secrets.compare_digest(given.encode(), token.encode()):
            return _response(request, refusal(403, "the token is missing or invalid"))
    return None


def _response(request: Request, answer: Answer) -> Response:
    headers = dict(_HEADERS)
    if answer.etag is None:
        headers["Cache-Control"] = "no-store"
    else:
        headers["ETag"] = answer.etag
        headers["Cache-Control"] = "private, no-cache"
        if request.headers.get("if-none-match") == answer.etag:
            return Response(status_code=304, headers=headers)
    return Response(answer.body, answer.status, headers, answer.media_type)


async def _events(request: Request, gallery: Gallery, since: int) -> AsyncIterator[str]:
    """Send what comes into the growing images, as server-sent events, until the page goes."""
    growing = {n: image for n, image in enumerate(gallery.images) if image.growth is not None}
    seen = dict.fromkeys(growing, since or -1)
    yield "retry: 1000\n\n"
    while growing and not await request.is_disconnected():
        for number, image in growing.items():
            try:
                news = await anyio.to_thread.run_sync(_news, image, seen[number])
            except (SourceError, OSError) as error:
                yield _event({"image": number, "error": message_of(error)})
                continue
            if news is not None:
                seen[number] = news["upto"]
                yield _event({"image": number, **news})
        await anyio.sleep(_BEAT)


def _news(image: Shown, seen: int) -> dict[str, Any] | None:
    assert image.growth is not None
    if image.growth.count() == seen:
        return None
    return news_of(image, max(seen, 0))


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
