"""Codes of a network of transport: a style as a vector, so that styles can be mixed and stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.networks import grain, palette, tone
from impasto.networks.decoder import Modulation
from impasto.networks.transport import Normal, from_lower_triangle, lower_triangle

OTHERS = {"tone": tone.KNOTS, "grain": grain.NUMBERS, "palette": palette.NUMBERS}
"""Numbers of the parts between distributions and modulation."""


@dataclass(frozen=True)
class CodeLayout:
    """Positions of the parts of a code.

    First mean and covariance of a normal distribution for each transported map, of `moved` channels; then the
    distribution of luma, a grain and a palette; then scales and shifts for the decoder's levels of `channels`.
    """

    moved: tuple[int, ...]
    channels: tuple[int, ...]

    @property
    def size(self) -> int:
        """Length of a code."""
        return self._statistics + sum(OTHERS.values()) + 2 * sum(self.channels)

    @property
    def _statistics(self) -> int:
        return sum(size + _half(size) for size in self.moved)

    def plain(self, like: Tensor) -> Tensor:
        """Return the neutral style, `(1, size)`: means 0, covariances 1, no grain."""
        normals = [Normal(like.new_zeros(1, size), torch.eye(size).to(like)[None]) for size in self.moved]
        return self.whole(self.packed(normals, tone.no_tone(like), grain.no_grain(like), palette.no_palette(like)))

    def packed(self, normals: Sequence[Normal], *more: Tensor) -> Tensor:
        """Return the first numbers of a code, `(B, N)`: everything that is measured on a style image."""
        parts = [part for mean, covariance in normals for part in (mean, lower_triangle(covariance))]
        return torch.cat([*parts, *(part.to(parts[0]) for part in more)], dim=1)

    def whole(self, numbers: Tensor) -> Tensor:
        """Return the code `(B, size)` that begins with `numbers`, with scales of 1 and shifts of 0."""
        level = numbers.new_tensor([[1.0, 0.0]]).expand(len(numbers), 2)
        return torch.cat([numbers, *(level.repeat_interleave(width, dim=1) for width in self.channels)], dim=1)

    def normals(self, code: Tensor) -> list[Normal]:
        """Return the distributions in codes `(B, size)`."""
        widths = [width for size in self.moved for width in (size, _half(size))]
        parts = torch.split(code[:, : self._statistics], widths, dim=1)
        return [
            Normal(mean, from_lower_triangle(half, size))
            for mean, half, size in zip(parts[::2], parts[1::2], self.moved, strict=True)
        ]

    def others(self, code: Tensor) -> dict[str, Tensor]:
        """Return the distribution of luma, the grain and the palette in codes, by name, `(B, N)` each."""
        start = self._statistics
        parts = torch.split(code[:, start : start + sum(OTHERS.values())], list(OTHERS.values()), dim=1)
        return dict(zip(OTHERS, parts, strict=True))

    def modulation(self, code: Tensor) -> list[Modulation]:
        """Return the decoder's scales and shifts in codes."""
        widths = [width for width in self.channels for _ in range(2)]
        parts = torch.split(code[:, -sum(widths) :, None, None], widths, dim=1)
        return list(zip(parts[::2], parts[1::2], strict=True))


def _half(size: int) -> int:
    return size * (size + 1) // 2
