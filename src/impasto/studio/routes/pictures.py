"""Pictures: uploads, masks, crops, and their bytes for the page; the preview of one pass."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from impasto.image import Source, fitted_size, load, resized
from impasto.image.samples import PREFIX
from impasto.settings.editing import ApplySettings
from impasto.studio import pictures
from impasto.studio.forms import settings_of
from impasto.studio.jpeg import to_jpeg
from impasto.studio.routes.common import ERRORS, Here, Id, Visitor, to_answer
from impasto.studio.schemas import CompareAnswer, CompareRequest, CropRequest, PictureAnswer, PreviewRequest, StrokeList
from impasto.studio.studio import Studio
from impasto.studio.work import Shares
from impasto.tasks.compare import compare

router = APIRouter(tags=["pictures"], responses=ERRORS)

IMAGE: dict[int | str, dict[str, object]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}, "image/png": {}}}
}
UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

Side = Annotated[int | None, Query(ge=16, le=16_384, description="longer side in pixels, at most")]


@router.post("/pictures", status_code=201, openapi_extra=UPLOAD)
async def upload(
    request: Request,
    studio: Here,
    visitor: Visitor,
    name: Annotated[str, Query(max_length=1000, description="name of the file")] = "picture",
) -> PictureAnswer:
    """Store the picture in the body, and return its record."""
    with studio.store.upload(visitor) as (number, path, take):
        async for part in request.stream():
            take(part)
    most = studio.settings.megapixels * 1_000_000
    shown = pictures.clean_name(name)
    return to_answer(await studio.read(pictures.add_upload, studio.sources(visitor), number, path, shown, most))


@router.get("/pictures")
async def listing(studio: Here, visitor: Visitor) -> list[PictureAnswer]:
    """Return all pictures of the visitor, newest first."""
    return [to_answer(picture) for picture in await run_in_threadpool(studio.store.pictures, visitor)]


@router.get("/pictures/{number}")
async def picture(number: Id, studio: Here, visitor: Visitor) -> PictureAnswer:
    """Return the record of a picture."""
    return to_answer(studio.store.picture(visitor, number))


@router.delete("/pictures/{number}", status_code=204)
async def delete(number: Id, studio: Here, visitor: Visitor) -> None:
    """Delete a picture."""
    studio.store.delete(visitor, number)


@router.get("/pictures/{number}/image", response_class=Response, responses=IMAGE)
async def image(number: Id, studio: Here, visitor: Visitor, side: Side = None) -> Response:
    """Return a picture as a JPEG, or as a PNG if it is transparent."""
    return await _shown(studio, studio.store.path_of(visitor, number), side)


@router.get("/samples/{name}/image", response_class=Response, responses=IMAGE)
async def sample(name: str, studio: Here, visitor: Visitor, side: Side = None) -> Response:
    """Return a bundled picture, likewise."""
    return await _shown(studio, studio.sources(visitor).file(f"{PREFIX}{name}"), side)


@router.post("/masks", status_code=201)
async def mask(request: StrokeList, studio: Here, visitor: Visitor) -> PictureAnswer:
    """Draw a mask from strokes, at the full size of the photo."""
    return to_answer(await studio.read(pictures.add_mask, studio.sources(visitor), request))


@router.post("/crops", status_code=201)
async def crop(request: CropRequest, studio: Here, visitor: Visitor) -> PictureAnswer:
    """Store a part of a picture as a picture."""
    return to_answer(await studio.read(pictures.add_crop, studio.sources(visitor), request))


@router.post("/preview", response_class=Response, responses=IMAGE)
async def preview(request: PreviewRequest, studio: Here, visitor: Visitor) -> Response:
    """Return the photo in a style, by one pass at a small size, at once."""
    sources, began = studio.sources(visitor), time.perf_counter()
    settings = settings_of("apply", request.settings, studio.settings)
    assert isinstance(settings, ApplySettings)
    styles, photo = sources.shares(request.style), sources.file(request.content)
    size = min(request.size, studio.settings.side)
    made = await studio.compute(_preview, studio, photo, size, styles, settings)
    return Response(made, media_type="image/jpeg", headers={"X-Seconds": f"{time.perf_counter() - began:.3f}"})


@router.post("/compare")
async def comparison(request: CompareRequest, studio: Here, visitor: Visitor) -> CompareAnswer:
    """Return the differences of two pictures, the second one resized to the first."""
    sources = studio.sources(visitor)
    numbers = await studio.compute(_compare, sources.file(request.a), sources.file(request.b))
    return CompareAnswer.model_validate(numbers)


def _preview(studio: Studio, photo: str | Path, size: int, styles: Shares, settings: ApplySettings) -> bytes:
    small = studio.photos.at(photo, size)
    return to_jpeg(studio.networks.preview(small, styles, settings).pixels, quality=88)


def _compare(a: Source, b: Source) -> dict[str, object]:
    first, second = load(a), load(b)
    size = fitted_size(first.size, min(1024, max(first.size)))
    return compare(resized(first, size), resized(second, size)).to_mapping()


async def _shown(studio: Studio, source: Source, side: int | None) -> Response:
    content, kind = await studio.read(pictures.shown, source, side)
    return Response(content, media_type=kind, headers={"Cache-Control": "private, max-age=86400, immutable"})
