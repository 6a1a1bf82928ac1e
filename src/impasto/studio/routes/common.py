"""The visitor and the studio of a request, and the answers to errors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from impasto.errors import ImpastoError, UsageError
from impasto.studio.runs import picture_answer
from impasto.studio.scheduler import BusyError
from impasto.studio.schemas import Failure, PictureAnswer
from impasto.studio.store import FullError, MissingError, StoredPicture
from impasto.studio.studio import Studio

STATUS: dict[type[ImpastoError], int] = {
    MissingError: 404,
    BusyError: 429,
    FullError: 507,
    UsageError: 400,
    ImpastoError: 400,
}
"""The status of an error; 400 for all others."""

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure} for status in (400, 401, 403, 404, 409, 413, 415, 422, 429, 507)
}
"""Errors in the description of the API."""


class ConflictError(ImpastoError):
    """The run is in a state in which this is not possible."""


def studio_of(request: Request) -> Studio:
    """Return the studio of the server."""
    studio: Studio = request.app.state.studio
    return studio


def visitor_of(request: Request) -> str:
    """Return the id of the visitor, which the safety layer sets."""
    return str(request.state.visitor)


Here = Annotated[Studio, Depends(studio_of)]
Visitor = Annotated[str, Depends(visitor_of)]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hex digits")]


def to_answer(picture: StoredPicture) -> PictureAnswer:
    """Return the record of a picture for its visitor."""
    return PictureAnswer.model_validate(picture_answer(picture))


async def explain(_: Request, error: Exception) -> JSONResponse:
    """Return an error of Impasto as one line."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    if isinstance(error, ConflictError):
        status = 409
    return JSONResponse({"error": str(error)}, status)


async def explain_request(_: Request, error: Exception) -> JSONResponse:
    """Return a body of a wrong form as one line."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
    return JSONResponse({"error": f"{place}: {first['msg']}" if place else first["msg"]}, 422)


async def explain_status(_: Request, error: Exception) -> JSONResponse:
    """Return an HTTP error, such as an unknown address, as one line."""
    status = getattr(error, "status_code", 500)
    text = {404: "there is nothing at this address", 405: "this address does not take this method"}
    return JSONResponse({"error": text.get(status, str(getattr(error, "detail", error)))}, status)
