"""Read the pictures of a run, no larger than the run needs them, and find the size of its result."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping

import torch

from impasto.image import (
    MAX_PIXELS,
    Allocate,
    Opener,
    Picture,
    Size,
    Source,
    fitted_size,
    in_memory,
    load,
    mapped,
    reduced,
)
from impasto.settings.synthesis import SynthesisSettings, TextureSettings
from impasto.tasks.tiling.memory import free_memory, parse_memory

SHARE = 1 / 8
"""A picture that takes more than this share of memory is read into a memory-mapped file."""

DECODED = 8
"""Bytes for each pixel that decoders take for most pictures, at most."""

MOST = 1_000_000_000
"""Largest number of pixels of a picture, whatever the memory."""

COARSEST_STRIDE = 32
"""The stride of the coarsest layer of any network here."""


def opener(settings: SynthesisSettings, longest: int | None = None) -> Opener:
    """Return a function that reads a picture and reduces its longer side to `longest` pixels (None: no limit).

    A picture that takes a large share of the run's memory is read strip by strip into a memory-mapped file in the
    scratch folder; only the reduced picture stays in memory. The limit of pixels is higher than that of `load`: as many
    as there is memory to decode.
    """
    allowed = free_memory(torch.device("cpu")) if settings.memory is None else parse_memory(settings.memory)
    allocate = spilling(SHARE * allowed, settings.scratch or tempfile.gettempdir())
    most = max(MAX_PIXELS, min(MOST, int(allowed / DECODED))) if allowed < math.inf else MAX_PIXELS
    return lambda source: reduced(load(source, allocate=allocate, max_pixels=most), longest)


def spilling(most: float, folder: str) -> Allocate:
    """Return an allocator of ordinary memory up to `most` bytes a tensor, and of files in `folder` beyond."""
    in_files = mapped(folder)

    def allocate(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> torch.Tensor:
        make = in_memory if math.prod(shape) * kind.itemsize <= most else in_files
        return make(shape, kind, device)

    return allocate


def content_opener(settings: SynthesisSettings) -> Opener:
    """Return the reader of the content image, whose proportions the result has."""
    return opener(settings, settings.longer_side())


def style_opener(settings: SynthesisSettings, longer_side: int | None) -> Opener:
    """Return the reader of the style images of a result with this longer side (None: no limit).

    Style images are read at the size of the result at least, because a run may start from one.
    """
    scale = max(1.0, getattr(settings, "style_scale", 1.0))
    return opener(settings, None if longer_side is None else math.ceil(scale * longer_side))


def read_inputs(inputs: Mapping[str, Source], settings: SynthesisSettings) -> list[Picture]:
    """Read the pictures of a task, given by the names of its inputs, "content" and "style"; the order stays."""
    pictures: list[Picture] = []
    for name, source in inputs.items():
        longer_side = settings.longer_side(max(pictures[0].size) if pictures else None)
        read = content_opener(settings) if name == "content" else style_opener(settings, longer_side)
        pictures.append(read(source))
    return pictures


def asked_size(settings: SynthesisSettings, own: Size) -> Size:
    """Return the (height, width) that the settings ask for, in the proportions of an image of size `own`.

    A texture may have any width and height.
    """
    height, width = fitted_size(own, settings.longer_side(max(own)) or max(own))
    if isinstance(settings, TextureSettings):
        return settings.height or height, settings.width or width
    return height, width


def full_size(settings: SynthesisSettings, own: Size) -> Size:
    """Return the (height, width) of the result: as asked for; a tileable texture is rounded to whole steps."""
    return whole_steps(settings, asked_size(settings, own))


def is_periodic(settings: SynthesisSettings) -> bool:
    """Return whether the result is a texture that repeats without a seam."""
    return isinstance(settings, TextureSettings) and settings.tileable


def whole_steps(settings: SynthesisSettings, size: Size) -> Size:
    """Return the size; for a tileable texture in multiples of `COARSEST_STRIDE`, or its edges would not meet."""
    if not is_periodic(settings):
        return size
    height, width = (max(1, round(side / COARSEST_STRIDE)) * COARSEST_STRIDE for side in size)
    return height, width
