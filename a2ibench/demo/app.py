"""What the page's server answers: the page itself, and pictures for a sound."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders, QueryParams
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from a2ibench.demo.deadlines import REQUEST
from a2ibench.demo.sound import LONGEST, MOST_BYTES, curve, decode, spectrogram
from a2ibench.demo.uploads import Uploads
from a2ibench.errors import UserError
from a2ibench.generator.generate import silence, too_long
from a2ibench.generator.generator import Generator
from a2ibench.media.decoding import load_decoders
from a2ibench.parallel import Child
from a2ibench.reporting.media import picture_uri
from a2ibench.types import FloatArray

PAGE = Path(__file__).with_name("page")
UPLOAD = "application/octet-stream"
"""The only type that is taken: a page of another origin cannot send it unasked."""
MOST_PICTURES = 16
VOLUME = (0.1, 10.0)
LARGEST_SEED = 2**31 - 1
FAILED = "something failed on the server; its terminal says what"
LOG = logging.getLogger(__name__)
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


@dataclass(frozen=True)
class Choice:
    """What was asked for.

    Attributes:
        models: positions of the models, at least one.
        count: pictures of each.
        volume: what the samples are multiplied with.
        seed: of the noise.
    """

    models: tuple[int, ...]
    count: int
    volume: float
    seed: int


def read_choice(query: QueryParams, models: int) -> Choice:
    """Reads and checks the parameters of an address.

    Raises:
        UserError: one is missing, unknown, given twice, no number, or out of its range.
    """
    known = ("model", "n", "volume", "seed")
    if unknown := set(query) - set(known):
        raise UserError(f"unknown parameter {min(unknown)!r}; known: {', '.join(known)}")
    chosen = tuple(int(_number(text, "model", 0, models - 1)) for text in query.getlist("model"))
    if not chosen or len(set(chosen)) < len(chosen):
        raise UserError("choose at least one model, each once")
    single = {name: query.getlist(name) for name in known[1:]}
    for name, texts in single.items():
        if len(texts) != 1:
            raise UserError(f"{name}: expected once, came {len(texts)} times")
    return Choice(
        chosen,
        int(_number(single["n"][0], "n", 1, MOST_PICTURES)),
        _number(single["volume"][0], "volume", *VOLUME, whole=False),
        int(_number(single["seed"][0], "seed", 0, LARGEST_SEED)),
    )


def _number(text: str, name: str, lowest: float, highest: float, *, whole: bool = True) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest or (whole and not value.is_integer()):
        kind = "a whole number" if whole else "a number"
        raise UserError(f"{name}: expected {kind}, {lowest} to {highest}, got {text[:40]!r}")
    return value


class Studio:
    """The models, and the one thread in which they draw: requests wait for each other.

    Sounds are decoded in a process of their own, which may crash.

    Attributes:
        models: name → model.
        worker: the thread.
        turn: held by the request whose pictures are drawn.
        decoder: the process.
        uploads: where a sound lies while it is decoded; there from :meth:`open` to :meth:`close`.
    """

    uploads: Uploads

    def __init__(self, models: Mapping[str, Generator]) -> None:
        self.models = models
        self.worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")
        self.turn = asyncio.Lock()
        self.decoder = Child()

    def open(self) -> None:
        """Makes the folder, and starts the process, so that the first sound need not wait."""
        self.uploads = Uploads()
        self.worker.submit(self.decoder, load_decoders)

    def close(self) -> None:
        """Ends the process and the thread, and removes what was sent."""
        self.decoder.close()
        self.worker.shutdown(cancel_futures=True)
        self.uploads.close()

    async def draw(self, content: bytes, choice: Choice) -> dict[str, Any]:
        """What the page shows for a sound; see :meth:`_draw`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.worker, self._draw, content, choice)

    def _draw(self, content: bytes, choice: Choice) -> dict[str, Any]:
        """The sound and, a model, its pictures or why there are none.

        Raises:
            UserError: a sound that cannot be used, or that no chosen model takes.
        """
        with self.uploads.keep(content) as path:
            waveform, rate = decode(path, self.decoder)
        heard = waveform * np.float32(choice.volume)
        names = list(self.models)
        drawn = [self._draw_one(names[i], heard, rate, choice) for i in choice.models]
        if all("error" in one for one in drawn):
            raise UserError(drawn[0]["error"])
        shown = {
            "seconds": len(heard) / rate,
            "rate": rate,
            "curve": curve(heard),
            "spectrogram": picture_uri(spectrogram(heard, rate)),
        }
        return {"sound": shown, "models": drawn}

    def _draw_one(
        self, name: str, waveform: FloatArray, rate: int, choice: Choice
    ) -> dict[str, Any]:
        try:
            images = self.models[name].generate(waveform, rate, choice.count, choice.seed)
        except UserError as error:
            return {"name": name, "error": str(error)}
        except (Exception, SystemExit) as error:  # the method's own failure
            if len(choice.models) == 1:
                raise RuntimeError(f"{name} cannot draw") from error
            LOG.exception("%s cannot draw", name)
            return {"name": name, "error": FAILED}
        model, seconds = self.models[name], len(waveform) / rate
        notes = silence("the sound", waveform)
        notes += [*too_long("the sound", seconds, model.segment_seconds), *model.notes]
        if choice.count > 1 and (images == images[0]).all():
            notes.append("it uses no noise: all pictures are the same")
        return {"name": name, "pictures": [picture_uri(i) for i in images], "notes": notes}


class StrictHeaders:
    """Adds :data:`HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, strict)


def make_app(models: Mapping[str, Generator], hosts: Sequence[str]) -> Starlette:
    """The server of the page.

    Args:
        models: name → what draws, in the order of the page; at least one.
        hosts: what the page may be called in an address; ``"*"``: anything.
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
                return _refuse(f"the file is larger than {MOST_BYTES >> 20} MiB", 413)
            async with studio.turn:
                if await request.is_disconnected():  # a page that was closed or loaded again
                    return Response(status_code=400)
                return JSONResponse(await studio.draw(content, choice))
        except UserError as error:
            return _refuse(str(error), 400)
        except ClientDisconnect:
            return Response(status_code=400)

    async def failed(request: Request, error: Exception) -> Response:
        answer = _refuse(FAILED, 500)
        answer.headers.update(HEADERS)  # this one passes by no middleware
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


def _page(models: Mapping[str, Generator]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.j2").render(
        models=list(models),
        most_bytes=MOST_BYTES,
        longest=LONGEST,
        most_pictures=MOST_PICTURES,
        volume=VOLUME,
        largest_seed=LARGEST_SEED,
    )


def _file(name: str) -> Any:
    async def send(request: Request) -> Response:
        return FileResponse(PAGE / name)

    return send


async def _body(request: Request) -> bytes | None:
    """What was sent; None, as soon as it is too much."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            return None
    return bytes(content)


def _refuse(reason: str, status: int) -> JSONResponse:
    return JSONResponse({"error": reason}, status)
