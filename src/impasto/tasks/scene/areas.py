"""Areas: parts of the content image, each with the style images that it is painted after.

A run has one area or more. An area has a mask over the content image and style images. A style image is a painting, or
a part of one, with a share. Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import (
    Opener,
    Size,
    Source,
    check_shape,
    in_range,
    load,
    load_mask,
    resize,
    resize_visible,
    rotate,
    size_of,
)
from impasto.settings.synthesis import PaintingSettings, StylizeSettings
from impasto.tasks.scene.regions import (
    Region,
    StyleSource,
    parse_region,
    parse_rotations,
    segmentation_regions,
    style_shares,
)

LEAST = 0.005
"""Least share of the content image for an area of the rest: a smaller rest is between the soft edges of masks."""


@dataclass(frozen=True, eq=False)
class StyleImage:
    """A style image `(1, 3, H, W)`, the mask of the part that counts, its share in a mixture, and its alpha.

    `mask`, of any size, and `alpha`, of the size of the pixels, are `(1, 1, H, W)` or None. The mask leaves out
    transparent pixels.
    """

    pixels: Tensor
    mask: Tensor | None = None
    share: float = 1.0
    alpha: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Area:
    """A part of the content image: its `mask` `(1, 1, H, W)`, or None for all of it, its style images, its weight."""

    name: str
    style_images: tuple[StyleImage, ...]
    mask: Tensor | None = None
    weight: float = 1.0

    @property
    def extent(self) -> float:
        """The share of the content image that the area covers."""
        return 1.0 if self.mask is None else float(self.mask.mean())


def read_style_images(
    sources: Sequence[tuple[Source, float]], mask: Tensor | None = None, read: Opener = load
) -> tuple[StyleImage, ...]:
    """Return the style images of pairs of a source and a share; `mask` is the part of each image that counts.

    Raises UsageError for a source that cannot be read, and for an image without a visible pixel.
    """
    images = []
    for source, share in sources:
        picture = read(source)
        picture.check_visible()
        images.append(StyleImage(picture.pixels, _visible_part(mask, picture.alpha), share, picture.alpha))
    return tuple(images)


def areas_of_regions(
    everywhere: tuple[StyleImage, ...], regions: Sequence[Region], content: Size, read: Opener = load
) -> list[Area]:
    """Return the areas of a content image of size `content`: an area for each region, and the rest.

    The rest has the style images `everywhere`. `read` opens the style images of regions. Raises UsageError for an empty
    mask, and for a mask of other proportions than its image.
    """
    if not regions:
        return [Area("picture", everywhere)]
    areas: list[Area] = []
    for region in regions:
        name = region.mask if isinstance(region.mask, str) else f"region {len(areas) + 1}"
        mask = load_mask(region.mask)
        if float(mask.max()) <= 0:
            raise UsageError(f"the mask '{name}' shows nothing: it is black everywhere, or transparent")
        check_shape(size_of(mask), content, f"the mask '{name}'", "photo")
        part = None if region.style_mask is None else load_mask(region.style_mask)
        images = read_style_images([(region.style, 1.0)], part, read)
        if part is not None:
            own = size_of(images[0].pixels)
            check_shape(size_of(part), own, f"the mask of the painting in '{name}'", "painting")
        areas.append(Area(name, images, mask, region.weight))
    size = max((size_of(area.mask) for area in areas if area.mask is not None), key=lambda s: s[0] * s[1])
    masks = [resize_clamped(area.mask, size) for area in areas if area.mask is not None]
    rest = (1 - torch.stack(masks).sum(0)).clamp(0, 1)
    if float(rest.mean()) > LEAST:
        areas.append(Area("the rest", everywhere, rest))
    return areas


def read_areas(
    style: StyleSource, settings: StylizeSettings, regions: Sequence[Region], content: Size, read: Opener = load
) -> list[Area]:
    """Return the areas of a content image of size `content`, for `regions` and the regions of the settings.

    The last area is the rest, in the style of `style`, unless regions cover everything. `read` opens style images.
    Raises UsageError as `areas_of_regions` does, and for regions and segmentations that cannot be parsed.
    """
    sources = style_shares(style, settings.mix)
    every = [*regions, *(parse_region(text) for text in settings.region)]
    if settings.segmentation:
        every += segmentation_regions(settings.segmentation, sources[0][0])
    return areas_of_regions(read_style_images(sources, read=read), every, content, read)


def visible_areas(areas: Sequence[Area], alpha: Tensor | None) -> list[Area]:
    """Return the areas without the transparent pixels of a content image with this `alpha` (None: opaque).

    An area without any visible pixel is left out.
    """
    if alpha is None:
        return list(areas)
    masked = [replace(area, mask=_visible_part(area.mask, alpha)) for area in areas]
    return [area for area in masked if area.extent > 0]


def resize_clamped(pixels: Tensor, size: Size, alpha: Tensor | None = None) -> Tensor:
    """Return a picture or mask at another size, in [0, 1]; colours count in proportion to `alpha`, if it is given."""
    if alpha is not None:
        return resize_visible(pixels, alpha, size).clamp(0, 1)
    result = resize(pixels, size)
    # For an equal size the result is the same tensor, which must not change.
    return result.clamp_(0, 1) if result is not pixels else in_range(result)


def style_image_size(image: StyleImage, size: Size, scale: float) -> Size:
    """Return the (height, width) of a style image for a result of `size`, `scale` times as long on the longer side."""
    height, width = image.pixels.shape[-2:]
    factor = scale * max(size) / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def areas_at_size(areas: Sequence[Area], size: Size, settings: PaintingSettings, device: torch.device) -> list[Area]:
    """Return the areas for a result of `size`; areas with the same style image share one tensor."""
    cache: dict[int, Tensor] = {}
    return [area_at_size(area, size, settings, device, cache) for area in areas]


def area_at_size(
    area: Area,
    size: Size,
    settings: PaintingSettings,
    device: torch.device,
    cache: dict[int, Tensor] | None = None,
) -> Area:
    """Return the area for a result of `size`: its mask, and its style images, scaled and rotated by the settings.

    `cache` holds scaled style images by the `id` of their pixels.
    """
    images, cache = [], {} if cache is None else cache
    for image in area.style_images:
        own = style_image_size(image, size, settings.style_scale)
        mask = None if image.mask is None else resize_clamped(image.mask, own).to(device)
        alpha = None if image.alpha is None else resize_clamped(image.alpha, own).to(device)
        if id(image.pixels) not in cache:
            cache[id(image.pixels)] = resize_clamped(image.pixels, own, image.alpha).to(device)
        images.append(replace(image, pixels=cache[id(image.pixels)], mask=mask, alpha=alpha))
    mask = None if area.mask is None else resize_clamped(area.mask, size).to(device)
    return with_rotations(replace(area, style_images=tuple(images), mask=mask), parse_rotations(settings.rotations))


def with_rotations(area: Area, degrees: Sequence[float]) -> Area:
    """Return the area with copies of every style image, rotated by `degrees`; all copies have equal shares."""
    images = []
    for image in area.style_images:
        share = image.share / (1 + len(degrees))
        images.append(replace(image, share=share))
        for angle in degrees:
            pixels, mask = rotate(image.pixels, angle, image.mask, image.alpha)
            images.append(StyleImage(pixels, mask, share))
    return replace(area, style_images=tuple(images))


def _visible_part(mask: Tensor | None, alpha: Tensor | None) -> Tensor | None:
    """Return `mask` (None: everything) times `alpha` (None: opaque)."""
    if mask is None or alpha is None:
        return alpha if mask is None else mask
    return resize_clamped(mask, size_of(alpha)) * alpha
