"""The server: the API, the page, and the safety layer around both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from impasto.errors import ImpastoError
from impasto.settings.studio import StudioSettings
from impasto.studio.routes import facts, pictures, runs
from impasto.studio.routes.common import explain, explain_request, explain_status
from impasto.studio.studio import Studio
from impasto.version import __version__

API = "/api/v1"

ABOUT = """
Pictures by neural style transfer, on this machine. A *source* is `sample:NAME` or `picture:ID`. Every error is
`{"error": "one line"}`. A visitor is a cookie that the server sets, or the header `Authorization: Bearer TOKEN`.
"""


def create_app(settings: StudioSettings | None = None, *, password: bool = False) -> FastAPI:
    """Return the application without its safety layer; see `impasto.studio.security`.

    `password`: whether visitors have to log in, which the page asks.
    """
    studio = Studio(settings or StudioSettings())
    studio.has_password = password

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        studio.open()
        yield
        studio.close()

    app = FastAPI(
        title="Impasto",
        description=ABOUT,
        version=__version__,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.studio = studio
    for router in (facts.router, pictures.router, runs.router):
        app.include_router(router, prefix=API)
    app.add_exception_handler(ImpastoError, explain)
    app.add_exception_handler(RequestValidationError, explain_request)
    app.add_exception_handler(HTTPException, explain_status)
    if not studio.settings.api_only:
        _add_page(app)
    return app


def _add_page(app: FastAPI) -> None:
    folder = Path(str(files("impasto.studio") / "page"))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(folder / "index.html")

    app.mount("/page", StaticFiles(directory=folder), name="page")
