"""The settings of every task, with no import of torch, so that what derives from them (flags, `--help`) is quick."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.tasks.settings import Settings, option

# The names of tables whose modules import torch; a test holds them equal.
NETWORKS = ("lite", "vgg16", "vgg19", "resnet50")
OPTIMIZERS = ("lbfgs", "adam")

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Quality:
    """A schedule: so many sizes, each half the next, with `steps` at the full one and `coarse` at each smaller one."""

    scales: int
    coarse: int
    steps: int


QUALITIES = {"draft": Quality(2, 40, 12), "standard": Quality(2, 70, 50), "fine": Quality(2, 150, 250)}


@dataclass(frozen=True, kw_only=True)
class SynthesisSettings(Settings):
    """Settings of every task that optimises a picture."""

    size: int = option(512, "longer side of the result in pixels; 0 keeps the picture's own", minimum=0)
    quality: str = option("standard", "how long to work", choices=tuple(QUALITIES))
    steps: int | None = option(None, "steps at the full size, instead of the quality's", minimum=0)
    scales: int | None = option(None, "number of sizes, coarse to fine, instead of the quality's", minimum=1, maximum=8)
    seed: int = option(0, "seed of everything random", minimum=0, maximum=2**63 - 1)
    network: str = option("lite", "the network that looks", choices=NETWORKS)
    weights: str | None = option(None, "a file with the network's weights (.pth or .safetensors)")
    pooling: str = option("max", "how the network halves its maps", choices=("max", "average"))
    optimizer: str = option("lbfgs", "how the picture is changed", choices=OPTIMIZERS)
    tv_weight: float = option(0.0, "weight of total variation in light, relative to the models' own", minimum=0)
    tv_chroma_weight: float = option(0.0, "weight of total variation in colour, likewise: against speckle", minimum=0)
    range_weight: float = option(10.0, "weight of the prior that holds pixels in [0, 1]", minimum=0)
    device: str = option("auto", "where to compute", choices=DEVICES)


@dataclass(frozen=True, kw_only=True)
class StylizeSettings(SynthesisSettings):
    """Settings of `stylize`."""

    strength: float = option(0.5, "from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1)
    content_weight: float | None = option(None, "weight of the content, instead of --strength", minimum=0)
    style_weight: float | None = option(None, "weight of the style, instead of --strength", minimum=0)
    content_layers: str | None = option(None, "layers and weights, such as relu4_2 or relu3_2=0.5,relu4_2")
    style_layers: str | None = option(None, "layers and weights, such as relu1_1,relu2_1=0.5 or conv_1-5")
    style_scale: float = option(
        1.0, "size of the strokes: the painting's longer side over the result's", minimum=0.05, maximum=8
    )
    init: str = option(
        "recolored", "where to start: recolored (the photo in the painting's colours), photo, noise, painting or a file"
    )
    tv_weight: float = option(0.1, "weight of total variation in light, relative to the models' own", minimum=0)
    tv_chroma_weight: float = option(0.05, "weight of total variation in colour, likewise: against speckle", minimum=0)


@dataclass(frozen=True, kw_only=True)
class ReconstructSettings(SynthesisSettings):
    """Settings of `reconstruct`."""

    layers: str | None = option(None, "the layers to match, with weights: relu4_2, or conv_4, or relu1_1,relu4_2=0.5")
    init: str = option("noise", "where to start: noise, photo or a file")


@dataclass(frozen=True, kw_only=True)
class TextureSettings(SynthesisSettings):
    """Settings of `texture`."""

    layers: str | None = option(
        None, "the layers to match, with weights: relu1_1,relu2_1=0.5, or a range such as conv_1-5"
    )
    init: str = option("noise", "where to start: noise, painting or a file")
    tv_weight: float = option(0.002, "weight of total variation in light, relative to the model's own", minimum=0)
    tv_chroma_weight: float = option(0.001, "weight of total variation in colour, likewise: against speckle", minimum=0)
