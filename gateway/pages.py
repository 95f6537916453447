"""The contract as documents, and a page for people that shows it and can try its calls against this engine.

The page's program is Swagger UI, as a package on the index brings it; of ours is only what starts it.
"""

import json
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gateway.documents import asyncapi, openapi
from gateway.documents.bounds import Schema
from gateway.refusals import JSON

OPENAPI = "/openapi.json"
ASYNCAPI = "/asyncapi.json"
PAGE = "/docs"
_FOUND = find_spec("swagger_ui")
assert _FOUND is not None
ASSETS = Path(str(_FOUND.origin)).parent / "static"
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
_HTML = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Settlement engine: the HTTP interface</title>
<link rel="stylesheet" href="/assets/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="page"></div>
<script src="/assets/swagger-ui-bundle.js"></script>
<script src="{PAGE}/start.js"></script>
</body>
</html>
"""
_START = (
    f"SwaggerUIBundle({{url: '{OPENAPI}', dom_id: '#page', deepLinking: true, docExpansion: 'none', filter: true,"
    " validatorUrl: null, tryItOutEnabled: true});\n"
)


def page_routes() -> list[Route]:
    """The routes of the documents and of the page."""
    documents = [_document(OPENAPI, openapi.document()), _document(ASYNCAPI, asyncapi.document())]

    async def page(request: Request) -> Response:
        return HTMLResponse(_HTML, headers={"Content-Security-Policy": _POLICY})

    async def start(request: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    async def home(request: Request) -> Response:
        return RedirectResponse(PAGE)

    return [*documents, Route("/", home), Route(PAGE, page), Route(f"{PAGE}/start.js", start)]


def _document(path: str, content: Schema) -> Route:
    text = json.dumps(content, ensure_ascii=False)

    async def answer(request: Request) -> Response:
        return Response(text, headers={"Cache-Control": "no-cache"}, media_type=JSON)

    return Route(path, answer)
