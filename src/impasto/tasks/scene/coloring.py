"""The colours of a run: of its style images, its starting point and its result.

Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", describe two methods to keep the colours of the
content image: luminance-only transfer, and style images with the colours of the content image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from impasto.image import luminance, match_colors, match_luminance, size_of, with_luminance
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.scene.areas import Area, StyleImage, resize_clamped


def recolor_styles(areas: Sequence[Area], content: Tensor, settings: StylizeSettings) -> list[Area]:
    """Return the areas with their style images in the colours, or in the luminance alone, of the settings."""
    return [
        replace(area, style_images=tuple(_recolored(image, area, content, settings) for image in area.style_images))
        for area in areas
    ]


def _recolored(image: StyleImage, area: Area, content: Tensor, settings: StylizeSettings) -> StyleImage:
    pixels = image.pixels
    mask = None if image.mask is None else resize_clamped(image.mask, size_of(pixels))
    if settings.match_colors != "no" and settings.match_when == "before":
        pixels = match_colors(pixels, content, settings.match_colors, mask, _mask_over(area, content))
    if settings.keep_color != "no":
        grey = luminance(pixels, settings.keep_color)
        if settings.match_luminance:
            light = luminance(content, settings.keep_color)
            grey = match_luminance(grey, light, mask, _mask_over(area, content))
        pixels = grey.expand(-1, 3, -1, -1)
    return replace(image, pixels=pixels)


def recolor_content(areas: Sequence[Area], content: Tensor, share: float) -> Tensor:
    """Return the content image with the colours of each area moved towards those of its style images.

    `share` is from 0, the content image, to 1, the colours of the style images (`match_colors`). Several style images
    count in proportion to their shares.
    """
    result = content
    for area in areas:
        colors, weights = _pooled(area.style_images)
        result = match_colors(result, colors, weights=_mask_over(area, content), reference_weights=weights)
    return torch.lerp(content, result, share)


def working_image(image: Tensor, settings: StylizeSettings) -> Tensor:
    """Return the image that the run optimises: its luminance, one channel, where the content's colours are kept."""
    return image if settings.keep_color == "no" else luminance(image, settings.keep_color)


def final_image(image: Tensor, content: Tensor, areas: Sequence[Area], settings: StylizeSettings) -> Tensor:
    """Return an optimised image in its final colours; `content` and the image have the same size."""
    if settings.keep_color != "no":
        image = with_luminance(content, image, settings.keep_color)
    if settings.match_colors != "no" and settings.match_when == "after":
        for area in areas:
            mask = _mask_over(area, content)
            image = match_colors(image, content, settings.match_colors, mask, mask)
    return image


def _pooled(images: Sequence[StyleImage]) -> tuple[Tensor, Tensor]:
    """Return the pixels of all style images in one row, `(1, 3, 1, N)`, and their weights, `(1, 1, 1, N)`."""
    colors, weights = [], []
    for image in images:
        size = size_of(image.pixels)
        mask = torch.ones_like(image.pixels[:, :1]) if image.mask is None else resize_clamped(image.mask, size)
        colors.append(image.pixels.flatten(2)[:, :, None])
        weights.append((image.share * mask / mask.sum().clamp(min=1e-12)).flatten(2)[:, :, None])
    return torch.cat(colors, 3), torch.cat(weights, 3)


def _mask_over(area: Area, image: Tensor) -> Tensor | None:
    """Return the area's mask at the size of the image."""
    return None if area.mask is None else resize_clamped(area.mask, size_of(image))
