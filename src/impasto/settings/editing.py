"""The settings of the tasks that make their picture at once, in no steps: `blend` and `compare`."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.settings.base import Settings, option
from impasto.settings.synthesis import NETWORKS

GRADIENTS = ("importing", "mixed")  # of impasto.image, which imports torch; a test holds them equal


@dataclass(frozen=True, kw_only=True)
class BlendSettings(Settings):
    """Settings of `blend`."""

    mask: str | None = option(
        None, "what to take of SOURCE: a grey picture, MAP#rrggbb, or ~ and either; its own alpha by default"
    )
    at: str = option("0,0", "where on TARGET the upper left corner of SOURCE lies, X,Y in pixels")
    gradients: str = option("importing", "which gradients to keep: SOURCE's, or the stronger ones", choices=GRADIENTS)


@dataclass(frozen=True, kw_only=True)
class CompareSettings(Settings):
    """Settings of `compare`."""

    network: str = option("lite", "the network that looks", choices=NETWORKS)
    weights: str | None = option(None, "a file with the network's weights (.pth or .safetensors)")
    layers: str | None = option(None, "the layers to compare at, such as relu1_1,relu4_2 or conv_1-5")
    gain: float = option(1.0, "contrast of the picture of the difference", minimum=0.01, maximum=1000)
