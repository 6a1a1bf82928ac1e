"""How alike two pictures are: pixel by pixel, and as a network sees them.

Distances of style and content are the terms of an objective (`tasks/terms.py`) without their weights: 0 for equal, 1
for as far as nothing, at every layer, size and network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from impasto import encoders
from impasto.encoders import Encoder
from impasto.errors import UsageError
from impasto.image import Picture, Source, fitted_size, load
from impasto.losses import Term
from impasto.tasks.context import Context
from impasto.tasks.editing import CompareSettings
from impasto.tasks.layers import parse_layers
from impasto.tasks.regions import Area, Manner, at
from impasto.tasks.style import style_terms
from impasto.tasks.terms import content_terms

WINDOW = 7
"""Side of the squares that SSIM compares (scikit-image's own): no picture may be smaller."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two pictures have apart.

    psnr: in dB, infinite for equal pictures. ssim: 1 for equal pictures.
    style, content: normalised distances by layer; the second picture is the painting, or the photo.
    difference: `(1, 3, H, W)` in [0, 1], see `difference`.
    notices: what a person should know, one line each.
    """

    psnr: float
    ssim: float
    style: Mapping[str, float]
    content: Mapping[str, float]
    difference: Tensor
    notices: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """The numbers as JSON can hold them: an infinite PSNR is None."""
        psnr = self.psnr if math.isfinite(self.psnr) else None
        return {"psnr": psnr, "ssim": self.ssim, "style": dict(self.style), "content": dict(self.content)}


def difference(a: Tensor, b: Tensor, gain: float = 1.0) -> Tensor:
    """`1/2 + gain (a - b) / 2` of two `(1, 3, H, W)` in [0, 1], cut off to [0, 1]: grey where they are equal."""
    _check_same(a, b)
    return (0.5 + gain * (a - b) / 2).clamp(0, 1)


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio of two `(1, 3, H, W)` in [0, 1], in dB; infinite where they are equal."""
    _check_same(a, b)
    error = float((a.double() - b.double()).square().mean())
    return -10 * math.log10(error) if error else math.inf


def ssim(a: Tensor, b: Tensor) -> float:
    """Structural similarity (Wang et al. 2004) of two `(1, 3, H, W)` in [0, 1], the mean over the channels.

    UsageError for pictures smaller than its window of 7 pixels.
    """
    _check_same(a, b)
    if min(a.shape[-2:]) < WINDOW:
        raise UsageError(f"SSIM needs pictures of at least {WINDOW} px a side, these have {_shape(a)}")
    x, y = (picture[0].permute(1, 2, 0).cpu().double().numpy() for picture in (a, b))
    found = structural_similarity(x, y, win_size=WINDOW, channel_axis=2, data_range=1.0)  # type: ignore[no-untyped-call]
    return float(found)


def style_distance(
    encoder: Encoder,
    picture: Tensor,
    painting: Tensor,
    layers: Sequence[str],
    *,
    mask: Tensor | None = None,
    part: Tensor | None = None,
) -> dict[str, float]:
    """Distance of Gram matrices at each of `layers`, over what nothing would be away; keyed by canonical names.

    Pictures are `(1, 3, H, W)` in [0, 1], of any sizes. `mask` `(1, 1, H, W)` is what counts of the picture, `part`
    of the painting.
    """
    return canvas_distance(encoder, picture, [Area("picture", (Manner(painting, part),), mask)], layers)


def canvas_distance(
    encoder: Encoder, picture: Tensor, areas: Sequence[Area], layers: Sequence[str]
) -> dict[str, float]:
    """`style_distance` of a picture that was painted in areas: to each area's own mixture of paintings.

    An area counts as in the objective of a run, in proportion to its extent and its weight. The areas are those of the
    picture's size (`scaling.area_at`). UsageError for an area that vanishes at one of `layers`.
    """
    return _distances(encoder, picture, style_terms(Context(encoder), areas, _equal(encoder, layers), 1.0))


def content_distance(encoder: Encoder, picture: Tensor, photo: Tensor, layers: Sequence[str]) -> dict[str, float]:
    """Mean squared distance of the features at each of `layers`, over the photo's own mean square.

    Both are `(1, 3, H, W)` in [0, 1], of one size; keyed by canonical names.
    """
    _check_same(picture, photo)
    return _distances(encoder, picture, content_terms(Context(encoder), photo, _equal(encoder, layers), 1.0))


def compare(a: Source, b: Source, settings: CompareSettings | None = None) -> Comparison:
    """The picture `a` beside `b`, which is brought to the size of `a`: its painting, its photo, or another result.

    Transparency is not looked at. UsageError for pictures of different shapes, and for those too small to compare.
    """
    settings = settings or CompareSettings()
    ours, theirs = load(a), load(b)
    first, second = ours.pixels, _like(ours, theirs)
    encoder = encoders.load(settings.network, weights=settings.weights)
    usual = {*encoder.default_style, *encoder.default_content}
    layers = list(parse_layers(encoder, settings.layers, tuple(name for name in encoder.layers if name in usual)))
    return Comparison(
        psnr(first, second),
        ssim(first, second),
        style_distance(encoder, first, second, layers),
        content_distance(encoder, first, second, layers),
        difference(first, second, settings.gain),
        (*ours.notices, *theirs.notices, *_resized(ours, theirs)),
    )


@torch.no_grad()
def _distances(encoder: Encoder, picture: Tensor, terms: Sequence[Term]) -> dict[str, float]:
    """Of each layer the mean of its terms in proportion to their weights."""
    by_layer: dict[str, list[Term]] = {}
    for term in terms:
        by_layer.setdefault(term.layer, []).append(term)
    found = encoder(picture, list(by_layer))
    return {
        layer: sum(term.weight * float(term.loss(found[layer])) for term in here) / sum(term.weight for term in here)
        for layer, here in by_layer.items()
    }


def _equal(encoder: Encoder, layers: Sequence[str]) -> dict[str, float]:
    return {encoder.resolve(name): 1.0 for name in layers}


def _like(ours: Picture, theirs: Picture) -> Tensor:
    """The pixels of `theirs` at the size of `ours`, if that is only another scale."""
    small, large = sorted((ours.size, theirs.size), key=math.prod)
    scaled = fitted_size(large, max(small))
    if any(abs(side - wanted) > 1 for side, wanted in zip(small, scaled, strict=True)):  # a pixel of rounding
        sizes = f"{_shape(ours.pixels)} and {_shape(theirs.pixels)}"
        raise UsageError(f"pictures of different shapes cannot be compared: {sizes}; crop one of them")
    return at(theirs.pixels, ours.size)


def _resized(ours: Picture, theirs: Picture) -> tuple[str, ...]:
    if ours.size == theirs.size:
        return ()
    return (f"{theirs.source} is compared at {_shape(ours.pixels)}, its own size is {_shape(theirs.pixels)}",)


def _check_same(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise UsageError(f"pictures of one size are compared, these have {_shape(a)} and {_shape(b)}")


def _shape(pixels: Tensor) -> str:
    return f"{pixels.shape[-1]}x{pixels.shape[-2]}"
