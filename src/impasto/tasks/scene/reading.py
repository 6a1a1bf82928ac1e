"""Reading of the pictures of a run, no larger than necessary, and the size of the result."""

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
"""Share of memory above which a picture is read into a memory-mapped file."""

DECODED = 8
"""Bytes for each pixel that decoders take at most, for most formats."""

MOST = 1_000_000_000
"""Largest number of pixels of a picture, whatever the memory."""

COARSEST_STRIDE = 32
"""Stride of the coarsest layer of all networks, in pixels."""


def opener(settings: SynthesisSettings, longest: int | None = None) -> Opener:
    """Return a function that reads a picture and reduces its longer side to `longest` pixels (None: no limit).

    A picture that takes a large share of the run's memory is read strip by strip into a memory-mapped file in the
    scratch folder, and only the reduced picture stays in memory. The largest number of pixels is that of `load`, or as
    many as can be decoded in the memory, if that is more.
    """
    allowed = free_memory(torch.device("cpu")) if settings.memory is None else parse_memory(settings.memory)
    allocate = spilling(SHARE * allowed, settings.scratch or tempfile.gettempdir())
    most = max(MAX_PIXELS, min(MOST, int(allowed / DECODED))) if allowed < math.inf else MAX_PIXELS
    return lambda source: reduced(load(source, allocate=allocate, max_pixels=most), longest)


def spilling(most: float, folder: str) -> Allocate:
    """Return an allocator: in memory up to `most` bytes for each tensor, in files in `folder` for larger tensors."""
    in_files = mapped(folder)

    def allocate(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> torch.Tensor:
        make = in_memory if math.prod(shape) * kind.itemsize <= most else in_files
        return make(shape, kind, device)

    return allocate


def content_opener(settings: SynthesisSettings) -> Opener:
    """Return the reader of the content image, reduced to the size of the result."""
    return opener(settings, settings.longer_side())


def style_opener(settings: SynthesisSettings, longer_side: int | None) -> Opener:
    """Return the reader of the style images of a result with this longer side (None: no limit).

    A style image is read at the size of the result or larger, because a run may start from a style image.
    """
    scale = max(1.0, getattr(settings, "style_scale", 1.0))
    return opener(settings, None if longer_side is None else math.ceil(scale * longer_side))


def read_inputs(inputs: Mapping[str, Source], settings: SynthesisSettings) -> list[Picture]:
    """Return the pictures of a task, in the order of `inputs`, whose keys are "content" and "style"."""
    pictures: list[Picture] = []
    for name, source in inputs.items():
        longer_side = settings.longer_side(max(pictures[0].size) if pictures else None)
        read = content_opener(settings) if name == "content" else style_opener(settings, longer_side)
        pictures.append(read(source))
    return pictures


def requested_size(settings: SynthesisSettings, own: Size) -> Size:
    """Return the (height, width) of the settings, in the proportions of an image of size `own`.

    A texture may have other proportions, by its `width` and `height`.
    """
    height, width = fitted_size(own, settings.longer_side(max(own)) or max(own))
    if isinstance(settings, TextureSettings):
        return settings.height or height, settings.width or width
    return height, width


def full_size(settings: SynthesisSettings, own: Size) -> Size:
    """Return the (height, width) of the result: that of the settings, rounded for a tileable texture."""
    return whole_steps(settings, requested_size(settings, own))


def is_periodic(settings: SynthesisSettings) -> bool:
    """Return whether the result is a texture that repeats without a seam."""
    return isinstance(settings, TextureSettings) and settings.tileable


def whole_steps(settings: SynthesisSettings, size: Size) -> Size:
    """Return the size; for a tileable texture in multiples of `COARSEST_STRIDE`, so that opposite edges meet."""
    if not is_periodic(settings):
        return size
    height, width = (max(1, round(side / COARSEST_STRIDE)) * COARSEST_STRIDE for side in size)
    return height, width
