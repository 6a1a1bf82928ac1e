"""Settings of the trainings: `train style`, `train any` and `train texture`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from impasto.errors import UsageError
from impasto.settings.base import Settings, option
from impasto.settings.synthesis import DEVICES, NETWORKS, PRECISIONS, USUAL, StylizeSettings

SCHEDULES = ("constant", "cosine", "trapezoid")
"""Names of a table in `tasks/training/loop.py`, which imports torch; a test compares both."""

NORMS = ("instance", "batch")
"""Kinds of normalisation layers."""

ENDS = ("shuffle", "convolution")
"""Kinds of the first and last layers of a transformer (see `TransformerSettings`)."""

STRENGTH = 0.28
"""Default strength of the losses of a network, in place of 0.5.

A network never comes as close to the style as an optimiser does. At 0.5 a network gives up the photo for the style:
after 450 steps its content distance was that of features that are 0. At this strength, without blotches, a network
keeps as much of the photo as an optimiser does at 0.5 (`training/README.md`)."""

MOVED = 0.7
"""Default strength for a network of transport.

Such a network starts from the photo in the painting's colours and keeps more of the photo than an optimiser does."""

PAINTED = 0.15
"""Default strength for a texture network with photos as input; at 0.3 the network lost the photos within 200 steps."""

LATTICE = 2.0
"""Default weight of the lattice loss, for networks without noise as input, which make texture from the photo alone."""

BLOTCHES = 25.0
"""Default weight of the loss against blotches, for networks that paint photos.

Without it a network makes its texture from the same round shape everywhere."""

ANY = "any"
"""The network of the package that `train style` starts from by default."""

NOTHING = "none"
"""The value of `base` for a network with random weights."""

STEPS = 20000
"""Steps of a transformer or of a texture network from random weights."""

ANY_STEPS = 12_500
"""Steps of an any-style network from random weights; see `training/README.md`."""

STYLES_STEPS = 3_200
"""Steps of a network for some paintings from a base network."""

ADDED = 300
"""Steps to add styles to a base network; see `docs/train.md`."""

RECOLOR = 300
"""Steps, the first of a network with random weights, whose loss is that of colours alone."""

OPEN = ("steps", "checkpoint_every", "device", "precision")
"""Settings that may differ between a run and the checkpoint from which the run continues."""

SHARED = (
    *("seed", "network", "weights", "pooling", "style_loss", "style_layers", "content_loss", "content_layers"),
    *("strength", "content_weight", "style_weight", "tv_weight", "tv_chroma_weight", "tv_beta", "range_weight"),
    *("device", "precision"),
)
"""Settings with the same meaning as in `stylize`."""

BLOTCH_HELP = "weight of the loss against large structures that the photo does not have"

REPETITION_HELP = "weight of the loss against texture that repeats at equal distances, more than in photo and painting"


@dataclass(frozen=True, kw_only=True)
class TrainSettings(Settings):
    """Settings of every training: its length, its optimizer, and the perceptual loss."""

    size: int = option(256, "side of the random crops of photos, in pixels", minimum=32)
    batch: int = option(4, "crops in a batch", minimum=1)
    steps: int | None = option(
        None, f"number of steps; a run that continues may have more; by default {STEPS}", minimum=1
    )
    rate: float = option(1e-3, "learning rate of Adam", minimum=1e-7, maximum=1)
    schedule: str = option(
        "trapezoid", "decay of the learning rate; trapezoid is linear over the last fifth", choices=SCHEDULES
    )
    warmup: int = option(50, "steps of linear warm-up of the learning rate", minimum=0)
    clip: float | None = option(None, "largest norm of the gradient; larger gradients are clipped", minimum=1e-9)
    ema: float = option(0.999, "decay of the moving average of the weights", minimum=0, maximum=0.99999)
    seed: int = option(0, "seed of all random numbers", minimum=0, maximum=2**63 - 1)
    network: str = option("lite", "network of the perceptual loss", choices=NETWORKS)
    weights: str | None = option(None, "file with the weights of that network (.pth or .safetensors)")
    pooling: str = option("max", "pooling layers of that network", choices=("max", "average"))
    style_loss: str | Callable[..., Any] = option(
        "gram", "style losses with weights: gram, or gram,histogram=0.5; see `impasto losses`"
    )
    style_layers: str | None = option(None, "style layers and weights, such as relu1_1,relu2_1=0.5 or conv_1-5")
    content_loss: str = option("features", "content losses with weights: features, correlation, self-similarity")
    content_layers: str | None = option(None, "content layers and weights, such as relu4_2 or relu3_2=0.5,relu4_2")
    strength: float = option(STRENGTH, "from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1)
    content_weight: float | None = option(None, "content weight, instead of --strength", minimum=0)
    style_weight: float | None = option(None, "style weight, instead of --strength", minimum=0)
    tv_weight: float = option(
        0.4, "weight of total variation of luminance, relative to photos and paintings", minimum=0
    )
    tv_chroma_weight: float = option(
        0.4, "weight of total variation of colour, likewise; removes coloured speckle", minimum=0
    )
    tv_beta: float = option(2.0, "exponent of total variation; 1 keeps edges", minimum=1, maximum=6)
    lattice_weight: float = option(
        LATTICE,
        "weight of the loss against patterns with the network's period of 4 pixels, relative to photos and paintings",
        minimum=0,
    )
    blotch_weight: float = option(BLOTCHES, BLOTCH_HELP, minimum=0)
    repetition_weight: float = option(0.0, REPETITION_HELP, minimum=0)
    range_weight: float = option(1000.0, "weight of the prior that keeps pixels in [0, 1]", minimum=0)
    style_size: int = option(512, "longer side of the paintings, in pixels", minimum=32)
    checkpoint_every: int = option(200, "steps between checkpoints", minimum=1)
    device: str = option("auto", "device to compute on", choices=DEVICES)
    precision: str = option(
        "auto",
        "number type of the networks; auto is bfloat16 on GPUs that support it, else float32",
        choices=PRECISIONS,
    )

    @property
    def total(self) -> int:
        """The number of steps."""
        return self.steps or STEPS

    def losses(self) -> StylizeSettings:
        """Return the settings of `stylize` with the same losses.

        There are no matched parts. The layers of Gram matrices have equal weights by default.
        """
        layers = self.style_layers or (USUAL if self.style_loss == "gram" else None)
        shared = {name: getattr(self, name) for name in SHARED} | {"style_layers": layers}
        return StylizeSettings(**shared, matching=1, blotch_weight=0.0)


@dataclass(frozen=True, kw_only=True)
class PaintingOptions(TrainSettings):
    """Settings of every training of a network that paints photos in the style of paintings."""

    size: int = option(224, "side of the random crops of photos, in pixels", minimum=32)
    base: str | None = option(None, "base network to start from")
    schedule: str = option(
        "cosine", "decay of the learning rate; trapezoid is linear over the last fifth", choices=SCHEDULES
    )
    clip: float | None = option(
        1.0,
        "largest norm of the gradient; larger gradients are clipped. All gradients exceed the default, so paintings "
        "with strong and with faint strokes have the same influence",
        minimum=1e-9,
    )
    style_loss: str | Callable[..., Any] = option(
        "w2", "style losses with weights: w2, or gram,histogram=0.5; see `impasto losses`"
    )
    content_loss: str = option("correlation", "content losses with weights: features, correlation, self-similarity")
    strength: float = option(MOVED, "from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1)
    tv_chroma_weight: float = option(
        0.8, "weight of total variation of colour, likewise; removes coloured speckle", minimum=0
    )
    blotch_weight: float = option(2.0, BLOTCH_HELP, minimum=0)
    repetition_weight: float = option(1.0, REPETITION_HELP, minimum=0)

    @property
    def recoloring(self) -> int:
        """The number of first steps whose loss is that of colours alone."""
        return 0


@dataclass(frozen=True, kw_only=True)
class TrainStyleSettings(PaintingOptions):
    """Settings of `train style`."""

    steps: int | None = option(
        None,
        f"number of steps; a run that continues may have more; by default {STYLES_STEPS} with a base network, {STEPS} "
        f"without, and {ADDED} to add styles",
        minimum=1,
    )
    base: str | None = option(
        ANY,
        "base network to start from. All weights of an any-style network are trained for the paintings. A network of "
        "styles gets new styles: only their codes are trained, and all weights stay. "
        f"{NOTHING!r}: a new transformer with random weights",
    )
    whole: bool = option(
        False, "with a base of styles: train all weights for the paintings; the network loses its other styles"
    )
    anew: bool = option(
        False, "with a base of styles: train new codes for styles that the base has, in place of the old codes"
    )
    recolor: int | None = option(
        None,
        "first steps, which only learn the colours of the paintings, as `stylize` starts from these; by default "
        f"{RECOLOR} for a new transformer, and 0 with a base network",
        minimum=0,
    )
    width: int = option(48, "channels of the residual blocks of a new transformer", minimum=4)
    blocks: int = option(5, "number of its residual blocks", minimum=0)
    ends: str = option(
        "shuffle", "its first and last layers: pixels rearranged into channels, or strided convolutions", choices=ENDS
    )
    detail: int = option(16, "its channels at half the resolution", minimum=2)
    deep: int = option(3, "number of its residual blocks at half the resolution of the others", minimum=0)
    norm: str = option("instance", "its statistics for norms: of each picture, or of the batch", choices=NORMS)

    def __post_init__(self) -> None:
        """Raise UsageError for options that have no effect without a base network, and for options that exclude each
        other."""
        super().__post_init__()
        if self.base == NOTHING:
            object.__setattr__(self, "base", None)
        for name in ("whole", "anew"):
            if getattr(self, name) and self.base is None:
                raise UsageError(f"{name} is about the base network, and there is none; give --base as well")
        if self.whole and self.anew:
            raise UsageError("anew is about codes of a base whose weights stay; give --whole or --anew, not both")

    @property
    def adding(self) -> bool:
        """Whether styles are added to a base network, whose weights stay."""
        return self.base is not None and not self.whole

    @property
    def total(self) -> int:
        """The number of steps."""
        default = STYLES_STEPS if self.base else STEPS
        return self.steps or (ADDED if self.adding else default)

    @property
    def recoloring(self) -> int:
        """The number of first steps whose loss is that of colours alone."""
        if self.recolor is None:
            return 0 if self.base else RECOLOR
        return self.recolor


@dataclass(frozen=True, kw_only=True)
class TrainAnySettings(PaintingOptions):
    """Settings of `train any`."""

    steps: int | None = option(
        None, f"number of steps; a run that continues may have more; by default {ANY_STEPS}", minimum=1
    )
    base: str | None = option(None, "any-style network to start from")
    colours: float = option(0.3, "share of the paintings whose colours are augmented", minimum=0, maximum=1)

    @property
    def total(self) -> int:
        """The number of steps."""
        return self.steps or ANY_STEPS


@dataclass(frozen=True, kw_only=True)
class TrainTextureSettings(TrainSettings):
    """Settings of `train texture`."""

    scales: int = option(6, "number of scales of noise, each half the next", minimum=1, maximum=10)
    channels: int = option(8, "channels that each scale adds", minimum=1, maximum=128)
    norm: str = option("instance", "statistics for norms: of each picture, or of the batch", choices=NORMS)
    tv_weight: float = option(
        0.002, "weight of total variation of luminance, relative to photos and painting", minimum=0
    )
    tv_chroma_weight: float = option(
        0.001, "weight of total variation of colour, likewise; removes coloured speckle", minimum=0
    )
    lattice_weight: float = option(
        0.0,
        "weight of the loss against patterns with a period of 4 pixels, relative to photos and painting",
        minimum=0,
    )
    blotch_weight: float = option(0.0, BLOTCH_HELP, minimum=0)
    strength: float = option(
        PAINTED, "with --photos: from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1
    )
    photos: str | None = option(None, "folder of photos that the network learns to paint, each in many ways")
    recolor: int | None = option(
        None,
        f"first steps with --photos, which only learn the colours of the painting; by default {RECOLOR}",
        minimum=0,
    )
    diversity: float = option(
        0.0,
        "weight of the diversity loss, which makes the pictures of a batch differ",
        minimum=0,
    )

    def __post_init__(self) -> None:
        """Raise UsageError for a strength without photos, which has no effect."""
        super().__post_init__()
        if self.photos is None and self.strength not in {PAINTED, 1.0}:
            raise UsageError(
                f"strength is {self.strength}, and there are no photos to keep; give --photos, or leave --strength out"
            )

    @property
    def recoloring(self) -> int:
        """The number of first steps whose loss is that of colours alone."""
        if self.photos is None:
            return 0
        return RECOLOR if self.recolor is None else self.recolor

    def losses(self) -> StylizeSettings:
        """Return the settings of `stylize` with the same losses; without photos the losses of style alone."""
        settings = super().losses()
        return settings if self.photos else replace(settings, strength=1.0)
