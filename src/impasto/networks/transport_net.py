"""One pass, any style: the photo's features are moved to the painting's distribution, and a decoder paints them.

A style is a normal distribution of colours, and of features at strides 1, 2, 4 and 8, a mean and a covariance each, and
a grain. The optimal transport between the photo's and the painting's distributions has a closed form
(`networks/transport.py`), so no network predicts styles, and unseen paintings are matched as exactly as others. First,
colours are moved, and grain is added where the photo is plain: the ground. Then features of the ground are computed and
moved. From these the decoder paints strokes, which are added to the photo in its new colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import UsageError
from impasto.networks.decoder import Decoder, without_weave
from impasto.networks.features import Features
from impasto.networks.grain import SIDE, colour_root, grain_code, noise_tile, tile_window
from impasto.networks.ground import (
    AMOUNT,
    CELL,
    FINE,
    WIDE,
    detail,
    enlarged,
    flatness,
    limited,
    luma,
    luma_variance,
    smooth_chroma,
    zero_local_mean,
)
from impasto.networks.palette import energy_at, palette_code, restricted
from impasto.networks.style_code import CodeLayout
from impasto.networks.tone import curve_to, distribution_of, histogram_of
from impasto.networks.transport import Normal, apply_affine, normal_of
from impasto.networks.transport_parts import (
    FeatureMaps,
    Ground,
    Recolouring,
    StyleTarget,
    TransportSettings,
    blend,
    partial_transport,
    pool_to,
)

MARGIN = 16
"""Width of the reflected margin around the picture, in pixels; it is cut off from the result. With 8, strokes run along
the border."""

MULTIPLE = 8
SMALLEST = 24
"""Least shorter side of a picture, in pixels: more than the reflected margin."""

UNIT = 0.6
"""Typical deviation of features, by which they are divided for the decoder."""

COLOURS = 3
LOUD = 8.0
"""Factor of grain at the decoder's input."""

FAITHFUL = 1e-3
"""The ridge of the transport of colours; see `transport.RIDGE`."""


class TransportNet(nn.Module):
    """Maps a picture and a code to the picture in the code's style.

    A code, `(B, code_size)`, has the normal distributions of a style, its grain, its palette, and a scale and a shift
    for each channel of the decoder, which are 1 and 0 except for trained styles.
    """

    def __init__(self, settings: TransportSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or TransportSettings()
        self.features = Features(settings.widths)
        widths = [stage[0] for stage in settings.widths]
        self.axes = nn.ModuleList(nn.Conv2d(width, axes, 1) for width, axes in zip(widths, settings.axes, strict=True))
        self.axes.requires_grad_(False)
        inputs = [settings.axes[0] + 2 * COLOURS]
        inputs += [axes + width for axes, width in zip(settings.axes[1:], widths[1:], strict=True)]
        self.decoder = Decoder(inputs, settings.channels, settings.blocks)
        self.layout = CodeLayout((COLOURS, *settings.axes), tuple(settings.channels))
        self.register_buffer("noise", torch.randn(COLOURS, 1, SIDE, SIDE))

    margin = MARGIN

    @property
    def code_size(self) -> int:
        """Length of a code."""
        return self.layout.size

    @property
    def multiple(self) -> int:
        """The sides of padded pictures are multiples of this."""
        return MULTIPLE

    def plain_code(self) -> Tensor:
        """Return the neutral style, `(1, code_size)`; see `CodeLayout.plain`."""
        return self.layout.plain(cast(nn.Conv2d, self.axes[0]).weight)

    @property
    def reach(self) -> int:
        """Radius of the receptive field in pixels, with all statistics given; a multiple of `MULTIPLE`."""
        far: int = sum((2 * count + 3) << k for k, count in enumerate(self.settings.blocks)) + 4
        far += sum((len(stage) + 1) << k for k, stage in enumerate(self.settings.widths)) + CELL
        far += (2 * (FINE // 2) + WIDE // 2 + 3) * MULTIPLE
        return -(-far // MULTIPLE) * MULTIPLE

    @property
    def floats_per_pixel(self) -> float:
        """Number of values per pixel in memory: features, axes, moved axes and the decoder's inputs."""
        sizes = [self.settings.widths[0][0] + 3 * COLOURS, *(stage[0] for stage in self.settings.widths[1:])]
        return sum(
            (width + 3 * axes) / (1 << 2 * k)
            for k, (width, axes) in enumerate(zip(sizes, self.settings.axes, strict=True))
        )

    def padded(self, image: Tensor) -> Tensor:
        """`image`, reflected by `MARGIN` on all sides and up to a multiple of 8 on the right and below."""
        below, right = (MARGIN + -side % MULTIPLE for side in image.shape[-2:])
        return F.pad(image, (MARGIN, right, MARGIN, below), mode="reflect")

    def feature_maps(self, picture: Tensor) -> FeatureMaps:
        """The features of a padded picture, and their axes."""
        features = self.features(picture.contiguous(memory_format=torch.channels_last))
        return FeatureMaps([axes(x) for axes, x in zip(self.axes, features, strict=True)], features)

    def normals(self, picture: Tensor, alpha: Tensor | None = None) -> list[Normal]:
        """The distribution of each level's axes over a padded picture; positions are weighted by `alpha`."""
        return [normal_of(x, pool_to(alpha, x)) for x in self.feature_maps(picture).axes]

    @torch.no_grad()
    def style_numbers(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return distributions, grain and palette of paintings `(B, 3, H, W)`, `(B, N)`: the first part of their codes.

        Positions are weighted by `alpha`, `(B, 1, H, W)`, not all 0.
        """
        painting, alpha = self.padded(painting), None if alpha is None else self.padded(alpha)
        normals = [normal_of(painting, alpha), *self.normals(painting, alpha)]
        tone = distribution_of(histogram_of(luma(painting), alpha))
        return self.layout.packed(normals, tone, grain_code(detail(painting), alpha), palette_code(painting, alpha))

    def code(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return the codes of paintings, `(B, code_size)`; see `style_numbers`."""
        return self.layout.whole(self.style_numbers(painting, alpha))

    def target(self, code: Tensor) -> StyleTarget:
        """Decode codes `(B, D)`. Gradients reach only scales and shifts: the rest is not trained."""
        fixed = code.detach()
        others, normals = self.layout.others(fixed), self.layout.normals(fixed)
        grain = others["grain"]
        tile, variance = noise_tile(grain, cast(Tensor, self.noise)), luma_variance(colour_root(grain))
        modulation = self.layout.modulation(code)
        return StyleTarget(normals, others["tone"], tile, variance, others["palette"], modulation)

    def transport_maps(
        self, own: Sequence[Normal], targets: Sequence[StyleTarget], strength: float = 1.0
    ) -> list[list[Tensor]]:
        """Return for each target the affine map `(B, C, C + 1)` of each level from the distributions `own`.

        A strength below 1 interpolates between the identity and the map."""
        return [
            [partial_transport(*each, strength) for each in zip(own, target.normals[1:], strict=True)]
            for target in targets
        ]

    def colour_maps(self, own: Normal, targets: Sequence[StyleTarget], strength: float = 1.0) -> list[Tensor]:
        """Return for each target the affine map `(B, 3, 4)` from the distribution `own` of a photo's colours."""
        return [partial_transport(own, target.normals[0], strength, FAITHFUL) for target in targets]

    def recolourings(
        self,
        affine: Sequence[Tensor],
        histograms: Sequence[Tensor],
        targets: Sequence[StyleTarget],
        strength: float = 1.0,
    ) -> list[Recolouring]:
        """Return for each target its map of `colour_maps` and a curve of luma.

        `histograms` are those of the photo's luma after the maps."""
        return [
            Recolouring(each, curve_to(target.tone, histogram, strength))
            for each, histogram, target in zip(affine, histograms, targets, strict=True)
        ]

    def ground(
        self,
        photo: Tensor,
        recolourings: Sequence[Recolouring],
        targets: Sequence[StyleTarget],
        masks: Tensor | None = None,
        *,
        origin: tuple[int, int] = (0, 0),
        strength: float = 1.0,
    ) -> Ground:
        """Return the ground of a padded photo, or of the part of one that begins at `origin`.

        `masks`, `(B, K, H, W)`: the region of each target.
        """
        moved = [recolour(photo) for recolour in recolourings]
        cells = [
            restricted(F.avg_pool2d(each, CELL), target.palette, strength)
            for each, target in zip(moved, targets, strict=True)
        ]
        base = smooth_chroma(blend(moved, masks), blend(cells, pool_to(masks, cells[0]))).clamp(0, 1)
        size, light = (photo.shape[-2], photo.shape[-1]), F.avg_pool2d(luma(base), MULTIPLE)
        shares = pool_to(masks, light)
        energy = blend([energy_at(light, target.palette) for target in targets], shares).clamp(min=0)
        grain = enlarged(energy).sqrt() * blend([tile_window(t.grain, size, origin) for t in targets], masks)
        detail = energy * blend([target.variance for target in targets], shares)
        amount = AMOUNT * strength
        return Ground(base, amount * flatness(base, amount**2 * detail) * grain, detail)

    def paint(
        self,
        ground: Ground,
        maps: FeatureMaps,
        transport_maps: Sequence[Sequence[Tensor]],
        targets: Sequence[StyleTarget],
        masks: Tensor | None = None,
    ) -> Tensor:
        """Return the picture, `(B, 3, H, W)`, before clamping.

        `maps`: features of `ground.picture`; `transport_maps` and `masks`, `(B, K, H, W)`: one for each target.
        """
        shares = [pool_to(masks, x) for x in maps.axes]
        axes = [
            blend([apply_affine(x, affine[k]) for affine in transport_maps], share)
            for k, (x, share) in enumerate(zip(maps.axes, shares, strict=True))
        ]
        inputs = [torch.cat([axes[0], 2 * ground.base - 1, LOUD * ground.grain], dim=1)]
        inputs += [torch.cat([x, own / UNIT], dim=1) for x, own in zip(axes[1:], maps.features[1:], strict=True)]
        modulation = [
            (blend([t.modulation[k][0] for t in targets], share), blend([t.modulation[k][1] for t in targets], share))
            for k, share in enumerate(shares)
        ]
        strokes = cast(Tensor, self.decoder(inputs, modulation)).to(ground.base).contiguous()
        strokes = zero_local_mean(without_weave(strokes))
        return ground.base + limited(strokes, ground.base, ground.detail)

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
        """Return `image`, `(B, 3, H, W)` in [0, 1], in the style of `code`; clamped to [0, 1] in `eval()` only.

        code: `(B, D)`; with masks `(B, K, D)`, region k has code k.
        masks: `(B, K, H, W)` with a sum of 1 everywhere.
        alpha: weights of pixels in the photo's statistics, `(B, 1, H, W)`, not all 0.
        strength: 0 keeps the photo's statistics, 1 takes the painting's.
        origin: the first pixel of the tile of grain.
        """
        self.check(image, code, masks)
        photo = self.padded(image)
        weights, regions = (None if each is None else self.padded(each) for each in (alpha, masks))
        targets = [self.target(each) for each in ([code] if masks is None else code.unbind(1))]
        affine = self.colour_maps(normal_of(photo, weights), targets, strength)
        histograms = [histogram_of(luma(apply_affine(photo, each)), weights) for each in affine]
        recolourings = self.recolourings(affine, histograms, targets, strength)
        ground = self.ground(photo, recolourings, targets, regions, origin=origin, strength=strength)
        maps = self.feature_maps(ground.picture)
        own = [normal_of(x, pool_to(weights, x)) for x in maps.axes]
        made = self.paint(ground, maps, self.transport_maps(own, targets, strength), targets, regions)
        height, width = image.shape[-2:]
        made = made[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return made if self.training else made.clamp(0, 1)

    def check(self, image: Tensor, code: Tensor, masks: Tensor | None) -> None:
        """Raise UsageError for inputs that do not fit together."""
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
