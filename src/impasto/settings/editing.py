"""Settings of the tasks that compute their result at once, without optimisation: `apply`, `blend` and `compare`."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.settings.base import Settings, option
from impasto.settings.synthesis import DEVICES, MATCHING, NETWORKS, SPACES

GRADIENTS = ("importing", "mixed")
"""Names of a table in `impasto.image`, which imports torch; a test compares both."""


@dataclass(frozen=True, kw_only=True)
class ApplySettings(Settings):
    """Settings of `apply`."""

    style: str | None = option(
        None, "name of the style, or several with shares: starry=0.7,wave=0.3; paintings for an any-style network"
    )
    network: str | None = option(
        None, "name of a network of the package, or a file; by default the network of the package that has the style"
    )
    size: int = option(0, "longer side of the result in pixels; 0 keeps the photo's", minimum=0)
    strength: float = option(1.0, "from 0, the photo, to 1, the result of the network", minimum=0, maximum=1)
    region: tuple[str, ...] = option(
        (), "MASK:STYLE[:STRENGTH]: a region of the photo with a style of its own; --style is for the rest; repeatable"
    )
    keep_color: str = option(
        "no", "keep the photo's colours and change only the luminance, in this colour space", choices=("no", *SPACES)
    )
    match_colors: str = option(
        "no", "match the result's colours to the photo's, by this method", choices=("no", *MATCHING)
    )
    style_size: int = option(
        512, "longer side of the paintings for an any-style network, in pixels", minimum=32, maximum=4096
    )
    seed: int = option(0, "seed of the noise of a texture network", minimum=0, maximum=2**63 - 1)
    device: str = option("auto", "device to compute on", choices=DEVICES)
    memory: str | None = option(
        None, "memory that the process may take, such as 4GB; by default most of the free memory"
    )
    tile: int | None = option(
        None,
        "side of the tiles in pixels, with statistics from a thumbnail; 0 for no tiles; by default as large as memory "
        "allows",
        minimum=0,
    )
    thumbnail: int = option(
        1024, "longer side of the thumbnail that tiles take their statistics from, in pixels", minimum=64, maximum=8192
    )


@dataclass(frozen=True, kw_only=True)
class BlendSettings(Settings):
    """Settings of `blend`."""

    mask: str | None = option(
        None, "the part of SOURCE to copy: a grey picture or MAP#rrggbb, inverted after ~; by default SOURCE's alpha"
    )
    at: str = option("0,0", "position of SOURCE's upper left corner on TARGET, X,Y in pixels")
    gradients: str = option(
        "importing", "gradients to keep: those of SOURCE, or the stronger of both pictures", choices=GRADIENTS
    )


@dataclass(frozen=True, kw_only=True)
class CompareSettings(Settings):
    """Settings of `compare`."""

    network: str = option("lite", "network whose features are compared", choices=NETWORKS)
    weights: str | None = option(None, "file with the network's weights (.pth or .safetensors)")
    layers: str | None = option(None, "layers whose features are compared, such as relu1_1,relu4_2 or conv_1-5")
    gain: float = option(1.0, "contrast of the picture of the difference", minimum=0.01, maximum=1000)
