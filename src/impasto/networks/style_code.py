"""The layout of the codes of a network of transport: a style as a vector, which can be mixed and stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.networks import grain, palette, tone
from impasto.networks.decoder import Modulation
from impasto.networks.transport import Normal, from_lower_triangle, lower_triangle

PARTS = {"tone": tone.KNOTS, "grain": grain.CODE_SIZE, "palette": palette.CODE_SIZE}
"""Lengths of the parts between the normal distributions and the modulation."""


@dataclass(frozen=True)
class CodeLayout:
    """Positions of the parts of a code.

    A code begins with the mean and the covariance of a normal distribution for each transported map. Then follow the
    distribution of luma, the grain and the palette, then the scales and shifts of the decoder's levels.

    maps: channels of the transported maps.
    channels: of the decoder's levels.

    >>> layout = CodeLayout(maps=(3, 12), channels=(12, 24))
    >>> code = layout.plain(torch.zeros(()))
    >>> code.shape == (1, layout.size)
    True
    >>> [tuple(normal.covariance.shape) for normal in layout.normals(code)]
    [(1, 3, 3), (1, 12, 12)]
    """

    maps: tuple[int, ...]
    channels: tuple[int, ...]

    @property
    def size(self) -> int:
        """Length of a code."""
        return self._normals_size + sum(PARTS.values()) + 2 * sum(self.channels)

    @property
    def _normals_size(self) -> int:
        return sum(size + _triangle_size(size) for size in self.maps)

    def plain(self, like: Tensor) -> Tensor:
        """Return the neutral style, `(1, size)`: means of 0, covariances of 1, no grain; with the dtype of `like`."""
        normals = [Normal(like.new_zeros(1, size), torch.eye(size).to(like)[None]) for size in self.maps]
        return self.complete(self.pack(normals, tone.no_tone(like), grain.no_grain(like), palette.no_palette(like)))

    def pack(self, normals: Sequence[Normal], *parts: Tensor) -> Tensor:
        """Return the statistics of a style image as the first numbers of a code, `(B, N)`; `parts` as in `PARTS`."""
        numbers = [part for mean, covariance in normals for part in (mean, lower_triangle(covariance))]
        return torch.cat([*numbers, *(part.to(numbers[0]) for part in parts)], dim=1)

    def complete(self, statistics: Tensor) -> Tensor:
        """Return the code `(B, size)` of the result of `pack`, with scales of 1 and shifts of 0."""
        level = statistics.new_tensor([[1.0, 0.0]]).expand(len(statistics), 2)
        return torch.cat([statistics, *(level.repeat_interleave(width, dim=1) for width in self.channels)], dim=1)

    def normals(self, code: Tensor) -> list[Normal]:
        """Return the normal distributions in codes `(B, size)`."""
        widths = [width for size in self.maps for width in (size, _triangle_size(size))]
        numbers = torch.split(code[:, : self._normals_size], widths, dim=1)
        return [
            Normal(mean, from_lower_triangle(triangle, size))
            for mean, triangle, size in zip(numbers[::2], numbers[1::2], self.maps, strict=True)
        ]

    def parts(self, code: Tensor) -> dict[str, Tensor]:
        """Return the distribution of luma, the grain and the palette in codes, by name, `(B, N)` each."""
        start = self._normals_size
        numbers = torch.split(code[:, start : start + sum(PARTS.values())], list(PARTS.values()), dim=1)
        return dict(zip(PARTS, numbers, strict=True))

    def modulation(self, code: Tensor) -> list[Modulation]:
        """Return the decoder's scales and shifts in codes."""
        widths = [width for width in self.channels for _ in range(2)]
        numbers = torch.split(code[:, -sum(widths) :, None, None], widths, dim=1)
        return list(zip(numbers[::2], numbers[1::2], strict=True))


def _triangle_size(size: int) -> int:
    return size * (size + 1) // 2
