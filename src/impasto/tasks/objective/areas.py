"""Areas: each part of a photo, with the paintings, or parts of paintings, that it is painted after.

A run has one or more areas. Each has a mask over the photo and the manners it is painted in: a painting, perhaps only a
part of it, with a share. Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import (
    Opener,
    Source,
    check_shape,
    in_range,
    load,
    load_mask,
    resize,
    resize_visible,
    rotate,
)
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.objective.regions import Region, Style, mixture, parse_region, segments

Size = tuple[int, int]

LEAST = 0.005
"""A part of the photo smaller than this share is nobody's: the soft edges of masks that meet."""


@dataclass(frozen=True, eq=False)
class Manner:
    """A painting `(1, 3, H, W)`, the part of it that counts, its share in a mixture, and its alpha.

    `mask`, of any size, and `alpha`, of the painting's, are `(1, 1, H, W)` or None. What is transparent is no part of
    the mask.
    """

    pixels: Tensor
    mask: Tensor | None = None
    share: float = 1.0
    alpha: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Area:
    """A part of the photo, `mask` `(1, 1, H, W)` or None for all of it, the manners of it and its weight."""

    name: str
    manners: tuple[Manner, ...]
    mask: Tensor | None = None
    weight: float = 1.0

    @property
    def extent(self) -> float:
        """Its share of the photo."""
        return 1.0 if self.mask is None else float(self.mask.mean())


def manners(
    paintings: Sequence[tuple[Source, float]], mask: Tensor | None = None, read: Opener = load
) -> tuple[Manner, ...]:
    """The manners of a mixture; what is transparent of a painting does not count."""
    found = []
    for source, share in paintings:
        picture = read(source)
        picture.check_visible()
        found.append(Manner(picture.pixels, _seen(mask, picture.alpha), share, picture.alpha))
    return tuple(found)


def areas(everywhere: tuple[Manner, ...], regions: Sequence[Region], photo: Size, read: Opener = load) -> list[Area]:
    """The areas of a photo of size `photo` with these regions; what none of them covers is painted `everywhere`'s
    way. `read` opens their paintings."""
    if not regions:
        return [Area("picture", everywhere)]
    found: list[Area] = []
    for region in regions:
        name = region.mask if isinstance(region.mask, str) else f"region {len(found) + 1}"
        mask = load_mask(region.mask)
        if float(mask.max()) <= 0:
            raise UsageError(f"the mask '{name}' shows nothing: it is black everywhere, or transparent")
        check_shape(_size(mask), photo, f"the mask '{name}'", "photo")
        part = None if region.style_mask is None else load_mask(region.style_mask)
        painted = manners([(region.style, 1.0)], part, read)
        if part is not None:
            own = _size(painted[0].pixels)
            check_shape(_size(part), own, f"the mask of the painting in '{name}'", "painting")
        found.append(Area(name, painted, mask, region.weight))
    size = max((_size(area.mask) for area in found if area.mask is not None), key=lambda s: s[0] * s[1])
    masks = [at(area.mask, size) for area in found if area.mask is not None]
    rest = (1 - torch.stack(masks).sum(0)).clamp(0, 1)
    if float(rest.mean()) > LEAST:
        found.append(Area("the rest", everywhere, rest))
    return found


def canvas_of(
    style: Style, settings: StylizeSettings, regions: Sequence[Region], photo: Size, read: Opener = load
) -> list[Area]:
    """The areas of a photo of size `photo` by these settings, with `regions` besides theirs; the last one is painted
    after `style`, unless regions cover everything. `read` opens paintings."""
    paintings = mixture(style, settings.mix)
    wanted = [*regions, *(parse_region(text) for text in settings.region)]
    if settings.segmentation:
        wanted += segments(settings.segmentation, paintings[0][0])
    return areas(manners(paintings, read=read), wanted, photo, read)


def visible(areas: Sequence[Area], alpha: Tensor | None) -> list[Area]:
    """The areas of a photo, each without what is transparent of the photo: `alpha`, or None if nothing is.

    An area of which nothing is left is left out.
    """
    if alpha is None:
        return list(areas)
    seen = [replace(area, mask=_seen(area.mask, alpha)) for area in areas]
    return [area for area in seen if area.extent > 0]


def turned(area: Area, degrees: Sequence[float]) -> Area:
    """The area with every manner also seen turned by `degrees`, all alike in share."""
    found = []
    for manner in area.manners:
        share = manner.share / (1 + len(degrees))
        found.append(replace(manner, share=share))
        for angle in degrees:
            pixels, mask = rotate(manner.pixels, angle, manner.mask, manner.alpha)
            found.append(Manner(pixels, mask, share))
    return replace(area, manners=tuple(found))


def at(pixels: Tensor, size: Size, alpha: Tensor | None = None) -> Tensor:
    """A picture or mask at another size, in [0, 1]; a picture's colours in proportion to its `alpha`, if given."""
    if alpha is not None:
        return resize_visible(pixels, alpha, size).clamp(0, 1)
    found = resize(pixels, size)
    # Where the size is the same, so is the tensor.
    return found.clamp_(0, 1) if found is not pixels else in_range(found)


def _seen(mask: Tensor | None, alpha: Tensor | None) -> Tensor | None:
    """What `mask` (None: everything) shows of a picture with this `alpha` (None: opaque)."""
    if mask is None or alpha is None:
        return alpha if mask is None else mask
    return at(mask, (alpha.shape[-2], alpha.shape[-1])) * alpha


def _size(pixels: Tensor) -> Size:
    return pixels.shape[-2], pixels.shape[-1]
