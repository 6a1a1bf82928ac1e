"""Parts of a pass of a transport network: its settings, what a style is decoded to, and the maps between its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.errors import UsageError
from impasto.networks.decoder import Modulation
from impasto.networks.tone import toned
from impasto.networks.transport import Normal, apply_affine, transport

LEVELS = 4
MOST = 1024
"""Largest number of channels, axes or blocks."""


@dataclass(frozen=True)
class TransportSettings:
    """Shape of a transport network, finest level first.

    `widths`: channels of the feature extractor's convolutions, stage by stage; `axes`: principal axes of each stage's
    features; `channels` and `blocks`: of the decoder.
    """

    widths: Sequence[Sequence[int]] = ((16, 24), (48, 32), (96, 32, 32, 48), (128,))
    axes: Sequence[int] = (12, 32, 56, 72)
    channels: Sequence[int] = (12, 24, 64, 128)
    blocks: Sequence[int] = (0, 1, 2, 3)

    def __post_init__(self) -> None:
        table = {"widths": [len(self.widths)], "axes": self.axes, "channels": self.channels, "blocks": self.blocks}
        for name, numbers in table.items():
            least, levels = int(name != "blocks"), len(self.widths) if name == "widths" else len(numbers)
            if levels != LEVELS or not all(_is_whole(n, least) for n in numbers):
                told = list(getattr(self, name))
                raise UsageError(f"{name} is {told}; allowed: {LEVELS} whole numbers from {least} to {MOST}")
        if not all(stage and all(_is_whole(width, 1) for width in stage) for stage in self.widths):
            raise UsageError(f"widths is {self.widths}; allowed: for each stage whole numbers from 1 to {MOST}")


def _is_whole(number: object, least: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= MOST


class StyleTarget(NamedTuple):
    """A decoded style: distributions of colours and of each level's axes, finest first; of luma; a tile of grain and
    the variance of its luma; a palette; the decoder's scales and shifts."""

    normals: Sequence[Normal]
    tone: Tensor
    grain: Tensor
    variance: Tensor
    palette: Tensor
    modulation: Sequence[Modulation]


class Recolouring(NamedTuple):
    """Maps a photo's colours to a style's: an affine map `(B, 3, 4)`, then a curve of luma `(B, KNOTS)`."""

    affine: Tensor
    curve: Tensor

    def __call__(self, photo: Tensor) -> Tensor:
        """Return `photo`, `(B, 3, H, W)`, in the style's colours; values may lie outside [0, 1]."""
        return toned(apply_affine(photo, self.affine), self.curve)


class Ground(NamedTuple):
    """The photo in the painting's colours and the grain on it, `(B, 3, H, W)` each, and the variance of the painting's
    detail at the same luma, `(B, 1, H / 8, W / 8)`."""

    base: Tensor
    grain: Tensor
    detail: Tensor

    @property
    def picture(self) -> Tensor:
        """The sum, from which features are extracted."""
        return self.base + self.grain


class FeatureMaps(NamedTuple):
    """Features of a picture and their projections on principal axes, finest first."""

    axes: Sequence[Tensor]
    features: Sequence[Tensor]


def pool_to(masks: Tensor | None, x: Tensor) -> Tensor | None:
    """Return `masks` `(B, K, H, W)`, averaged to the grid of the features `x`; None for None."""
    return None if masks is None else F.avg_pool2d(masks, x.shape[-2] and masks.shape[-2] // x.shape[-2])


def partial_transport(own: Normal, target: Normal, strength: float, *ridge: float) -> Tensor:
    """Return the affine map that goes a part of the way to `target`."""
    affine = transport(own, target, *ridge)
    return torch.eye(affine.shape[1], affine.shape[2]).to(affine).lerp(affine, strength)


def blend(parts: Sequence[Tensor], shares: Tensor | None) -> Tensor:
    """Return the mixture of several maps at each position, with shares `(B, K, h, w)`."""
    if shares is None:
        return parts[0]
    return torch.stack([part * shares[:, k : k + 1] for k, part in enumerate(parts)]).sum(0)
