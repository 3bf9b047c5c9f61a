"""What can be asked over HTTP beside posting bars: each route reads the live side and encodes what it finds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from candlewick.core.errors import CandlewickError, DataError
from candlewick.serve.catalogue import Catalogue
from candlewick.serve.live import views
from candlewick.serve.live.provenance import why
from candlewick.serve.live.station import Station
from candlewick.serve.web import openapi
from candlewick.serve.web.auth import Guard, cookie_header
from candlewick.serve.web.door import unexpected
from candlewick.serve.web.openapi import json_of, object_of
from candlewick.serve.web.pages import CLOSED, SECURITY, pages
from candlewick.serve.web.refusals import RefusalError, described, not_ready

_STATUS_S = 0.25
_SCANNED, _PAGE = 200, 100
_LARGEST = 2**63 - 1
_SYMBOL = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}$"
Symbol = Annotated[str, Query(pattern=_SYMBOL, max_length=64, description="the instrument's name")]
Symbols = Annotated[str | None, Query(pattern=_SYMBOL, max_length=64, description="one instrument only")]
Count = Annotated[int, Query(ge=1, le=views.MOST_BARS, description="the newest so many")]
Limit = Annotated[int, Query(ge=1, le=views.MOST_RECORDS, description="at most so many")]
Since = Annotated[int, Query(ge=0, le=_LARGEST, description="place in the journal to begin with")]
SinceOrLast = Annotated[
    int, Query(ge=-views.MOST_RECORDS, le=_LARGEST, description="place to begin with; below 0, the last so many")
]
Nanoseconds = Annotated[int, Query(ge=0, le=_LARGEST, description="ns UTC")]


@dataclass(frozen=True)
class Asked:
    """What the routes read from.

    Attributes:
        station: the live folder.
        guard: who may come in.
        catalogue: its releases.
        reasons: why bars are not answered.
        exposition: the figures for Prometheus.
    """

    station: Station
    guard: Guard
    catalogue: Catalogue
    reasons: Callable[[], tuple[str, ...]]
    exposition: Callable[[], tuple[bytes, str]]


def application(asked: Asked) -> FastAPI:
    """The routes over one live folder.

    Raises:
        MissingDependencyError: what the page is shown with is not installed.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    _health(app, asked)
    v1 = APIRouter(prefix="/v1", dependencies=[Depends(_only_known)])
    _reading(v1, asked)
    _history(v1, asked)
    app.include_router(v1)
    _browser(app, asked)
    _errors(app)
    return app


def encoded(told: Any, status: int = 200) -> Response:
    """Plain data and messages as JSON; NaN becomes null."""
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(told), status, headers, "application/json")


class Status:
    """The status, made anew a few times a second at most."""

    def __init__(self, asked: Asked) -> None:
        self._asked, self._made, self._told = asked, -1.0, dict[str, Any]()

    def told(self) -> dict[str, Any]:
        """As plain data."""
        now = asyncio.get_running_loop().time()
        if now - self._made > _STATUS_S or self._made < 0:
            station, reasons = self._asked.station, self._asked.reasons()
            told = views.status(station.live, started=station.started)
            self._told = {**told, "ready": not reasons, "reasons": list(reasons)}
            self._made = now
        return self._told


async def _only_known(request: Request) -> None:
    """A parameter that is misspelt or given twice is refused, so that nobody takes what is told for what was meant."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    given = [name for name, _ in request.query_params.multi_items()]
    wrong = next((name for name in given if name not in known or given.count(name) > 1), None)
    if wrong is not None:
        told = "is given twice" if wrong in known else f"is not known here; there are: {', '.join(known) or 'none'}"
        raise RefusalError(422, "invalid", f"the parameter {wrong!r} {told}.")


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: described(status) for status in (401, 403, 429, 503, *statuses)}


def _health(app: FastAPI, asked: Asked) -> None:
    readiness = object_of("ready", "reasons", ready={"type": "boolean"}, reasons={"type": "array", "items": {}})
    answers: dict[int | str, dict[str, Any]] = {
        200: json_of(readiness, "bars are answered"), 503: json_of(readiness, "they are not; the reasons say why"),
        403: described(403),
    }  # fmt: skip
    alive: dict[int | str, dict[str, Any]] = {200: json_of({"type": "object"}, "it answers"), 403: described(403)}

    @app.get("/livez", summary="Whether the process answers.", responses=alive, openapi_extra={"security": []})
    async def livez() -> Response:
        return encoded({"alive": True})

    @app.get("/readyz", summary="Whether bars are answered.", responses=answers, openapi_extra={"security": []})
    async def readyz() -> Response:
        reasons = asked.reasons()
        told = encoded({"ready": not reasons, "reasons": list(reasons)}, 503 if reasons else 200)
        if reasons:
            told.headers["retry-after"] = "2"
        return told

    @app.get(
        "/metrics", summary="Figures for Prometheus.",
        responses={200: {"description": "text", "content": {"text/plain": {}}}, **_refusals()},
    )  # fmt: skip
    async def metrics() -> Response:
        text, kind = asked.exposition()
        return Response(text, media_type=kind)


def _reading(v1: APIRouter, asked: Asked) -> None:
    live, status = asked.station.live, Status(asked)
    listed: dict[str, Any] = {"type": "array", "items": {"type": "object"}}

    @v1.get(
        "/status", summary="Champion, instruments, journal, latency, feeds.",
        responses={200: json_of(object_of("now", "ready", "reasons", "champion", "symbols", "journal"), "now"),
                   **_refusals(422)},
    )  # fmt: skip
    async def get_status() -> Response:
        return encoded(status.told())

    @v1.get(
        "/releases", summary="Releases, aliases, and what was promoted when.",
        responses={200: json_of(object_of("releases", "aliases", "history", releases=listed), "all"), **_refusals(422)},
    )  # fmt: skip
    async def get_releases() -> Response:
        return encoded(await asyncio.get_running_loop().run_in_executor(None, asked.catalogue.releases))

    @v1.get(
        "/bars", summary="The newest bars of an instrument and their answers, oldest first.",
        responses={200: json_of(object_of("symbol", "events", events=listed), "bars"), **_refusals(404, 422)},
    )  # fmt: skip
    async def get_bars(symbol: Symbol, count: Count = 200) -> Response:
        found: list[Any] = []
        until = None
        while len(found) < count:
            try:
                page = views.bars(live, symbol, min(count - len(found), _PAGE), until=until)["events"]
            except DataError as error:
                raise RefusalError(404, "symbol", str(error)) from error
            if not page:
                break
            found[:0] = page
            until = page[0]["answer"].seq - 1
            await asyncio.sleep(0)  # bars that come go first
        return encoded({"symbol": symbol, "events": found})

    @v1.get(
        "/why", summary="Which release made a forecast, from which data and seed.",
        responses={200: json_of(object_of("forecast", "release", "anchor", "since"), "provenance"),
                   **_refusals(404, 422)},
    )  # fmt: skip
    async def get_why(symbol: Symbol, t: Nanoseconds) -> Response:
        try:
            return encoded(why(asked.station.folder, symbol, t, journal=live.journal))
        except DataError as error:
            raise RefusalError(404, "symbol", str(error)) from error


def _history(v1: APIRouter, asked: Asked) -> None:
    live = asked.station.live
    answers = {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}}
    records = {"type": "array", "items": object_of("seq", "kind")}
    place = {"type": "integer"}

    @v1.get(
        "/forecasts", summary="Forecasts from a place in the journal on.",
        responses={200: json_of(object_of("forecasts", "next", forecasts=answers, next=place), "oldest first"),
                   **_refusals(422)},
    )  # fmt: skip
    async def get_forecasts(since: Since = 0, limit: Limit = 1000, symbol: Symbols = None) -> Response:
        found: list[Any] = []
        following, scanned = since, 0
        while len(found) < limit and scanned < 50 * views.MOST_RECORDS:
            page = views.forecasts(live, since=following, limit=limit - len(found), symbol=symbol, scan=_SCANNED)
            found += page["forecasts"]
            scanned += _SCANNED
            if page["next"] <= following or page["next"] > live.journal.seq:
                following = page["next"]
                break
            following = page["next"]
            await asyncio.sleep(0)
        return encoded({"forecasts": found, "next": following})

    @v1.get(
        "/journal", summary="Records of the journal.",
        responses={200: json_of(object_of("records", "next", records=records, next=place), "oldest first"),
                   **_refusals(422)},
    )  # fmt: skip
    async def get_journal(since: SinceOrLast = 0, limit: Limit = 1000) -> Response:
        begin = max(live.journal.seq + 1 + since, 0) if since < 0 else since
        found: list[Any] = []
        while len(found) < limit:
            page = views.records(live, since=begin, limit=min(_SCANNED, limit - len(found)))
            found += page["records"]
            begin = page["next"]
            if not page["records"] or begin > live.journal.seq:
                break
            await asyncio.sleep(0)
        return encoded({"records": found, "next": begin})


def _browser(app: FastAPI, asked: Asked) -> None:
    description = openapi.completed(app.openapi())
    for path, told in (("/openapi.json", description), ("/docs/openapi.json", openapi.as_30(description))):
        app.add_api_route(path, _constant(msgspec.json.encode(told)), include_in_schema=False)

    @app.get("/open/{key}", include_in_schema=False)
    async def get_open(request: Request, key: str) -> Response:
        headers = {**SECURITY, "cache-control": "no-store"}
        try:
            session = asked.guard.opened(key)
        except RefusalError as refusal:
            if b"text/html" not in request.headers.get("accept", "").encode():
                raise
            return Response(CLOSED, refusal.status, headers, "text/html")
        host = request.headers["host"].encode("latin-1")
        found = Response(status_code=303, headers={**headers, "location": "/"})
        found.raw_headers.append((b"set-cookie", cookie_header(session, host)))
        return found

    app.include_router(pages())


def _constant(body: bytes) -> Callable[[], Awaitable[Response]]:
    async def get() -> Response:
        return Response(body, media_type="application/json", headers={"cache-control": "no-cache"})

    return get


def _errors(app: FastAPI) -> None:
    @app.exception_handler(RefusalError)
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusalError)
        return _problem(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        wrong = error.errors()[0]
        return _problem(RefusalError(422, "invalid", f"{wrong['loc'][-1]}: {wrong['msg']}."))

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            allow = (error.headers or {}).get("Allow", "GET")
            return _problem(RefusalError(405, "method", f"only {allow} is possible here.", allow=allow))
        return _problem(RefusalError(404, "path", "there is nothing here. /docs tells what there is."))

    @app.exception_handler(CandlewickError)
    async def ours(request: Request, error: Exception) -> Response:
        return _problem(not_ready((str(error),), code="storage", retry_after=5))

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        return _problem(unexpected())


def _problem(refusal: RefusalError) -> Response:
    found = Response(refusal.body, refusal.status)
    found.raw_headers = [*refusal.headers, (b"content-length", str(len(refusal.body)).encode())]
    return found
