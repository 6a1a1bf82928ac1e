"""Parts of a network of transport: its settings, a style as the pass uses it, and the steps before the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.errors import UsageError
from impasto.networks.decoder import Modulation
from impasto.networks.grain import tile_window
from impasto.networks.ground import AMOUNT, BLOCK, CELL, flatness, luma, smooth_chroma, upsample_blocks
from impasto.networks.palette import energy_at, limit_chroma
from impasto.networks.tone import apply_curve, curve_to
from impasto.networks.transport import RIDGE, Normal, apply_affine, transport

LEVELS = 4
MAX_COUNT = 1024
"""Largest number of channels, axes or blocks."""

COLOUR_RIDGE = 1e-3
"""The ridge of the transport of colours; see `transport.RIDGE`."""


@dataclass(frozen=True)
class TransportSettings:
    """Shape of a network of transport, finest level first.

    widths: channels of the feature extractor's convolutions, stage by stage.
    axes: number of principal axes of each stage's features.
    channels, blocks: of the decoder's levels.

    Raises UsageError for anything but four levels of whole numbers up to `MAX_COUNT`.

    >>> TransportSettings(axes=(12, 32))
    Traceback (most recent call last):
        ...
    impasto.errors.UsageError: axes is [12, 32]; allowed: 4 whole numbers from 1 to 1024
    """

    widths: Sequence[Sequence[int]] = ((16, 24), (48, 32), (96, 32, 32, 48), (128,))
    axes: Sequence[int] = (12, 32, 56, 72)
    channels: Sequence[int] = (12, 24, 64, 128)
    blocks: Sequence[int] = (0, 1, 2, 3)

    def __post_init__(self) -> None:
        table = {"widths": [len(self.widths)], "axes": self.axes, "channels": self.channels, "blocks": self.blocks}
        for name, numbers in table.items():
            least, levels = int(name != "blocks"), len(self.widths) if name == "widths" else len(numbers)
            if levels != LEVELS or not all(_is_whole(number, least) for number in numbers):
                listing = list(getattr(self, name))
                raise UsageError(f"{name} is {listing}; allowed: {LEVELS} whole numbers from {least} to {MAX_COUNT}")
        if not all(stage and all(_is_whole(width, 1) for width in stage) for stage in self.widths):
            raise UsageError(f"widths is {self.widths}; allowed: for each stage whole numbers from 1 to {MAX_COUNT}")


def _is_whole(number: object, least: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= MAX_COUNT


class DecodedStyle(NamedTuple):
    """The parts of a code, ready for a pass.

    normals: distributions of colours, and of each level's axes, finest first.
    tone: the distribution of luma.
    grain: the periodic grain.
    variance: the variance of the grain's luma.
    palette: the palette.
    modulation: the decoder's scales and shifts.
    """

    normals: Sequence[Normal]
    tone: Tensor
    grain: Tensor
    variance: Tensor
    palette: Tensor
    modulation: Sequence[Modulation]


class Recolouring(NamedTuple):
    """A map from a photo's colours to a style's: an affine map `(B, 3, 4)`, then a curve of luma `(B, KNOTS)`."""

    affine: Tensor
    curve: Tensor

    def __call__(self, photo: Tensor) -> Tensor:
        """Return `photo`, `(B, 3, H, W)`, in the style's colours; values may lie outside [0, 1]."""
        return apply_curve(apply_affine(photo, self.affine), self.curve)


class Ground(NamedTuple):
    """The photo in the painting's colours, with grain: the picture under the strokes.

    base: the photo in the painting's colours, `(B, 3, H, W)`.
    grain: the grain, `(B, 3, H, W)`.
    detail_variance: of the painting's detail at the same luma, `(B, 1, H / 8, W / 8)`.
    """

    base: Tensor
    grain: Tensor
    detail_variance: Tensor

    @property
    def picture(self) -> Tensor:
        """The sum of base and grain, the input of the feature extractor."""
        return self.base + self.grain


class FeatureMaps(NamedTuple):
    """Features of a picture and their projections on principal axes, finest first."""

    axes: Sequence[Tensor]
    features: Sequence[Tensor]


def colour_maps(photo: Normal, styles: Sequence[DecodedStyle], strength: float = 1.0) -> list[Tensor]:
    """Return for each style the affine map `(B, 3, 4)` from the distribution of a photo's colours."""
    return [partial_transport(photo, style.normals[0], strength, COLOUR_RIDGE) for style in styles]


def recolourings(
    affine: Sequence[Tensor],
    histograms: Sequence[Tensor],
    styles: Sequence[DecodedStyle],
    strength: float = 1.0,
) -> list[Recolouring]:
    """Return for each style its map of `colour_maps`, with a curve of luma.

    histograms: of the photo's luma after each map.
    """
    return [
        Recolouring(colour_map, curve_to(style.tone, histogram, strength))
        for colour_map, histogram, style in zip(affine, histograms, styles, strict=True)
    ]


def ground_of(
    photo: Tensor,
    maps: Sequence[Recolouring],
    styles: Sequence[DecodedStyle],
    masks: Tensor | None = None,
    *,
    origin: tuple[int, int] = (0, 0),
    strength: float = 1.0,
) -> Ground:
    """Return the ground of a photo with margin, or of a part of the photo.

    maps: the recolouring to each style.
    masks: the region of each style, `(B, K, H, W)`.
    origin: the first row and column of the part.
    """
    pictures = [recolour(photo) for recolour in maps]
    cells = [
        limit_chroma(F.avg_pool2d(picture, CELL), style.palette, strength)
        for picture, style in zip(pictures, styles, strict=True)
    ]
    base = smooth_chroma(blend(pictures, masks), blend(cells, pool_to(masks, cells[0]))).clamp(0, 1)
    size, light = (photo.shape[-2], photo.shape[-1]), F.avg_pool2d(luma(base), BLOCK)
    shares = pool_to(masks, light)
    energy = blend([energy_at(light, style.palette) for style in styles], shares).clamp(min=0)
    grain = upsample_blocks(energy).sqrt() * blend([tile_window(style.grain, size, origin) for style in styles], masks)
    detail_variance = energy * blend([style.variance for style in styles], shares)
    amount = AMOUNT * strength
    return Ground(base, amount * flatness(base, amount**2 * detail_variance) * grain, detail_variance)


def transport_maps(
    photo: Sequence[Normal], styles: Sequence[DecodedStyle], strength: float = 1.0
) -> list[list[Tensor]]:
    """Return for each style the affine map `(B, C, C + 1)` of each level.

    photo: the distributions of the axes of the photo's ground, finest first.
    strength: below 1, the maps are interpolated between the identity and the transport.
    """
    return [
        [partial_transport(*level, strength) for level in zip(photo, style.normals[1:], strict=True)]
        for style in styles
    ]


def partial_transport(source: Normal, target: Normal, strength: float, ridge: float = RIDGE) -> Tensor:
    """Return the interpolation of the identity and of the transport from `source` to `target`, `(B, C, C + 1)`.

    >>> one = torch.eye(1)[None]
    >>> partial_transport(Normal(torch.zeros(1, 1), one), Normal(torch.full((1, 1), 4.0), one), 0.5)
    tensor([[[1., 2.]]])
    """
    affine = transport(source, target, ridge)
    return torch.eye(affine.shape[1], affine.shape[2]).to(affine).lerp(affine, strength)


def pool_to(masks: Tensor | None, x: Tensor) -> Tensor | None:
    """Return `masks` `(B, K, H, W)`, averaged to the grid of the features `x`; None for None.

    >>> pool_to(torch.tensor([[[[0.0, 1.0], [1.0, 1.0]]]]), torch.zeros(1, 5, 1, 1))
    tensor([[[[0.7500]]]])
    """
    return None if masks is None else F.avg_pool2d(masks, masks.shape[-2] // x.shape[-2])


def blend(maps: Sequence[Tensor], shares: Tensor | None) -> Tensor:
    """Return the sum of several maps with a share of each at each position, `(B, K, h, w)`; without shares the first.

    >>> blend([torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 2)], torch.tensor([[[[1.0, 0.5]], [[0.0, 0.5]]]]))
    tensor([[[[0.0000, 0.5000]]]])
    """
    if shares is None:
        return maps[0]
    return torch.stack([part * shares[:, k : k + 1] for k, part in enumerate(maps)]).sum(0)
