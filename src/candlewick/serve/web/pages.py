"""Whatever a browser shows, from the installation alone: the status page, the description, the library of charts."""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from candlewick.core.errors import MissingDependencyError
from candlewick.serve.web.refusals import RefusalError

_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}  # fmt: skip
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "content-security-policy": _POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
}  # fmt: skip
_DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>candlewick live: what can be asked</title>
<link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/begin.js"></script>
</body>
</html>
"""
_BEGIN = """SwaggerUIBundle({
  url: "/docs/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout",
});
"""
CLOSED = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>candlewick live</title></head>
<body><p>This page is opened by the link that <code>candlewick serve</code> prints when it starts, which works once.</p>
<p>A running server is asked for a new one by <code>candlewick serve --link</code>.</p></body></html>
"""
_DAY = "private, max-age=86400"
_AGAIN = "private, no-cache"


class _Asset:
    def __init__(self, body: bytes, kind: str, kept: str) -> None:
        self.body = body
        self.headers = {
            **SECURITY, "content-type": kind, "cache-control": kept,
            "etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        }  # fmt: skip

    def response(self, request: Request) -> Response:
        if request.headers.get("if-none-match") == self.headers["etag"]:
            return Response(status_code=304, headers=self.headers)
        return Response(self.body, headers=self.headers)


def pages() -> APIRouter:
    """Routes of everything that is shown, none of them in the description.

    Raises:
        MissingDependencyError: plotly or swagger-ui-bundle are not installed.
    """
    router = APIRouter(include_in_schema=False)
    assets = {f"/{name}" if name == "" else name: asset for name, asset in _assets()}

    def route(path: str, asset: _Asset) -> None:
        async def get(request: Request) -> Response:
            return asset.response(request)

        router.add_api_route(path, get, methods=["GET"])

    for path, asset in assets.items():
        route(path, asset)
    plotly = _installed("plotly", "plotly") / "package_data" / "plotly.min.js"

    @router.get("/assets/plotly.min.js")
    async def charts() -> Response:
        return FileResponse(plotly, media_type=_TYPES[".js"], headers={**SECURITY, "cache-control": _DAY})

    @router.get("/assets/{name}")
    async def nothing(name: str) -> Response:
        raise RefusalError(404, "path", f"the page has no part {name!r}.")

    return router


def _assets() -> Iterator[tuple[str, _Asset]]:
    for part in sorted(files("candlewick.serve.web.page").iterdir(), key=lambda one: one.name):
        kind = _TYPES.get(Path(part.name).suffix)
        if kind is not None:
            path = "/" if part.name == "index.html" else f"/assets/{part.name}"
            yield path, _Asset(part.read_bytes(), kind, _AGAIN)
    yield "/docs", _Asset(_DOCS.encode(), _TYPES[".html"], _AGAIN)
    yield "/docs/begin.js", _Asset(_BEGIN.encode(), _TYPES[".js"], _AGAIN)
    (vendor,) = (_installed("swagger_ui_bundle", "swagger-ui-bundle") / "vendor").glob("swagger-ui-*")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        yield f"/docs/{name}", _Asset((vendor / name).read_bytes(), _TYPES[Path(name).suffix], _DAY)


def _installed(module: str, package: str) -> Path:
    # Found without importing it: plotly is slow to import and is not needed here but for its file.
    found = find_spec(module)
    if found is None or found.origin is None:
        raise MissingDependencyError(
            f"the server shows its page with {package}, which is not installed. "
            "Install candlewick with its extra: pip install 'candlewick[serve]'."
        )
    return Path(found.origin).parent
