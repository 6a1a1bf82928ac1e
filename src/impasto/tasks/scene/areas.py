"""Areas: parts of the content image, each with the style images that it is painted after.

A run has one area or more. An area has a mask over the content image and its style images: each is a painting, or a
part of one, with a share. Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer".
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
"""A rest of the content image below this share belongs to no area: it is the soft edges of masks that meet."""


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
    """Read the style images of a mixture, given with their shares; `mask` is the part of each that counts."""
    found = []
    for source, share in sources:
        picture = read(source)
        picture.check_visible()
        found.append(StyleImage(picture.pixels, _visible_part(mask, picture.alpha), share, picture.alpha))
    return tuple(found)


def areas_of_regions(
    everywhere: tuple[StyleImage, ...], regions: Sequence[Region], content: Size, read: Opener = load
) -> list[Area]:
    """Return the areas of a content image of size `content` with these regions.

    What no region covers is painted after the style images `everywhere`. `read` opens the regions' style images.
    """
    if not regions:
        return [Area("picture", everywhere)]
    found: list[Area] = []
    for region in regions:
        name = region.mask if isinstance(region.mask, str) else f"region {len(found) + 1}"
        mask = load_mask(region.mask)
        if float(mask.max()) <= 0:
            raise UsageError(f"the mask '{name}' shows nothing: it is black everywhere, or transparent")
        check_shape(size_of(mask), content, f"the mask '{name}'", "photo")
        part = None if region.style_mask is None else load_mask(region.style_mask)
        painted = read_style_images([(region.style, 1.0)], part, read)
        if part is not None:
            own = size_of(painted[0].pixels)
            check_shape(size_of(part), own, f"the mask of the painting in '{name}'", "painting")
        found.append(Area(name, painted, mask, region.weight))
    size = max((size_of(area.mask) for area in found if area.mask is not None), key=lambda s: s[0] * s[1])
    masks = [resize_clamped(area.mask, size) for area in found if area.mask is not None]
    rest = (1 - torch.stack(masks).sum(0)).clamp(0, 1)
    if float(rest.mean()) > LEAST:
        found.append(Area("the rest", everywhere, rest))
    return found


def read_areas(
    style: StyleSource, settings: StylizeSettings, regions: Sequence[Region], content: Size, read: Opener = load
) -> list[Area]:
    """Return the areas of a content image of size `content`: those of the settings' regions and of `regions`.

    The last area is painted after `style`, unless regions cover everything. `read` opens style images.
    """
    sources = style_shares(style, settings.mix)
    wanted = [*regions, *(parse_region(text) for text in settings.region)]
    if settings.segmentation:
        wanted += segmentation_regions(settings.segmentation, sources[0][0])
    return areas_of_regions(read_style_images(sources, read=read), wanted, content, read)


def visible_areas(areas: Sequence[Area], alpha: Tensor | None) -> list[Area]:
    """Return the areas without the transparent pixels of a content image with this `alpha` (None: opaque).

    An area without any visible pixel is left out.
    """
    if alpha is None:
        return list(areas)
    masked = [replace(area, mask=_visible_part(area.mask, alpha)) for area in areas]
    return [area for area in masked if area.extent > 0]


def resize_clamped(pixels: Tensor, size: Size, alpha: Tensor | None = None) -> Tensor:
    """Resize a picture or mask, in [0, 1]; colours count in proportion to `alpha`, if given."""
    if alpha is not None:
        return resize_visible(pixels, alpha, size).clamp(0, 1)
    found = resize(pixels, size)
    # Where the size is the same, so is the tensor.
    return found.clamp_(0, 1) if found is not pixels else in_range(found)


def style_image_size(image: StyleImage, size: Size, scale: float) -> Size:
    """Return (height, width) of a style image beside a result of `size`: its longer side is `scale` times theirs."""
    height, width = image.pixels.shape[-2:]
    factor = scale * max(size) / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def areas_at_size(areas: Sequence[Area], size: Size, settings: PaintingSettings, device: torch.device) -> list[Area]:
    """Return the areas for a result of `size`; areas with the same style image share one tensor."""
    scaled: dict[int, Tensor] = {}
    return [area_at_size(area, size, settings, device, scaled) for area in areas]


def area_at_size(
    area: Area,
    size: Size,
    settings: PaintingSettings,
    device: torch.device,
    scaled: dict[int, Tensor] | None = None,
) -> Area:
    """Return the area for a result of `size`: its mask, and its style images, scaled and turned as the settings say.

    `scaled` caches scaled style images by the `id` of their pixels.
    """
    found, scaled = [], {} if scaled is None else scaled
    for image in area.style_images:
        own = style_image_size(image, size, settings.style_scale)
        mask = None if image.mask is None else resize_clamped(image.mask, own).to(device)
        alpha = None if image.alpha is None else resize_clamped(image.alpha, own).to(device)
        if id(image.pixels) not in scaled:
            scaled[id(image.pixels)] = resize_clamped(image.pixels, own, image.alpha).to(device)
        found.append(replace(image, pixels=scaled[id(image.pixels)], mask=mask, alpha=alpha))
    mask = None if area.mask is None else resize_clamped(area.mask, size).to(device)
    return with_rotations(replace(area, style_images=tuple(found), mask=mask), parse_rotations(settings.rotations))


def with_rotations(area: Area, degrees: Sequence[float]) -> Area:
    """Return the area with copies of every style image turned by `degrees`; all copies have the same share."""
    found = []
    for image in area.style_images:
        share = image.share / (1 + len(degrees))
        found.append(replace(image, share=share))
        for angle in degrees:
            pixels, mask = rotate(image.pixels, angle, image.mask, image.alpha)
            found.append(StyleImage(pixels, mask, share))
    return replace(area, style_images=tuple(found))


def _visible_part(mask: Tensor | None, alpha: Tensor | None) -> Tensor | None:
    """Return `mask` (None: everything) times `alpha` (None: opaque)."""
    if mask is None or alpha is None:
        return alpha if mask is None else mask
    return resize_clamped(mask, size_of(alpha)) * alpha
