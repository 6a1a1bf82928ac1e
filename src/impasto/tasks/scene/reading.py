"""The pictures that a run is made of, as they are read: no larger than it looks at them, and never all of memory."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping

import torch

from impasto.image import MAX_PIXELS, Allocate, Opener, Picture, Source, fitted_size, in_memory, load, mapped, reduced
from impasto.settings.synthesis import SynthesisSettings, TextureSettings
from impasto.tasks.tiling.memory import free_memory, parse_memory

SHARE = 1 / 8
"""A picture that takes more than this share of the memory is read into a file."""

DECODED = 8
"""Bytes that decoders take for a pixel, at most of the usual pictures."""

MOST = 1_000_000_000
"""No picture of more pixels is read, whatever the memory."""

Size = tuple[int, int]

COARSEST_STRIDE = 32
"""The stride of the coarsest layer of any network here."""


def opener(settings: SynthesisSettings, longest: int | None = None) -> Opener:
    """What reads the pictures of a run, with no more than `longest` pixels at their longer side (None: any number).

    Where a picture as it is in its file takes a good part of the memory that the run may take, it is read into a
    memory-mapped file in the scratch folder, strip by strip, and only what is left of it is kept. So pictures may have
    more pixels than `load` reads by itself, as many as there is memory to decode.
    """
    allowed = free_memory(torch.device("cpu")) if settings.memory is None else parse_memory(settings.memory)
    allocate = spilling(SHARE * allowed, settings.scratch or tempfile.gettempdir())
    most = max(MAX_PIXELS, min(MOST, int(allowed / DECODED))) if allowed < math.inf else MAX_PIXELS
    return lambda source: reduced(load(source, allocate=allocate, max_pixels=most), longest)


def spilling(most: float, folder: str) -> Allocate:
    """Makes ordinary memory for what takes up to `most` bytes, and memory-mapped files in `folder` for the rest."""
    in_files = mapped(folder)

    def allocate(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> torch.Tensor:
        make = in_memory if math.prod(shape) * kind.itemsize <= most else in_files
        return make(shape, kind, device)

    return allocate


def photo_opener(settings: SynthesisSettings) -> Opener:
    """What reads the photo, whose shape the result has."""
    return opener(settings, settings.longer_side())


def painting_opener(settings: SynthesisSettings, longer_side: int | None) -> Opener:
    """What reads the paintings of a result with this longer side (None: any), which may also start from one."""
    scale = max(1.0, getattr(settings, "style_scale", 1.0))
    return opener(settings, None if longer_side is None else math.ceil(scale * longer_side))


def read_inputs(inputs: Mapping[str, Source], settings: SynthesisSettings) -> list[Picture]:
    """The pictures of a task by the names of its inputs, "content" and "style", in their order."""
    pictures: list[Picture] = []
    for name, source in inputs.items():
        longer_side = settings.longer_side(max(pictures[0].size) if pictures else None)
        read = photo_opener(settings) if name == "content" else painting_opener(settings, longer_side)
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


def endless(settings: SynthesisSettings) -> bool:
    """Return whether the result is a texture that repeats without a seam."""
    return isinstance(settings, TextureSettings) and settings.tileable


def whole_steps(settings: SynthesisSettings, size: Size) -> Size:
    """Return the size; for a tileable texture in multiples of `COARSEST_STRIDE`, or its edges would not meet."""
    if not endless(settings):
        return size
    height, width = (max(1, round(side / COARSEST_STRIDE)) * COARSEST_STRIDE for side in size)
    return height, width
