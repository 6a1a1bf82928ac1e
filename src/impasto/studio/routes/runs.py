"""Runs: plan, start, follow, pause, stop, go on, and their results."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from impasto.errors import UsageError
from impasto.studio import downloads
from impasto.studio.planning import plan_of
from impasto.studio.routes.common import ERRORS, ConflictError, Here, Id, Visitor
from impasto.studio.routes.pictures import IMAGE
from impasto.studio.runs import Run
from impasto.studio.schemas import CommandAnswer, PlanAnswer, RunAnswer, RunRequest
from impasto.studio.store import MissingError
from impasto.studio.studio import Studio
from impasto.studio.sweeping import check_axes, scaled

router = APIRouter(tags=["runs"], responses=ERRORS)

STREAM: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "events, without end"}
}


@router.post("/plan")
async def plan(request: RunRequest, studio: Here, visitor: Visitor) -> PlanAnswer:
    """Return size, time and memory of a run, without starting it."""
    return await _plan(studio, visitor, request)


@router.post("/runs", status_code=202)
async def start(request: RunRequest, studio: Here, visitor: Visitor) -> RunAnswer:
    """Queue a run. A run that does not fit into memory is refused."""
    planned = await _plan(studio, visitor, request)
    if not planned.fits:
        raise UsageError(planned.why or "the run does not fit into memory")
    return _answer(studio, studio.scheduler.submit(visitor, request, planned))


@router.get("/runs")
async def listing(studio: Here, visitor: Visitor) -> list[RunAnswer]:
    """Return the runs of the visitor, newest first."""
    return [studio.scheduler.answer(run, curve=False) for run in studio.scheduler.runs(visitor)]


@router.get("/runs/{number}")
async def run(number: Id, studio: Here, visitor: Visitor) -> RunAnswer:
    """Return a run, with the curve of its loss."""
    return _answer(studio, studio.scheduler.run(visitor, number))


@router.delete("/runs/{number}", status_code=204)
async def cancel(number: Id, studio: Here, visitor: Visitor) -> None:
    """Cancel and forget a run."""
    studio.scheduler.cancel(studio.scheduler.run(visitor, number))
    studio.hub.changed(visitor, number)


@router.post("/runs/{number}/pause")
async def pause(number: Id, studio: Here, visitor: Visitor) -> RunAnswer:
    """Pause a run; it keeps its state."""
    return _changed(studio, visitor, number, studio.scheduler.pause)


@router.post("/runs/{number}/resume")
async def resume(number: Id, studio: Here, visitor: Visitor) -> RunAnswer:
    """Go on with a paused or stopped run from where it was."""
    return _changed(studio, visitor, number, studio.scheduler.resume)


@router.post("/runs/{number}/stop")
async def stop(number: Id, studio: Here, visitor: Visitor) -> RunAnswer:
    """Stop a run; its best picture is its result."""
    return _changed(studio, visitor, number, studio.scheduler.stop)


@router.get("/events", response_class=StreamingResponse, responses=STREAM)
async def events(studio: Here, visitor: Visitor) -> StreamingResponse:
    """Stream the changes of all runs of the visitor as server-sent events."""
    unfinished = [run.id for run in studio.scheduler.runs(visitor) if run.unfinished]
    return _stream(studio, visitor, unfinished)


@router.get("/runs/{number}/events", response_class=StreamingResponse, responses=STREAM)
async def events_of_run(number: Id, studio: Here, visitor: Visitor) -> StreamingResponse:
    """Stream the changes of one run."""
    return _stream(studio, visitor, [studio.scheduler.run(visitor, number).id], only=number)


@router.get("/runs/{number}/preview", response_class=Response, responses=IMAGE)
async def preview(
    number: Id, studio: Here, visitor: Visitor, version: Annotated[int, Query(ge=0, le=10**9)] = 0
) -> Response:
    """Return the best picture so far; `version` only keeps a browser from showing an older one."""
    found = studio.scheduler.run(visitor, number)
    try:
        content = found.preview_file.read_bytes()
    except OSError:
        raise MissingError("this run has no picture yet") from None
    return Response(content, media_type="image/jpeg", headers={"X-Version": str(found.preview or version)})


@router.get("/runs/{number}/picture", response_class=Response, responses=IMAGE)
async def picture(  # noqa: PLR0917 (each is a part of the address)
    number: Id,
    studio: Here,
    visitor: Visitor,
    format: Literal["png", "jpg", "webp", "tif"] = "png",
    bits: Literal["8", "16"] = "8",
    strength: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 1.0,
) -> Response:
    """Return the result as a file, with its settings inside; `strength` below 1 blends it with the photo."""
    found = studio.scheduler.run(visitor, number)
    how = downloads.Download(format, int(bits), strength)
    with TemporaryDirectory(dir=found.folder) as folder:
        path = await studio.read(downloads.picture, studio, found, folder, how)
        content = path.read_bytes()
    return _file(content, downloads.TYPES[format], path.name)


@router.get("/runs/{number}/timelapse", response_class=Response, responses={200: {"content": {"image/gif": {}}}})
async def timelapse(number: Id, studio: Here, visitor: Visitor) -> Response:
    """Return the run as an animated GIF."""
    found = studio.scheduler.run(visitor, number)
    return _file(await studio.read(downloads.timelapse, found), "image/gif", f"{downloads.title(found)}.gif")


@router.get("/runs/{number}/page", response_class=Response, responses={200: {"content": {"text/html": {}}}})
async def page(number: Id, studio: Here, visitor: Visitor) -> Response:
    """Return the page of a sweep, with its pictures inside."""
    found = studio.scheduler.run(visitor, number)
    try:
        return Response(found.page.read_bytes(), media_type="text/html")
    except OSError:
        raise MissingError("this run has no page") from None


@router.get("/runs/{number}/command")
async def command(number: Id, studio: Here, visitor: Visitor) -> CommandAnswer:
    """Return the same run as a command line and as Python."""
    found = studio.scheduler.run(visitor, number)
    work = studio.sources(visitor).work(found.request, studio.settings)
    words, python = downloads.command_of(work), downloads.python_of(work)
    return CommandAnswer(command=shlex.join(words), python=python)


async def _plan(studio: Studio, visitor: str, request: RunRequest) -> PlanAnswer:
    work = studio.sources(visitor).work(request, studio.settings)
    count = check_axes(request, studio.settings) if request.axes else 1
    planned = await studio.compute(plan_of, work, studio.networks, studio.settings.side)
    return scaled(planned, count) if request.axes else planned


def _changed(studio: Studio, visitor: str, number: str, change: Callable[[Run], None]) -> RunAnswer:
    found = studio.scheduler.run(visitor, number)
    try:
        change(found)
    except MissingError:
        raise
    except UsageError as error:
        raise ConflictError(str(error)) from error
    return _answer(studio, found)


def _answer(studio: Studio, run: Run) -> RunAnswer:
    return studio.scheduler.answer(run, curve=True)


def _stream(studio: Studio, visitor: str, first: list[str], only: str | None = None) -> StreamingResponse:
    def answer(number: str) -> RunAnswer | None:
        try:
            return studio.scheduler.answer(studio.scheduler.run(visitor, number), curve=False)
        except MissingError:
            return None

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second is for nginx
    return StreamingResponse(studio.hub.stream(visitor, first, answer, only), 200, headers, "text/event-stream")


def _file(content: bytes, kind: str, name: str) -> Response:
    ascii_name = name.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "_")
    return Response(content, 200, {"Content-Disposition": f'attachment; filename="{ascii_name}"'}, kind)
