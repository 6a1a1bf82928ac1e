"""The settings of `apply`."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.settings.base import Settings, option
from impasto.settings.synthesis import DEVICES, MATCHING, SPACES


@dataclass(frozen=True, kw_only=True)
class ApplySettings(Settings):
    """Settings of `apply`."""

    style: str | None = option(
        None, "the style, or several with their shares: starry=0.7,wave=0.3; or paintings, for an any-style network"
    )
    network: str | None = option(
        None, "a network of the package by its name, or a file; by default the one in the package that knows the style"
    )
    size: int = option(0, "longer side of the result in pixels; 0 keeps the photo's own", minimum=0)
    strength: float = option(1.0, "from 0, the photo, to 1, all that the network does", minimum=0, maximum=1)
    region: tuple[str, ...] = option(
        (), "MASK:STYLE[:STRENGTH]: what the mask shows has that style; may be repeated; --style is for the rest"
    )
    keep_color: str = option("no", "keep the photo's colours, in this space", choices=("no", *SPACES))
    match_colors: str = option("no", "give the result the photo's colours", choices=("no", *MATCHING))
    style_size: int = option(512, "longer side at which an any-style network sees a painting", minimum=32, maximum=4096)
    seed: int = option(0, "seed of the noise that a texture network paints from", minimum=0, maximum=2**63 - 1)
    device: str = option("auto", "where to compute", choices=DEVICES)
    memory: str | None = option(None, "what may be taken, such as 4GB, instead of most of what is free")
    tile: int | None = option(
        None, "side of tiles that take their statistics from a thumbnail; 0 for none, instead of what fits", minimum=0
    )
    thumbnail: int = option(
        1024, "longer side of the small picture from which tiles take their statistics", minimum=64, maximum=8192
    )
