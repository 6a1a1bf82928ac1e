"""One pass, any style: the features of the photo are moved to the painting's, and a decoder paints what they are.

A style is a normal distribution of colours, and of features at strides 1, 2, 4 and 8, a mean and a covariance each, and
a grain. The optimal transport from the photo's distributions to the painting's is known in closed form
(`networks/transport.py`), so there is nothing that has to guess a painting: one that no one has seen is moved to as
exactly as any other. First colours are moved and grain is laid where the photo is plain: the ground. Then features are
seen of the ground and moved. From these the decoder paints strokes, which are added to the photo in its new colours.
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
from impasto.networks.grain import SIDE, colours_of, grain_of, laid, square_of
from impasto.networks.ground import AMOUNT, CELL, FINE, WIDE, calm, detail, plain, strokes, variance_of
from impasto.networks.style_code import CodeLayout
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
LOUD = 8.0
"""By which grain is multiplied before the decoder sees it."""

FAITHFUL = 1e-3
"""The ridge of the transport of colours; see `transport.RIDGE`."""


@dataclass(frozen=True)
class TransportSettings:
    """What such a network is made of.

    `widths` of the convolutions that see, stage by stage; `axes`: principal axes of each stage's features that are
    moved; `channels` and `blocks` of the decoder, finest first.
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


class Goal(NamedTuple):
    """What a code says: distributions of colours, and of features from fine to coarse; a square of grain and the
    variance of its light; scales and shifts of the decoder."""

    normals: Sequence[Normal]
    square: Tensor
    variance: Tensor
    spread: Sequence[Spread]


class Ground(NamedTuple):
    """The photo in the painting's colours, and the grain on it."""

    base: Tensor
    grain: Tensor

    @property
    def picture(self) -> Tensor:
        """Both together, which is what features are seen of."""
        return self.base + self.grain


class Maps(NamedTuple):
    """Of a picture, from fine to coarse: axes of its features, which are moved, and the features themselves."""

    moving: Sequence[Tensor]
    seen: Sequence[Tensor]


class TransportNet(nn.Module):
    """A picture and a code in, the picture in the code's style out.

    A code, `(B, code_size)`, holds the normal distributions of a style, its grain, and a scale and a shift for each
    channel of the decoder, 1 and 0 but for styles that were learnt.
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
        self.decoder = Decoder(inputs, settings.channels, settings.blocks)
        self.layout = CodeLayout((COLOURS, *settings.axes), tuple(settings.channels))
        self.register_buffer("noise", torch.randn(COLOURS, 1, SIDE, SIDE))

    margin = MARGIN

    @property
    def code_size(self) -> int:
        """Numbers of a code."""
        return self.layout.size

    @property
    def multiple(self) -> int:
        """What the sides of what it sees are multiples of."""
        return MULTIPLE

    def plain_code(self) -> Tensor:
        """`(1, code_size)`: the style of no picture in particular; see `CodeLayout.plain`."""
        return self.layout.plain(cast(nn.Conv2d, self.axes[0]).weight)

    @property
    def reach(self) -> int:
        """How many pixels away, at most, the picture matters to a pixel of the result once the style is moved to; a
        multiple of `MULTIPLE`."""
        far: int = sum((2 * count + 3) << k for k, count in enumerate(self.settings.blocks)) + 2
        far += sum((len(stage) + 1) << k for k, stage in enumerate(self.settings.widths)) + CELL
        far += (FINE // 2 + WIDE // 2 + 2) * MULTIPLE
        return -(-far // MULTIPLE) * MULTIPLE

    @property
    def held(self) -> float:
        """Numbers for each pixel of the maps that are there together: those seen, moved and shown to the decoder."""
        sizes = [self.settings.widths[0][0] + 3 * COLOURS, *(stage[0] for stage in self.settings.widths[1:])]
        return sum(
            (seen + 3 * axes) / (1 << 2 * k)
            for k, (seen, axes) in enumerate(zip(sizes, self.settings.axes, strict=True))
        )

    def padded(self, image: Tensor) -> Tensor:
        """Reflected beyond all sides, to sides that are multiples of 8."""
        below, right = (MARGIN + -side % MULTIPLE for side in image.shape[-2:])
        return F.pad(image, (MARGIN, right, MARGIN, below), mode="reflect")

    def maps(self, picture: Tensor) -> Maps:
        """What is seen of a padded picture."""
        seen = self.features(picture.contiguous(memory_format=torch.channels_last))
        return Maps([axes(x) for axes, x in zip(self.axes, seen, strict=True)], seen)

    def normals(self, picture: Tensor, alpha: Tensor | None = None) -> list[Normal]:
        """The distributions of a padded picture's features; positions count in proportion to `alpha`."""
        return [normal_of(x, reduced_to(alpha, x)) for x in self.maps(picture).moving]

    @torch.no_grad()
    def told(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """`(B, N)`: the first numbers of the code of paintings `(B, 3, H, W)`, all that they say of themselves.

        Positions count in proportion to `alpha`, `(B, 1, H, W)`, not all 0.
        """
        painting, alpha = self.padded(painting), None if alpha is None else self.padded(alpha)
        normals = [normal_of(painting, alpha), *self.normals(painting, alpha)]
        return self.layout.told(normals, grain_of(detail(painting), alpha))

    def code(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """`(B, code_size)`: the codes of paintings; see `told`."""
        return self.layout.whole(self.told(painting, alpha))

    def goal(self, code: Tensor) -> Goal:
        """What codes `(B, D)` say."""
        grain = self.layout.grain(code)
        square = square_of(grain, cast(Tensor, self.noise))
        return Goal(self.layout.normals(code), square, variance_of(colours_of(grain)), self.layout.spread(code))

    def ways(self, own: Sequence[Normal], goals: Sequence[Goal], strength: float = 1.0) -> list[list[Tensor]]:
        """For each goal the affine maps `(B, C, C + 1)` to its features' distributions from a ground's, or, with a
        lower strength, so far along the way, which is straight."""
        return [[_way(*each, strength) for each in zip(own, goal.normals[1:], strict=True)] for goal in goals]

    def ground(
        self,
        photo: Tensor,
        colours: Normal,
        goals: Sequence[Goal],
        masks: Tensor | None = None,
        *,
        origin: tuple[int, int] = (0, 0),
        strength: float = 1.0,
    ) -> Ground:
        """That of a padded photo, or of a part of one that begins at `origin`, whose `colours` are these."""
        ways = [_way(colours, goal.normals[0], strength, FAITHFUL) for goal in goals]
        base = calm(_mixed([moved(photo, way) for way in ways], masks)).clamp(0, 1)
        size = (photo.shape[-2], photo.shape[-1])
        grain = AMOUNT * strength * _mixed([laid(goal.square, size, origin) for goal in goals], masks)
        variance = (AMOUNT * strength) ** 2 * _mixed([goal.variance for goal in goals], masks)
        return Ground(base, plain(base, variance) * grain)

    def paint(
        self,
        ground: Ground,
        maps: Maps,
        ways: Sequence[Sequence[Tensor]],
        goals: Sequence[Goal],
        masks: Tensor | None = None,
    ) -> Tensor:
        """The picture on a ground of which these maps were seen, each region k moved along `ways[k]`; `masks`,
        `(B, K, H, W)`."""
        shares = [reduced_to(masks, x) for x in maps.moving]
        new = [
            _mixed([moved(x, way[k]) for way in ways], share)
            for k, (x, share) in enumerate(zip(maps.moving, shares, strict=True))
        ]
        shown = [torch.cat([new[0], 2 * ground.base - 1, LOUD * ground.grain], dim=1)]
        shown += [torch.cat([x, own / UNIT], dim=1) for x, own in zip(new[1:], maps.seen[1:], strict=True)]
        spread = [
            (_mixed([s.spread[k][0] for s in goals], share), _mixed([s.spread[k][1] for s in goals], share))
            for k, share in enumerate(shares)
        ]
        return ground.base + strokes(cast(Tensor, self.decoder(shown, spread)).to(ground.base))

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
        count in the photo's statistics in proportion to `alpha`, `(B, 1, H, W)`, not all 0. `origin`: the pixel of the
        grain where the image begins.
        """
        self.check(image, code, masks)
        photo = self.padded(image)
        seen, shown = (None if each is None else self.padded(each) for each in (alpha, masks))
        goals = [self.goal(each) for each in ([code] if masks is None else code.unbind(1))]
        ground = self.ground(photo, normal_of(photo, seen), goals, shown, origin=origin, strength=strength)
        maps = self.maps(ground.picture)
        own = [normal_of(x, reduced_to(seen, x)) for x in maps.moving]
        made = self.paint(ground, maps, self.ways(own, goals, strength), goals, shown)
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


def _way(own: Normal, goal: Normal, strength: float, *ridge: float) -> Tensor:
    way = transport(own, goal, *ridge)
    return torch.eye(way.shape[1], way.shape[2]).to(way).lerp(way, strength)


def _mixed(parts: Sequence[Tensor], shares: Tensor | None) -> Tensor:
    """One of several maps at each position, in shares `(B, K, h, w)`."""
    if shares is None:
        return parts[0]
    return torch.stack([part * shares[:, k : k + 1] for k, part in enumerate(parts)]).sum(0)
