"""One pass, any style: the features of the photo are moved to the painting's, and a decoder paints what they are.

A style is a normal distribution of colours, and of features at strides 1, 2, 4 and 8: a mean and a covariance for each.
The optimal transport from the photo's to the painting's is known in closed form (`networks/transport.py`), so there is
nothing that has to guess a painting: one that no one has seen is moved to as exactly as any other. The colours are the
picture that the decoder adds strokes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import UsageError
from impasto.networks.decoder import Decoder, Spread
from impasto.networks.features import Features
from impasto.networks.transformer import whole
from impasto.networks.transport import Normal, moved, normal_of, transport

MARGIN = 8
"""Pixels that a network sees beyond the picture on every side, reflected, and whose result is cut off."""

MULTIPLE = 8
SMALLEST = 24
"""Pixels of the shorter side of a picture: more than are reflected beyond it."""

UNIT = 0.6
"""About the deviation of features: by it they are divided before the decoder sees them."""

COLOURS = 3
LEVELS = 4
MOST = 1024
BT601 = (0.299, 0.587, 0.114)
CELL = 4
FAITHFUL = 1e-3
"""The ridge of the transport of colours; see `transport.RIDGE`."""


@dataclass(frozen=True)
class TransportSettings:
    """What such a network is made of.

    `widths` of the convolutions that see, stage by stage; `axes`: principal axes of each stage's features that are
    moved; `channels` and `blocks` of the decoder, finest first; `grain`: channels of noise.
    """

    widths: Sequence[Sequence[int]] = ((16, 24), (48, 32), (96, 32, 32, 48), (128,))
    axes: Sequence[int] = (12, 32, 56, 72)
    channels: Sequence[int] = (12, 24, 64, 128)
    blocks: Sequence[int] = (0, 1, 2, 3)
    grain: int = 4

    def __post_init__(self) -> None:
        whole(self, grain=(0, 64))
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


class Maps(NamedTuple):
    """Of a picture: what is moved, colours and axes of features from fine to coarse, and the features themselves."""

    moving: Sequence[Tensor]
    seen: Sequence[Tensor]


class TransportNet(nn.Module):
    """A picture and a code in, the picture in the code's style out.

    A code, `(B, code_size)`, holds the normal distributions of a style, and a scale and a shift for each channel of the
    decoder, 1 and 0 but for styles that were learnt.
    """

    def __init__(self, settings: TransportSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or TransportSettings()
        self.features = Features(settings.widths)
        seen = [stage[0] for stage in settings.widths]
        self.axes = nn.ModuleList(nn.Conv2d(width, axes, 1) for width, axes in zip(seen, settings.axes, strict=True))
        self.axes.requires_grad_(False)
        inputs = [settings.axes[0] + 2 * COLOURS]
        inputs += [axes + width for axes, width in zip(settings.axes[1:], seen[1:], strict=True)]
        self.decoder = Decoder(inputs, settings.channels, settings.blocks, settings.grain)
        self.moving = (COLOURS, *settings.axes)
        """Channels of what is moved."""

    margin = MARGIN

    @property
    def code_size(self) -> int:
        """Numbers of a code."""
        statistics = sum(size + size * (size + 1) // 2 for size in self.moving)
        return statistics + 2 * sum(self.settings.channels)

    @property
    def multiple(self) -> int:
        """What the sides of what it sees are multiples of."""
        return MULTIPLE

    def plain_code(self) -> Tensor:
        """`(1, code_size)`: the style of no picture in particular, all means 0 and covariances 1."""
        like = cast(nn.Conv2d, self.axes[0]).weight
        normals = [Normal(like.new_zeros(1, size), torch.eye(size).to(like)[None]) for size in self.moving]
        return self.code_of(normals)

    @property
    def reach(self) -> int:
        """How many pixels away, at most, the picture matters to a pixel of the result once the style is moved to; a
        multiple of `MULTIPLE`."""
        far: int = sum((2 * count + 3) << k for k, count in enumerate(self.settings.blocks)) + 2
        far += sum((len(stage) + 1) << k for k, stage in enumerate(self.settings.widths)) + CELL + 2 * MULTIPLE
        return -(-far // MULTIPLE) * MULTIPLE

    @property
    def held(self) -> float:
        """Numbers for each pixel of the maps that are there together: those seen, moved and shown to the decoder."""
        sizes = [self.settings.widths[0][0] + COLOURS, *(stage[0] for stage in self.settings.widths[1:])]
        return sum(
            (seen + 3 * axes) / (1 << 2 * k)
            for k, (seen, axes) in enumerate(zip(sizes, self.settings.axes, strict=True))
        )

    def padded(self, image: Tensor) -> Tensor:
        """Reflected beyond all sides, to sides that are multiples of 8."""
        below, right = (MARGIN + -side % MULTIPLE for side in image.shape[-2:])
        return F.pad(image, (MARGIN, right, MARGIN, below), mode="reflect")

    def maps(self, image: Tensor) -> Maps:
        """What is seen of a padded picture."""
        image = image.contiguous(memory_format=torch.channels_last)
        seen = self.features(image)
        return Maps([image, *(axes(x) for axes, x in zip(self.axes, seen, strict=True))], seen)

    def normals(self, image: Tensor, alpha: Tensor | None = None) -> list[Normal]:
        """What makes the style of a picture, `(B, 3, H, W)`: those of a painting are its code.

        Positions count in proportion to `alpha`, `(B, 1, H, W)`, not all 0.
        """
        seen = None if alpha is None else self.padded(alpha)
        return [normal_of(x, reduced_to(seen, x)) for x in self.maps(self.padded(image)).moving]

    def code_of(self, normals: Sequence[Normal]) -> Tensor:
        """`(B, code_size)`: the code of a style with these."""
        said = _told(normals)
        level = said.new_tensor([[1.0, 0.0]]).expand(len(said), 2)
        spread = [level.repeat_interleave(width, dim=1) for width in self.settings.channels]
        return torch.cat([said, *spread], dim=1)

    @torch.no_grad()
    def told(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """`(B, N)`: the first numbers of the code of a painting, all that it says of itself; see `normals`."""
        return _told(self.normals(painting, alpha))

    def goals(self, code: Tensor) -> list[Normal]:
        """The normal distributions in codes `(B, D)`."""
        found, at = list[Normal](), 0
        for size in self.moving:
            rows, columns = _triangle(size)
            place = torch.zeros(size, size, dtype=torch.long)
            place[rows, columns] = place[columns, rows] = torch.arange(len(rows))
            mean, triangle = code[:, at : at + size], code[:, at + size : at + size + len(rows)]
            found.append(Normal(mean, triangle[:, place.to(code.device)]))
            at += size + len(rows)
        return found

    def spread(self, code: Tensor) -> list[Spread]:
        """The decoder's scales and shifts in codes `(B, D)`."""
        widths = self.settings.channels
        rest = code[:, -2 * sum(widths) :, None, None]
        parts = torch.split(rest, [width for each in widths for width in (each, each)], dim=1)
        return list(zip(parts[::2], parts[1::2], strict=True))

    def ways(self, normals: Sequence[Normal], code: Tensor, strength: float = 1.0) -> list[Tensor]:
        """The affine maps `(B, C, C + 1)` from a photo's distributions to a style's, or, with a lower strength, so far
        along the way, which is straight."""
        found = []
        for k, (own, goal) in enumerate(zip(normals, self.goals(code), strict=True)):
            way = transport(own, goal, FAITHFUL) if not k else transport(own, goal)
            stay = torch.eye(way.shape[1], way.shape[2]).to(way)
            found.append(stay.lerp(way, strength))
        return found

    def paint(
        self,
        maps: Maps,
        ways: Sequence[Sequence[Tensor]],
        spreads: Sequence[Sequence[Spread]],
        masks: Tensor | None = None,
        origin: tuple[int, int] = (0, 0),
    ) -> Tensor:
        """The picture of these maps, each region k moved along `ways[k]`; `masks`, `(B, K, H, W)`."""
        shares = [reduced_to(masks, x) for x in maps.moving]
        new = [
            _mixed([moved(x, way[k]) for way in ways], share)
            for k, (x, share) in enumerate(zip(maps.moving, shares, strict=True))
        ]
        base, finest = calm(new[0]).clamp(0, 1), maps.moving[0]
        shown = [torch.cat([new[1], 2 * base - 1, 2 * finest - 1], dim=1)]
        shown += [torch.cat([x, own / UNIT], dim=1) for x, own in zip(new[2:], maps.seen[1:], strict=True)]
        spread = [
            (_mixed([s[k][0] for s in spreads], share), _mixed([s[k][1] for s in spreads], share))
            for k, share in enumerate(shares[1:])
        ]
        return base + strokes(cast(Tensor, self.decoder(shown, spread, origin)).to(base))

    def forward(
        self,
        image: Tensor,
        code: Tensor,
        masks: Tensor | None = None,
        strength: float = 1.0,
        origin: tuple[int, int] = (0, 0),
        *,
        alpha: Tensor | None = None,
    ) -> Tensor:
        """`image`, `(B, 3, H, W)` in [0, 1], in the style of `code`, `(B, D)`; clamped in `eval()` only.

        With `masks`, `(B, K, H, W)` that add up to 1 everywhere, and `code` `(B, K, D)`, region k has code k. Pixels
        count in the photo's statistics in proportion to `alpha`, `(B, 1, H, W)`, not all 0.
        """
        self.check(image, code, masks)
        maps = self.maps(self.padded(image))
        seen = None if alpha is None else self.padded(alpha)
        own = [normal_of(x, reduced_to(seen, x)) for x in maps.moving]
        codes = [code] if masks is None else list(code.unbind(1))
        ways = [self.ways(own, each, strength) for each in codes]
        shown = None if masks is None else self.padded(masks)
        made = self.paint(maps, ways, [self.spread(each) for each in codes], shown, origin)
        height, width = image.shape[-2:]
        made = made[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return made if self.training else made.clamp(0, 1)

    def check(self, image: Tensor, code: Tensor, masks: Tensor | None) -> None:
        """Raises UsageError for what does not go together."""
        height, width = image.shape[-2:]
        if min(height, width) < SMALLEST:
            raise UsageError(f"a picture of {width}x{height} is too small; the least is {SMALLEST}x{SMALLEST}")
        if code.shape[-1] != self.code_size or code.ndim != (2 if masks is None else 3):
            wanted = f"(B, {self.code_size})" if masks is None else f"(B, K, {self.code_size}) with masks"
            raise UsageError(f"the code is {tuple(code.shape)}; expected {wanted}")
        if masks is not None and masks.shape[1] != code.shape[1]:
            raise UsageError(f"{masks.shape[1]} masks for {code.shape[1]} codes; there must be as many")
        if masks is not None and masks.shape[-2:] != image.shape[-2:]:
            (h, w), (height, width) = masks.shape[-2:], image.shape[-2:]
            raise UsageError(f"masks of {w}x{h} for a picture of {width}x{height}; they must be as large")


def reduced_to(masks: Tensor | None, x: Tensor) -> Tensor | None:
    """`masks` `(B, K, H, W)`, averaged down to the grid of the features `x`; None for None."""
    return None if masks is None else F.avg_pool2d(masks, x.shape[-2] and masks.shape[-2] // x.shape[-2])


def calm(picture: Tensor) -> Tensor:
    """`(B, 3, H, W)` with its colour seen over `CELL` x `CELL` pixels, its light as it is: the colour noise of photos,
    which the way to a rich palette makes louder, is no paint."""
    smooth = F.interpolate(F.avg_pool2d(picture, CELL), scale_factor=CELL, mode="bilinear")
    light = ((picture - smooth) * picture.new_tensor(BT601).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return smooth + light


def strokes(painted: Tensor) -> Tensor:
    """`(B, 3, H, W)` less its mean over about 24 x 24 pixels: what the decoder adds changes no surface's colour.

    Decoders that may do so leave the palette half way: light and colour vary a sixth to a third less than the base's.
    """
    cells = F.pad(F.avg_pool2d(painted, MULTIPLE), (1, 1, 1, 1), mode="reflect")
    return painted - F.interpolate(F.avg_pool2d(cells, 3, 1), scale_factor=MULTIPLE, mode="bilinear")


def _told(normals: Sequence[Normal]) -> Tensor:
    parts = []
    for mean, covariance in normals:
        rows, columns = _triangle(mean.shape[1])
        parts += [mean, covariance[:, rows, columns]]
    return torch.cat(parts, dim=1)


def _triangle(size: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of what determines a symmetric matrix."""
    pairs = [(row, column) for row in range(size) for column in range(row + 1)]
    rows, columns = zip(*pairs, strict=True)
    return torch.tensor(rows), torch.tensor(columns)


def _mixed(parts: Sequence[Tensor], shares: Tensor | None) -> Tensor:
    """One of several maps at each position, in shares `(B, K, h, w)`."""
    if shares is None:
        return parts[0]
    return torch.stack([part * shares[:, k : k + 1] for k, part in enumerate(parts)]).sum(0)
