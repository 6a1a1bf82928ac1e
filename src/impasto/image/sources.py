"""Sources of pictures: files, bundled samples, tensors, arrays and Pillow images."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import UsageError
from impasto.image.allocation import Allocate, in_memory
from impasto.image.drawing import draw_mask
from impasto.image.formats import MAX_BYTES, MAX_PIXELS
from impasto.image.hidden import continued
from impasto.image.mask import check_color, colors_in, mask_of, mask_of_color, resize_mask
from impasto.image.picture import Picture, from_array
from impasto.image.poisson import blend
from impasto.image.reading import from_pillow, read
from impasto.image.resize import check_shape
from impasto.image.samples import load_sample
from impasto.image.schemes import Composed, parse
from impasto.image.strokes_file import read_drawing

Source = str | Path | torch.Tensor | NDArray[Any] | Image.Image | Picture
"""A source of a picture; see `load`."""

Opener = Callable[[Source], Picture]
"""A function that reads a picture."""

INVERSE = "~"
"""The sign before a mask that stands for its inverse."""


def load(
    source: Source, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES, allocate: Allocate = in_memory
) -> Picture:
    """Return the Picture of `source`, float32 `(1, 3, H, W)` in [0, 1].

    source: a path, one of the schemes below, a float tensor `(3, H, W)` or `(1, 3, H, W)` in [0, 1], a numpy array
        `(H, W)` or `(H, W, C)` of uint8, uint16 or floats in [0, 1], a Pillow image, or a Picture.
    max_pixels, max_bytes: limits of a file, as for `read`.
    allocate: makes the memory of the pixels of a file.

    "sample:NAME" is a bundled sample; see `sample_names`. "blend:SOURCE,TARGET?mask=MASK&at=X,Y&gradients=mixed" is one
    source cloned into another; see `blend`. The mask (see `load_mask`) is resized to SOURCE, whose name has no comma.
    "generator:FILE.onnx?seed=7" is a picture of a generator; see `draw`.

    Colours of transparent pixels are replaced by a continuation of the visible colours (see `image/hidden.py`). A
    Picture that needs no such change is returned itself.

    Raises UsageError for another kind of source, and for files that cannot be read.

    >>> import torch
    >>> import impasto
    >>> impasto.load(torch.rand(3, 40, 60)).size
    (40, 60)
    """
    picture = _loaded(source, max_pixels, max_bytes, allocate)
    if picture.alpha is None:
        return picture
    if picture is not source:  # its memory may be reused
        return replace(picture, pixels=continued(picture.pixels, picture.alpha, out=picture.pixels))
    pixels = continued(picture.pixels, picture.alpha)
    return picture if torch.equal(pixels, picture.pixels) else replace(picture, pixels=pixels)


def _loaded(source: Source, max_pixels: int, max_bytes: int, allocate: Allocate) -> Picture:
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | Path):
        if not str(source):
            raise UsageError("the name of a picture is empty")
        composed = parse(str(source))
        if composed is None:
            return read(source, max_pixels=max_pixels, max_bytes=max_bytes, allocate=allocate)
        return _composed(composed, max_pixels, max_bytes)
    if isinstance(source, torch.Tensor):
        return _from_tensor(source)
    if isinstance(source, np.ndarray):
        if source.dtype.kind == "f":
            _check_range("array", float(source.min(initial=0)), float(source.max(initial=0)))
        return from_array(source, "array")
    if isinstance(source, Image.Image):
        return from_pillow(source, "image")
    kind = type(source).__name__
    raise UsageError(
        f"a picture cannot be a {kind}; allowed: a path, 'sample:NAME', a tensor, an array, a Pillow image"
    )


def _composed(composed: Composed, max_pixels: int, max_bytes: int) -> Picture:
    if composed.scheme == "sample":
        return load_sample(composed.names[0])
    if composed.scheme == "strokes":
        raise UsageError(f"'{composed.text}' is a mask, not a picture")
    if composed.scheme == "generator":
        from impasto.image.generator import draw  # noqa: PLC0415 (an extra)

        return draw(composed.names[0], composed.seed)
    source, target = (load(name, max_pixels=max_pixels, max_bytes=max_bytes) for name in composed.names)
    return blended(
        source, target, composed.options.get("mask"), composed.at, composed.options.get("gradients", "importing")
    )


def blended(source: Picture, target: Picture, mask: Source | None, at: tuple[int, int], gradients: str) -> Picture:
    """Return the `blend` of two pictures, with the alpha of the target and the finer precision of both.

    mask: the source of a mask, which is resized to `source`; None for the alpha of `source`.

    Raises UsageError if there is neither a mask nor alpha, for a mask with other proportions than `source`, and for
    the errors of `blend`.
    """
    visible = None if source.alpha is None else source.alpha > 0
    if mask is None:
        region = source.alpha
    else:
        weights = load_mask(mask)
        own = (weights.shape[-2], weights.shape[-1])
        check_shape(own, source.size, f"the mask '{mask}'" if isinstance(mask, str | Path) else "the mask", "source")
        region = resize_mask(weights, source.size)
    if region is None:
        raise UsageError(
            f"nothing says what to take of '{source.source}': it has no transparency, and no mask is given"
        )
    pixels = blend(source.pixels, target.pixels, region, at, gradients, visible=visible)
    name = f"blend:{source.source},{target.source}"
    notices = (*source.notices, *target.notices)
    return Picture(pixels, target.alpha, max(source.bits, target.bits), notices, name, target.origin)


def load_mask(source: Source, size: tuple[int, int] | None = None) -> torch.Tensor:
    """Return the mask of `source`, `(1, 1, H, W)` in [0, 1], at `size` (height, width); None for its own size.

    source: a source of a picture (see `load`), or a mask `(1, 1, H, W)` as a tensor. The mask is the alpha of a picture
        with transparency, and otherwise its luminance, 0 for black and 1 for white. For `FILE#rrggbb` the mask is 1
        where FILE, a colour-coded map, has this colour within a tolerance, and 0 elsewhere. "strokes:FILE.json" is
        drawn from strokes, exactly at `size`; see `read_drawing` for the file, and `draw_mask`. A `~` before a name
        inverts the mask.

    Raises UsageError for a colour that the map lacks, with its nearest colours, and for strokes that are not valid.

    >>> load_mask(torch.rand(1, 1, 20, 30), (10, 15)).shape
    torch.Size([1, 1, 10, 15])
    """
    if isinstance(source, torch.Tensor) and source.ndim == 4 and source.shape[1] == 1:
        return _at_size(load(source.expand(-1, 3, -1, -1)).pixels[:, :1], size)
    text = source if isinstance(source, str) else ""
    if text.startswith(INVERSE):
        return 1 - load_mask(text.removeprefix(INVERSE), size)
    if match := re.fullmatch(r"(.+)(#[^#./\\=]*)", text):
        file, color = match.groups()
        check_color(color, file)
        return _at_size(mask_of_color(load(file), color, file), size)
    if text and (composed := parse(text)) and composed.scheme == "strokes":
        return _drawn(composed.names[0], size)
    return _at_size(mask_of(load(source)), size)


def _drawn(file: str, size: tuple[int, int] | None) -> torch.Tensor:
    """Return the mask of a file of strokes, `(1, 1, H, W)`, at `size`; None for the size of its photo."""
    drawing = read_drawing(file)
    photo = None
    if drawing.photo is not None and any(stroke.tool == "flood" for stroke in drawing.strokes):
        picture = load(drawing.photo)
        check_shape(picture.size, drawing.size, f"the photo '{drawing.photo}'", f"drawing '{file}'")
        photo = picture.pixels
    try:
        return draw_mask(
            drawing.strokes, size or drawing.size, photo=photo, photo_size=drawing.size, feather=drawing.feather
        )
    except UsageError as error:
        raise UsageError(f"'{file}': {error}") from error


def colors_of(map: Source) -> dict[str, float]:
    """Return the colours "#rrggbb" of a colour-coded map with their shares of the picture; see `colors_in`."""
    return colors_in(load(map))


def _at_size(mask: torch.Tensor, size: tuple[int, int] | None) -> torch.Tensor:
    return mask if size is None else resize_mask(mask, size)


def _from_tensor(tensor: torch.Tensor) -> Picture:
    batched = tensor[None] if tensor.ndim == 3 else tensor
    if batched.ndim != 4 or batched.shape[:2] != (1, 3) or not batched.numel() or not batched.is_floating_point():
        shape = tuple(tensor.shape)
        raise UsageError(f"the tensor is {tensor.dtype} of shape {shape}; expected floats (3, H, W) or (1, 3, H, W)")
    pixels = batched.detach().to(torch.float32)
    _check_range("tensor", float(pixels.min()), float(pixels.max()))
    return Picture(pixels, bits=16, source="tensor")


def _check_range(what: str, low: float, high: float) -> None:
    """Raise UsageError for floats outside [0, 1], which are most likely on another scale, instead of clipping."""
    if not (low >= 0 and high <= 1):  # also true for NaN
        raise UsageError(f"the {what} has values from {low:.4g} to {high:.4g}; expected [0, 1]")
