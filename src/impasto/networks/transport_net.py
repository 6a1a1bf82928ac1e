"""Style transfer in one pass for any style image, by optimal transport of features and a decoder.

A style is a normal distribution of colours and of features at strides 1, 2, 4 and 8, a mean and a covariance each; a
distribution of luma; a palette; and a grain. The optimal transport between the photo's and the painting's distributions
has a closed form (`networks/transport.py`), so no network predicts styles, and paintings outside the training set are
matched as exactly as others. First, the colours of the photo are transported, and grain is added where the photo is
plain: this is the ground. Then the features of the ground are computed and transported. From these the decoder paints
strokes, which are added to the photo in its new colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from impasto.networks.decoder import Decoder
from impasto.networks.features import Features
from impasto.networks.grain import SIDE, colour_root, grain_code, noise_tile
from impasto.networks.ground import CELL, FINE, WIDE, detail, limit_strokes, luma, luma_variance, zero_local_mean
from impasto.networks.inputs import MARGIN, add_margin, check_inputs
from impasto.networks.palette import palette_code
from impasto.networks.style_code import CodeLayout
from impasto.networks.tone import distribution_of, histogram_of
from impasto.networks.transport import Normal, apply_affine, normal_of
from impasto.networks.transport_parts import (
    DecodedStyle,
    FeatureMaps,
    Ground,
    TransportSettings,
    blend,
    colour_maps,
    ground_of,
    pool_to,
    recolourings,
    transport_maps,
)

MULTIPLE = 8
COLOURS = 3

FEATURE_DEVIATION = 0.6
"""Typical deviation of features, which the decoder's inputs are divided by."""

GRAIN_GAIN = 8.0
"""Factor of the grain in the decoder's inputs."""


class TransportNet(nn.Module):
    """A network from a picture and the code of any style to the picture in this style.

    A code, `(B, code_size)`, has the distributions, the palette and the grain of a style, and a scale and a shift for
    each channel of the decoder. Scales are 1 and shifts 0 except for trained styles.

    >>> network = TransportNet(TransportSettings(((4,), (8,), (8,), (12,)), (3, 6, 6, 8), (4, 6, 8, 8), (0, 1, 1, 1)))
    >>> photo, painting = torch.rand(1, 3, 24, 32), torch.rand(1, 3, 40, 30)
    >>> network(photo, network.code(painting)).shape
    torch.Size([1, 3, 24, 32])
    """

    margin, multiple = MARGIN, MULTIPLE

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

    @property
    def code_size(self) -> int:
        """Length of a code."""
        return self.layout.size

    def plain_code(self) -> Tensor:
        """Return the neutral style, `(1, code_size)`; see `CodeLayout.plain`."""
        return self.layout.plain(cast(nn.Conv2d, self.axes[0]).weight)

    @property
    def reach(self) -> int:
        """Radius of the receptive field in pixels, with fixed statistics; a multiple of `multiple`."""
        radius: int = sum((2 * count + 3) << k for k, count in enumerate(self.settings.blocks)) + 2
        radius += sum((len(stage) + 1) << k for k, stage in enumerate(self.settings.widths)) + CELL
        radius += (2 * (FINE // 2) + WIDE // 2 + 3) * MULTIPLE
        return -(-radius // MULTIPLE) * MULTIPLE

    @property
    def floats_per_pixel(self) -> float:
        """Number of values per pixel in memory: features, axes, transported axes and the decoder's inputs."""
        widths = [self.settings.widths[0][0] + 3 * COLOURS, *(stage[0] for stage in self.settings.widths[1:])]
        return sum(
            (width + 3 * axes) / (1 << 2 * k)
            for k, (width, axes) in enumerate(zip(widths, self.settings.axes, strict=True))
        )

    def feature_maps(self, picture: Tensor) -> FeatureMaps:
        """Return the features of a picture with margin, and their projections on the principal axes."""
        features = self.features(picture.contiguous(memory_format=torch.channels_last))
        return FeatureMaps([axes(x) for axes, x in zip(self.axes, features, strict=True)], features)

    def normals(self, picture: Tensor, alpha: Tensor | None = None) -> list[Normal]:
        """Return the distribution of each level's axes over a picture with margin; `alpha`: weights of pixels."""
        return [normal_of(x, pool_to(alpha, x)) for x in self.feature_maps(picture).axes]

    @torch.no_grad()
    def style_numbers(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return the statistics of paintings `(B, 3, H, W)`, the first numbers of their codes, `(B, N)`.

        alpha: weights of pixels, `(B, 1, H, W)`, not all 0.
        """
        painting, alpha = add_margin(painting, MULTIPLE), None if alpha is None else add_margin(alpha, MULTIPLE)
        normals = [normal_of(painting, alpha), *self.normals(painting, alpha)]
        tone = distribution_of(histogram_of(luma(painting), alpha))
        return self.layout.pack(normals, tone, grain_code(detail(painting), alpha), palette_code(painting, alpha))

    def code(self, painting: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Return the codes of paintings, `(B, code_size)`; see `style_numbers`."""
        return self.layout.complete(self.style_numbers(painting, alpha))

    def decode_style(self, code: Tensor) -> DecodedStyle:
        """Return the parts of codes `(B, code_size)`. Gradients reach only the modulation: the rest is not trained."""
        constant = code.detach()
        parts, normals = self.layout.parts(constant), self.layout.normals(constant)
        grain = noise_tile(parts["grain"], cast(Tensor, self.noise))
        variance = luma_variance(colour_root(parts["grain"]))
        return DecodedStyle(normals, parts["tone"], grain, variance, parts["palette"], self.layout.modulation(code))

    def paint(
        self,
        ground: Ground,
        maps: FeatureMaps,
        affine: Sequence[Sequence[Tensor]],
        styles: Sequence[DecodedStyle],
        masks: Tensor | None = None,
    ) -> Tensor:
        """Return the result with its margin, `(B, 3, H, W)`; values may lie outside [0, 1].

        maps: features of `ground.picture`.
        affine: the maps of `transport_maps`, for each style.
        masks: the region of each style, `(B, K, H, W)`.
        """
        shares = [pool_to(masks, x) for x in maps.axes]
        axes = [
            blend([apply_affine(x, levels[k]) for levels in affine], share)
            for k, (x, share) in enumerate(zip(maps.axes, shares, strict=True))
        ]
        inputs = [torch.cat([axes[0], 2 * ground.base - 1, GRAIN_GAIN * ground.grain], dim=1)]
        inputs += [
            torch.cat([x, features / FEATURE_DEVIATION], dim=1)
            for x, features in zip(axes[1:], maps.features[1:], strict=True)
        ]
        modulation = [
            (
                blend([style.modulation[k][0] for style in styles], share),
                blend([style.modulation[k][1] for style in styles], share),
            )
            for k, share in enumerate(shares)
        ]
        strokes = zero_local_mean(cast(Tensor, self.decoder(inputs, modulation)).to(ground.base))
        return ground.base + limit_strokes(strokes, ground.base, ground.detail_variance)

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

        code: `(B, code_size)`; with masks `(B, K, code_size)`, region k has code k.
        masks: `(B, K, H, W)` with a sum of 1 everywhere.
        strength: 0 keeps the photo's statistics, 1 replaces them by the painting's.
        origin: the row and the column of the periodic grain at the first pixel.
        alpha: weights of pixels in the photo's statistics, `(B, 1, H, W)`, not all 0.

        Raises UsageError for a picture smaller than 24x24, and for inputs whose shapes do not fit together.
        """
        check_inputs(image, code, masks, self.code_size)
        photo = add_margin(image, MULTIPLE)
        weights, regions = (None if x is None else add_margin(x, MULTIPLE) for x in (alpha, masks))
        styles = [self.decode_style(x) for x in ([code] if masks is None else code.unbind(1))]
        affine = colour_maps(normal_of(photo, weights), styles, strength)
        histograms = [histogram_of(luma(apply_affine(photo, colour_map)), weights) for colour_map in affine]
        recolour = recolourings(affine, histograms, styles, strength)
        ground = ground_of(photo, recolour, styles, regions, origin=origin, strength=strength)
        maps = self.feature_maps(ground.picture)
        normals = [normal_of(x, pool_to(weights, x)) for x in maps.axes]
        result = self.paint(ground, maps, transport_maps(normals, styles, strength), styles, regions)
        height, width = image.shape[-2:]
        result = result[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return result if self.training else result.clamp(0, 1)
