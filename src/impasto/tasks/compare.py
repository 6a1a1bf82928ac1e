"""Compare two images: pixel by pixel, and by the features of a network.

Distances of style and content are the terms of an objective (`tasks/objective/`) without their weights: 0 is equal, 1
is the distance of features that are 0, at every layer, size and network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor

from impasto import encoders
from impasto.encoders import Encoder
from impasto.errors import UsageError
from impasto.image import Picture, Source, continued, fitted_size, load, propagate, resized, size_of
from impasto.losses import Term
from impasto.losses.feature import into_space, positions
from impasto.settings.editing import CompareSettings
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.layers import parse_layers
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms
from impasto.tasks.scene.areas import Area, StyleImage

WINDOW = 7
"""Side of the windows of SSIM, scikit-image's default: images must not be smaller."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The differences of two images.

    psnr: in dB, infinite for equal pictures. ssim: 1 for equal pictures.
    style, content: normalised distances by layer; the second image is the style, or the content.
    difference: `(1, 3, H, W)` in [0, 1], see `difference`.
    notices: lines for the user.
    """

    psnr: float
    ssim: float
    style: Mapping[str, float]
    content: Mapping[str, float]
    difference: Tensor
    notices: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """Return the numbers for JSON: an infinite PSNR is None."""
        psnr = self.psnr if math.isfinite(self.psnr) else None
        return {"psnr": psnr, "ssim": self.ssim, "style": dict(self.style), "content": dict(self.content)}


def difference(a: Tensor, b: Tensor, gain: float = 1.0, mask: Tensor | None = None) -> Tensor:
    """Return `1/2 + gain (a - b) / 2` of two `(1, 3, H, W)` in [0, 1], clamped to [0, 1].

    It is grey where the images are equal, and where `mask` `(1, 1, H, W)` is 0.
    """
    _check_same(a, b)
    apart = a - b if mask is None else (a - b) * mask
    return (0.5 + gain * apart / 2).clamp(0, 1)


def psnr(a: Tensor, b: Tensor, mask: Tensor | None = None) -> float:
    """Return the peak signal-to-noise ratio of two `(1, 3, H, W)` in [0, 1], in dB; infinite where they are equal.

    Pixels count in proportion to `mask` `(1, 1, H, W)`, not all 0.
    """
    _check_same(a, b)
    squares = (a.double() - b.double()).square()
    error = float(squares.mean() if mask is None else (squares.mean(1) * mask[0]).sum() / mask.double().sum())
    return -10 * math.log10(error) if error else math.inf


def ssim(a: Tensor, b: Tensor, mask: Tensor | None = None) -> float:
    """Return the structural similarity (Wang et al. 2004) of two `(1, 3, H, W)` in [0, 1], the mean over the channels.

    Windows count as `mask` `(1, 1, H, W)`, not all 0, has it at their centres.
    UsageError for pictures smaller than its window of 7 pixels.
    """
    _check_same(a, b)
    if min(a.shape[-2:]) < WINDOW:
        raise UsageError(f"SSIM needs pictures of at least {WINDOW} px a side, these have {_shape(a)}")
    x, y = (picture[0].permute(1, 2, 0).cpu().double().numpy() for picture in (a, b))
    if mask is not None:
        return _ssim_within(x, y, mask)
    found = structural_similarity(x, y, win_size=WINDOW, channel_axis=2, data_range=1.0)  # type: ignore[no-untyped-call]
    return float(found)


def _ssim_within(x: NDArray[np.float64], y: NDArray[np.float64], mask: Tensor) -> float:
    _, found = structural_similarity(x, y, win_size=WINDOW, channel_axis=2, data_range=1.0, full=True)  # type: ignore[no-untyped-call]
    values, weights, edge = found.mean(2), mask[0, 0].cpu().double().numpy(), WINDOW // 2
    inner = slice(edge, -edge)
    if weights[inner, inner].any():  # else all that is visible is at the border, where windows are reflected
        values, weights = values[inner, inner], weights[inner, inner]
    return float((values * weights).sum() / weights.sum())


def style_distance(
    encoder: Encoder,
    picture: Tensor,
    style: Tensor,
    layers: Sequence[str],
    *,
    mask: Tensor | None = None,
    part: Tensor | None = None,
) -> dict[str, float]:
    """Return the normalised distance of Gram matrices at each of `layers`, by canonical names.

    Images are `(1, 3, H, W)` in [0, 1], of any sizes. `mask` `(1, 1, H, W)` weights the pixels of the picture, `part`
    those of the style image.
    """
    return areas_distance(encoder, picture, [Area("picture", (StyleImage(style, part),), mask)], layers)


def areas_distance(encoder: Encoder, picture: Tensor, areas: Sequence[Area], layers: Sequence[str]) -> dict[str, float]:
    """Return `style_distance` of a picture that was painted in areas, to the style images of each area.

    An area counts in proportion to its extent and its weight, as in a run. The areas are those of the picture's size
    (see `area_at_size`). Raises UsageError for an area that vanishes at one of `layers`.
    """
    return _distances(encoder, picture, style_terms(Context(encoder), areas, _equal(encoder, layers), 1.0))


def content_distance(
    encoder: Encoder, picture: Tensor, content: Tensor, layers: Sequence[str], *, mask: Tensor | None = None
) -> dict[str, float]:
    """Return the mean squared distance of features at each of `layers`, over the content's mean square.

    Both images are `(1, 3, H, W)` in [0, 1], of one size; keys are canonical names. `mask` `(1, 1, H, W)` weights
    pixels.
    """
    _check_same(picture, content)
    if mask is not None:
        return _content_within(encoder, picture, content, [encoder.resolve(name) for name in layers], mask)
    return _distances(encoder, picture, content_terms(Context(encoder), content, _equal(encoder, layers), 1.0))


def compare(a: Source, b: Source, settings: CompareSettings | None = None) -> Comparison:
    """Compare the picture `a` with `b`: its style image, its content image, or another result.

    `b` is resized to the size of `a`. Pixels count in proportion to the smaller alpha; a notice reports differences in
    transparency. Returns a `Comparison`: PSNR in dB, SSIM, and the normalised distances of style and content by layer.
    Raises UsageError for other proportions, for pictures that are too small, and without common pixels.

    >>> import torch
    >>> import impasto
    >>> image = torch.rand(3, 32, 32)
    >>> result = impasto.compare(image, image, impasto.CompareSettings(layers="relu1_1,relu2_1"))
    >>> result.psnr, result.style
    (inf, {'relu1_1': 0.0, 'relu2_1': 0.0})
    """
    settings = settings or CompareSettings()
    ours, theirs = load(a), load(b)
    scaled = _like(ours, theirs)
    first, second, mask = ours.pixels, scaled.pixels, _in_both(ours, scaled)
    if mask is not None:  # windows and receptive fields reach beyond the mask
        first, second = continued(first, mask), continued(second, mask)
    encoder = encoders.load(settings.network, weights=settings.weights)
    usual = {*encoder.default_style, *encoder.default_content}
    layers = list(parse_layers(encoder, settings.layers, tuple(name for name in encoder.layers if name in usual)))
    return Comparison(
        psnr(first, second, mask),
        ssim(first, second, mask),
        style_distance(encoder, first, second, layers, mask=mask, part=mask),
        content_distance(encoder, first, second, layers, mask=mask),
        difference(first, second, settings.gain, mask),
        (*ours.notices, *theirs.notices, *_resized(ours, theirs), *_left_out(ours, scaled, mask)),
    )


@torch.no_grad()
def _distances(encoder: Encoder, picture: Tensor, terms: Sequence[Term]) -> dict[str, float]:
    """Return the weighted mean of the terms of each layer."""
    by_layer: dict[str, list[Term]] = {}
    for term in terms:
        by_layer.setdefault(term.layer, []).append(term)
    found = encoder(picture, list(by_layer))
    return {
        layer: sum(term.weight * float(term.loss(found[layer])) for term in here) / sum(term.weight for term in here)
        for layer, here in by_layer.items()
    }


@torch.no_grad()
def _content_within(
    encoder: Encoder, picture: Tensor, content: Tensor, layers: Sequence[str], mask: Tensor
) -> dict[str, float]:
    found, ours, theirs = dict[str, float](), encoder(picture, layers), encoder(content, layers)
    for layer in layers:
        about, space = encoder.layers[layer], encoder.metric(layer)
        grid = size_of(theirs[layer])
        shares = propagate(mask, grid, about.stride, about.receptive_field).flatten()
        a, b = (into_space(positions(features[layer])[0], space) for features in (ours, theirs))
        apart, size = ((shares * each.square().sum(1)).sum() for each in (a - b, b))
        found[layer] = float(apart / size.clamp(min=1e-12))
    return found


def _equal(encoder: Encoder, layers: Sequence[str]) -> dict[str, float]:
    return {encoder.resolve(name): 1.0 for name in layers}


def _like(ours: Picture, theirs: Picture) -> Picture:
    """Return `theirs` at the size of `ours`; raises UsageError for other proportions."""
    small, large = sorted((ours.size, theirs.size), key=math.prod)
    scaled = fitted_size(large, max(small))
    if any(abs(side - wanted) > 1 for side, wanted in zip(small, scaled, strict=True)):  # a pixel of rounding
        sizes = f"{_shape(ours.pixels)} and {_shape(theirs.pixels)}"
        raise UsageError(f"pictures of different shapes cannot be compared: {sizes}; crop one of them")
    return resized(theirs, ours.size)


def _in_both(ours: Picture, theirs: Picture) -> Tensor | None:
    """Return the smaller alpha of two pictures of one size, `(1, 1, H, W)`; None where both are opaque."""
    shown = [picture.alpha for picture in (ours, theirs) if picture.alpha is not None]
    if not shown:
        return None
    mask = torch.stack(shown).amin(0)
    if not float(mask.max()) > 0:
        raise UsageError(f"{ours.source} and {theirs.source} have no visible pixel in common")
    return mask


def _left_out(ours: Picture, theirs: Picture, mask: Tensor | None) -> Iterator[str]:
    """Return the notices about transparency."""
    if mask is None:
        return
    yield f"transparent pixels are not compared; {100 * float(mask.mean()):.3g} % of the picture is"
    a, b = (torch.ones_like(mask) if picture.alpha is None else picture.alpha for picture in (ours, theirs))
    if float((a - b).abs().max()) > 1 / 255:
        yield f"{ours.source} and {theirs.source} differ in transparency; only what both show is compared"


def _resized(ours: Picture, theirs: Picture) -> tuple[str, ...]:
    if ours.size == theirs.size:
        return ()
    return (f"{theirs.source} is compared at {_shape(ours.pixels)}, its own size is {_shape(theirs.pixels)}",)


def _check_same(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise UsageError(f"pictures of one size are compared, these have {_shape(a)} and {_shape(b)}")


def _shape(pixels: Tensor) -> str:
    return f"{pixels.shape[-1]}x{pixels.shape[-2]}"
