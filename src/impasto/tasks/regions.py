"""Which part of the result is painted after which painting, or mixture of paintings.

A run has one or more areas. Each has a mask over the photo and the manners it is painted in: a painting, perhaps only a
part of it, with a share. Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import UsageError
from impasto.image import (
    Source,
    check_shape,
    colors_of,
    in_range,
    load,
    load_mask,
    pieces,
    resize,
    resize_visible,
    rotate,
    same_color,
)
from impasto.tasks.inputs import Opener
from impasto.tasks.layers import parse_weight

if TYPE_CHECKING:
    from impasto.settings.synthesis import StylizeSettings

Size = tuple[int, int]

Style = Source | Sequence[tuple[Source, float]]
"""A painting, or several with their shares."""


LEAST = 0.005
"""A part of the photo smaller than this share is nobody's: the soft edges of masks that meet."""


@dataclass(frozen=True)
class Region:
    """What a person asks for: what `mask` shows of the photo is painted after `style`, or after what `style_mask` shows
    of it.

    Masks are pictures, white inside, or names as `load_mask` understands them. `weight` is relative to 1.
    """

    mask: Source
    style: Source
    style_mask: Source | None = None
    weight: float = 1.0


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


def parse_region(text: str) -> Region:
    """`MASK:PAINTING[:MASK][:WEIGHT]` as a Region; `sample:NAME` may stand for a file."""
    parts = pieces(text)
    weight = 1.0
    if len(parts) > 2 and parts[-1].replace(".", "", 1).isdigit():
        weight = float(parts.pop())
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"a region is MASK:PAINTING[:MASK][:WEIGHT], not '{text}'")
    return Region(parts[0], parts[1], parts[2] if len(parts) == 3 else None, weight)


def parse_mix(texts: Sequence[str]) -> list[tuple[str, float]]:
    """`FILE=SHARE` texts as pairs; the shares leave something for the first painting."""
    pairs = []
    for text in texts:
        name, sign, share = text.rpartition("=")
        if not sign:
            raise UsageError(f"another painting needs its share: write {text}=0.5")
        pairs.append((name, parse_weight(text, share or "none", f"{name}=0.5")))
    total = sum(share for _, share in pairs)
    if total > 1:
        raise UsageError(f"the shares of the mixed paintings add up to {total:g}; at most 1")
    return pairs


def mixture(style: Style, mix: Sequence[str]) -> list[tuple[Source, float]]:
    """Paintings with shares that add up to 1: `style` keeps what `mix` leaves."""
    if isinstance(style, Sequence) and not isinstance(style, str):
        total = sum(share for _, share in style)
        if mix or not total > 0 or any(share < 0 for _, share in style):
            raise UsageError("several paintings need shares of at least 0, not all 0, and no `mix` beside them")
        return [(source, share / total) for source, share in style if share]
    others = parse_mix(mix)
    rest = 1 - sum(share for _, share in others)
    return [(source, share) for source, share in [(style, rest), *others] if share > 1e-9]


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


def visible(areas: Sequence[Area], alpha: Tensor | None) -> list[Area]:
    """The areas of a photo, each without what is transparent of the photo: `alpha`, or None if nothing is.

    An area of which nothing is left is left out.
    """
    if alpha is None:
        return list(areas)
    seen = [replace(area, mask=_seen(area.mask, alpha)) for area in areas]
    return [area for area in seen if area.extent > 0]


def _seen(mask: Tensor | None, alpha: Tensor | None) -> Tensor | None:
    """What `mask` (None: everything) shows of a picture with this `alpha` (None: opaque)."""
    if mask is None or alpha is None:
        return alpha if mask is None else mask
    return at(mask, (alpha.shape[-2], alpha.shape[-1])) * alpha


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


def _size(pixels: Tensor) -> Size:
    return pixels.shape[-2], pixels.shape[-1]


def segments(maps: str, style: Source) -> list[Region]:
    """One region for each colour that both maps of `MAP:MAP`, the photo's and the painting's, have.

    Colours within the tolerance of masks are equal: JPEG does not keep them exact. What is nowhere 3 pixels wide does
    not count beside what is: JPEG makes further colours along the edges of parts.
    """
    files = pieces(maps)
    if len(files) != 2 or not all(files):
        raise UsageError(f"a segmentation is MAP:MAP, the photo's and the painting's, not '{maps}'")
    ours, theirs = (colors_of(file) for file in files)
    pairs = [(color, match) for color in ours if (match := same_color(color, theirs))]
    if not pairs:
        both = f"{', '.join(ours)} and {', '.join(theirs)}"
        raise UsageError(f"the maps '{files[0]}' and '{files[1]}' have no colour in common: {both}")
    found = [Region(f"{files[0]}{color}", style, f"{files[1]}{match}") for color, match in pairs]
    return [r for r in found if all(map(_is_wide, (r.mask, r.style_mask)))] or found


def _is_wide(mask: Source | None) -> bool:
    """Whether what a mask shows is 3 pixels wide anywhere."""
    return mask is None or float((1 - F.max_pool2d(1 - load_mask(mask), 3, 1, padding=1)).max()) > 0.5


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


def parse_rotations(text: str | None) -> list[float]:
    """Degrees from text such as `90,180,270`."""
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise UsageError(f"rotations are degrees, such as 90,180,270, not '{text}'") from None


def at(pixels: Tensor, size: Size, alpha: Tensor | None = None) -> Tensor:
    """A picture or mask at another size, in [0, 1]; a picture's colours in proportion to its `alpha`, if given."""
    if alpha is not None:
        return resize_visible(pixels, alpha, size).clamp(0, 1)
    found = resize(pixels, size)
    # Where the size is the same, so is the tensor.
    return found.clamp_(0, 1) if found is not pixels else in_range(found)
