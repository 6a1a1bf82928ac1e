"""Regions, shares and rotations, parsed from text; `areas.py` reads the masks and style images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F

from impasto.errors import UsageError
from impasto.image import Source, colors_of, load_mask, pieces, same_color
from impasto.settings.base import parse_weight

StyleSource = Source | Sequence[tuple[Source, float]]
"""A style image, or several with their shares."""


@dataclass(frozen=True)
class Region:
    """A part of the content image, `mask`, in the style of a part of a style image: `style` within `style_mask`.

    Masks are pictures, white inside, or texts of `load_mask`. Without a `style_mask` the whole style image counts.
    `weight` multiplies the region's style loss; for `apply` it is the strength.

    >>> import impasto
    >>> impasto.Region("sky.png", "sample:flow", weight=0.5).style_mask is None
    True
    """

    mask: Source
    style: Source
    style_mask: Source | None = None
    weight: float = 1.0


def parse_region(text: str) -> Region:
    """Return the region of a text `MASK:PAINTING[:MASK][:WEIGHT]`; files may be `sample:NAME`.

    Raises UsageError for any other text.

    >>> parse_region("sky.png:sample:flow:0.5")
    Region(mask='sky.png', style='sample:flow', style_mask=None, weight=0.5)
    """
    parts = pieces(text)
    weight = 1.0
    if len(parts) > 2 and parts[-1].replace(".", "", 1).isdigit():
        weight = float(parts.pop())
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"a region is MASK:PAINTING[:MASK][:WEIGHT], not '{text}'")
    return Region(parts[0], parts[1], parts[2] if len(parts) == 3 else None, weight)


def parse_mix(texts: Sequence[str]) -> list[tuple[str, float]]:
    """Return the files and shares of texts `FILE=SHARE`; the first style image of a run has the rest.

    Raises UsageError for a text without a share, and for shares with a sum above 1.

    >>> parse_mix(["sea.jpg=0.3"])
    [('sea.jpg', 0.3)]
    """
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


def style_shares(style: StyleSource, mix: Sequence[str]) -> list[tuple[Source, float]]:
    """Return style images with shares that add up to 1: those of `mix`, and `style` with the rest.

    Raises UsageError for shares below 0, and for pairs in `style` together with `mix`.

    >>> style_shares("flow.jpg", ["sea.jpg=0.25"])
    [('flow.jpg', 0.75), ('sea.jpg', 0.25)]
    """
    if isinstance(style, Sequence) and not isinstance(style, str):
        total = sum(share for _, share in style)
        if mix or not total > 0 or any(share < 0 for _, share in style):
            raise UsageError("several paintings need shares of at least 0, not all 0, and no `mix`")
        return [(source, share / total) for source, share in style if share]
    others = parse_mix(mix)
    rest = 1 - sum(share for _, share in others)
    return [(source, share) for source, share in [(style, rest), *others] if share > 1e-9]


def segmentation_regions(maps: str, style: Source) -> list[Region]:
    """Return a region for each colour that the content's map and the style image's map, `MAP:MAP`, have in common.

    Colours within the tolerance of masks are equal, because JPEG changes colours a little. JPEG also adds colours along
    edges, so regions that are nowhere 3 pixels wide are left out, unless all regions are so narrow. Raises UsageError
    for any other text, and for maps without a common colour.
    """
    files = pieces(maps)
    if len(files) != 2 or not all(files):
        raise UsageError(f"a segmentation is MAP:MAP, the photo's and the painting's, not '{maps}'")
    ours, theirs = (colors_of(file) for file in files)
    pairs = [(color, match) for color in ours if (match := same_color(color, theirs))]
    if not pairs:
        both = f"{', '.join(ours)} and {', '.join(theirs)}"
        raise UsageError(f"the maps '{files[0]}' and '{files[1]}' have no colour in common: {both}")
    regions = [Region(f"{files[0]}{color}", style, f"{files[1]}{match}") for color, match in pairs]
    return [r for r in regions if all(map(_is_wide, (r.mask, r.style_mask)))] or regions


def _is_wide(mask: Source | None) -> bool:
    """Return whether the mask is 3 pixels wide anywhere; True without a mask."""
    return mask is None or float((1 - F.max_pool2d(1 - load_mask(mask), 3, 1, padding=1)).max()) > 0.5


def parse_rotations(text: str | None) -> list[float]:
    """Return the degrees of a text such as `90,180,270`; an empty list for None. Raises UsageError for any other text.

    >>> parse_rotations("90,180")
    [90.0, 180.0]
    """
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise UsageError(f"rotations are degrees, such as 90,180,270, not '{text}'") from None
