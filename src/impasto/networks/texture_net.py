"""Texture networks (Ulyanov et al. 2016): noise to a texture, or noise and a photo to the photo in a style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import UsageError, choose
from impasto.networks.inputs import check_whole_numbers
from impasto.networks.layers import Convolution
from impasto.networks.norm import EPSILON, MOMENTUM, NORMS

SLOPE = 0.01
"""Slope of the leaky ReLUs."""

COLOURS = 3


@dataclass(frozen=True)
class TextureSettings:
    """Shape of a texture network.

    scales: number of scales, each half the next.
    channels: of the features of a scale's noise; they add up from coarse to fine.
    norm: "instance" or "batch".
    content: whether the input has a photo, at all scales. Textures are periodic; pictures with content are reflected at
        the border.

    Raises UsageError for an unknown norm, for numbers that are not whole or out of range, and for a content that is not
    a boolean.
    """

    scales: int = 6
    channels: int = 8
    norm: str = "instance"
    content: bool = False

    def __post_init__(self) -> None:
        choose({name: name for name in NORMS}, self.norm, "norm")
        check_whole_numbers(self, scales=(1, 10), channels=(1, 128))
        if not isinstance(self.content, bool):
            raise UsageError(f"content is {self.content!r}; allowed: true and false")


class TextureNet(nn.Module):
    """A network from noise at several scales to a texture.

    From coarse to fine, the upsampled output of each scale is joined with the noise of the next scale.

    >>> network = TextureNet(TextureSettings(scales=3, channels=2))
    >>> network(network.noise(1, (16, 20), torch.Generator().manual_seed(0))).shape
    torch.Size([1, 3, 16, 20])
    """

    kind = "texture"

    def __init__(self, settings: TextureSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or TextureSettings()
        mode = "reflect" if settings.content else "circular"
        inputs, width = COLOURS * (2 if settings.content else 1), settings.channels
        self.scales = nn.ModuleList(
            _three_convolutions(inputs, width, settings.norm, mode) for _ in range(settings.scales)
        )
        self.joins = nn.ModuleList(_Join(k * width, width, settings.norm, mode) for k in range(1, settings.scales))
        self.last = Convolution(settings.scales * width, COLOURS, 1)
        nn.init.xavier_normal_(self.last.convolution.weight, 0.1)
        nn.init.constant_(self.last.convolution.bias, 0.5)  # type: ignore[arg-type]

    @property
    def smallest(self) -> int:
        """Smallest height and width of a picture, in pixels: two at the coarsest scale."""
        return int(2**self.settings.scales)

    def noise(self, batch: int, size: int | tuple[int, int], generator: torch.Generator) -> list[Tensor]:
        """Return the noise for pictures of `size`, a side or `(height, width)`: for each scale, from coarse to fine,
        three channels in [0, 1).

        Raises UsageError for a size below `smallest`.
        """
        height, width = (size, size) if isinstance(size, int) else size
        if min(height, width) < self.smallest:
            raise UsageError(f"a picture of {width}x{height} is too small; the least is {self.smallest} a side")
        ratios = [2**k for k in reversed(range(self.settings.scales))]
        sizes = [(-(-height // ratio), -(-width // ratio)) for ratio in ratios]
        return [torch.rand(batch, COLOURS, *s, generator=generator, device=generator.device) for s in sizes]

    def forward(self, noise: Sequence[Tensor], image: Tensor | None = None) -> Tensor:
        """Return a texture of the size of the finest noise, or `image`, `(B, 3, H, W)` in [0, 1], in the style.

        The result is clamped to [0, 1] in `eval()` only. Raises UsageError unless there is a noise for each scale, and
        an image if the settings have `content`.
        """
        if len(noise) != self.settings.scales:
            raise UsageError(f"{len(noise)} maps of noise for {self.settings.scales} scales; there must be as many")
        if (image is not None) != self.settings.content:
            raise UsageError(f"the network takes {'a' if self.settings.content else 'no'} photo beside its noise")
        if image is not None:
            noise = [torch.cat([z, F.interpolate(image, size=z.shape[-2:], mode="area")], dim=1) for z in noise]
        x = self.scales[0](noise[0])
        for scale, join, z in zip(self.scales[1:], self.joins, noise[1:], strict=True):
            x = join(x, scale(z))
        result: Tensor = self.last(x)
        return result if self.training else result.clamp(0, 1)

    def description(self) -> dict[str, Any]:
        """Return the settings of a network of the same shape, for `from_description`."""
        return {"texture": vars(self.settings)}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> TextureNet:
        """Return a network with these settings and new weights; raises UsageError for invalid settings."""
        return cls(TextureSettings(**description["texture"]))


class _Join(nn.Module):
    """The upsampled features of coarser scales and the features of a scale, through three convolutions.

    Both are normalised first, so that neither dominates.
    """

    def __init__(self, coarse: int, fine: int, norm: str, padding_mode: str) -> None:
        super().__init__()
        self.coarse = _norm(coarse, norm)
        self.fine = _norm(fine, norm)
        self.three = _three_convolutions(coarse + fine, coarse + fine, norm, padding_mode)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        large = F.interpolate(self.coarse(coarse), size=fine.shape[-2:], mode="nearest")
        return self.three(torch.cat([large, self.fine(fine)], dim=1))  # type: ignore[no-any-return]


def _three_convolutions(channels: int, out: int, norm: str, padding_mode: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, kernel in ((channels, 3), (out, 3), (out, 1)):
        convolution = Convolution(inputs, out, kernel, padding_mode=padding_mode)
        layers += [convolution, _norm(out, norm), nn.LeakyReLU(SLOPE, True)]
    return nn.Sequential(*layers)


def _norm(channels: int, kind: str) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels, EPSILON, MOMENTUM)
    return nn.InstanceNorm2d(channels, EPSILON, affine=True)
