"""The web application: the page itself, and pictures for a sound."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from a2ibench.demo.choice import MAX_PICTURES, MAX_SEED, VOLUME, read_choice
from a2ibench.demo.deadlines import REQUEST
from a2ibench.demo.sound import MAX_BYTES, MAX_SECONDS
from a2ibench.demo.studio import FAILED, Model, Studio
from a2ibench.errors import UserError

PAGE = Path(__file__).with_name("page")
UPLOAD = "application/octet-stream"
"""The only accepted type: a page of another origin cannot send it without permission."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
    " media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class StrictHeaders:
    """Add :data:`HEADERS` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI specifies."""

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, strict)


def make_app(models: Sequence[Model], hosts: Sequence[str]) -> Starlette:
    """Make the server of the page.

    Args:
        models: in the order of the page, those of a method one after another; at least one.
        hosts: the host names under which the page may be requested; ``"*"`` for any.
    """
    studio = Studio(models)
    page = _page(models)

    async def home(request: Request) -> Response:
        return HTMLResponse(page)

    async def draw(request: Request) -> Response:
        if request.headers.get("content-type") != UPLOAD:
            return _refuse(f"expected a sound of type {UPLOAD}", 415)
        try:
            choice = read_choice(request.query_params, len(models))
            try:
                async with asyncio.timeout(REQUEST):
                    content = await _body(request)
            except TimeoutError:
                late = _refuse(f"the upload took longer than {REQUEST:g} s", 408)
                late.headers["connection"] = "close"
                return late
            if content is None:
                return _refuse(f"the file is larger than {MAX_BYTES >> 20} MiB", 413)
            async with studio.turn:
                if await request.is_disconnected():  # the page was closed or reloaded
                    return Response(status_code=400)
                return JSONResponse(await studio.draw(content, choice))
        except UserError as error:
            return _refuse(str(error), 400)
        except ClientDisconnect:
            return Response(status_code=400)

    async def failed(request: Request, error: Exception) -> Response:
        answer = _refuse(FAILED, 500)
        answer.headers.update(HEADERS)  # no middleware sees this response
        return answer

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        studio.open()
        try:
            yield
        finally:
            studio.close()

    return Starlette(
        routes=[
            Route("/", home),
            Route("/page.js", _file("page.js")),
            Route("/page.css", _file("page.css")),
            Route("/draw", draw, methods=["POST"]),
        ],
        middleware=[
            Middleware(StrictHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        ],
        exception_handlers={Exception: failed},
        lifespan=lifespan,
    )


def _page(models: Sequence[Model]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.j2").render(
        methods=[
            (method, list(several))
            for method, several in groupby(enumerate(models), key=lambda one: one[1].method)
        ],
        budgets=sorted({model.budget for model in models if model.budget is not None}),
        max_bytes=MAX_BYTES,
        max_seconds=MAX_SECONDS,
        max_pictures=MAX_PICTURES,
        volume=VOLUME,
        max_seed=MAX_SEED,
    )


def _file(name: str) -> Any:
    async def send(request: Request) -> Response:
        return FileResponse(PAGE / name)

    return send


async def _body(request: Request) -> bytes | None:
    """Return the request's body; None as soon as it is too large."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MAX_BYTES:
            return None
    return bytes(content)


def _refuse(reason: str, status: int) -> JSONResponse:
    return JSONResponse({"error": reason}, status)
