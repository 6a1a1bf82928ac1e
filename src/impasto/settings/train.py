"""The settings of the trainings: `train style`, `train any` and `train texture`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from impasto.errors import UsageError
from impasto.settings.base import Settings, option
from impasto.settings.synthesis import DEVICES, NETWORKS, PRECISIONS, USUAL, StylizeSettings

SCHEDULES = ("constant", "cosine", "trapezoid")
"""The names of a table in `tasks/training/loop.py`; a test holds them equal."""

NORMS = ("instance", "batch")

ENDS = ("shuffle", "convolution")

STRENGTH = 0.28
"""Of a network, instead of 0.5. It never comes as near to the style as an optimiser does, and at 0.5 gives all of the
photo up for it: after 450 steps the content was as far away as nothing at all. At this one, without blotches, it keeps
as much of the photo as an optimiser does at 0.5 (`training/README.md`)."""

MOVED = 0.7
"""Of a network of transport, which begins with the photo in the painting's colours and keeps more of it than an
optimiser does."""

PAINTED = 0.15
"""Of a texture network that is shown photos beside its noise; at 0.3 it lost them within 200 steps."""

LATTICE = 2.0
"""Of networks that have nothing but the photo to make texture from."""

BLOTCHES = 25.0
"""Of networks that paint photos. A texture is cheapest for them as the same round thing everywhere."""

ANY = "any"
"""The network of the package that trainings for some paintings start from."""

NOTHING = "none"

STEPS = 20000
"""Steps from nothing to a transformer or a network for textures."""

ANY_STEPS = 12_500
"""Steps from nothing to a network for any painting; see `training/README.md`."""

STYLES_STEPS = 3_200
"""Steps from a trained network to one for the paintings that are given."""

ADDED = 300
"""Steps in which a trained network learns further paintings; see `docs/train.md`."""

RECOLOR = 300
"""Steps in which a network that starts from nothing learns colours."""

OPEN = ("steps", "checkpoint_every", "device", "precision")
"""Settings that a run which goes on need not share with the one that it goes on from."""

SHARED = (
    *("seed", "network", "weights", "pooling", "style_loss", "style_layers", "content_loss", "content_layers"),
    *("strength", "content_weight", "style_weight", "tv_weight", "tv_chroma_weight", "tv_beta", "range_weight"),
    *("device", "precision"),
)
"""Settings that mean what they mean in `stylize`."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings(Settings):
    """Settings of every training of a network: how long and how, by which losses of which network."""

    size: int = option(256, "side of the square pieces of photos that it learns from, in pixels", minimum=32)
    batch: int = option(4, "pieces a step", minimum=1)
    steps: int | None = option(None, f"steps in all; a run that goes on may have more; by default {STEPS}", minimum=1)
    rate: float = option(1e-3, "Adam's rate", minimum=1e-7, maximum=1)
    schedule: str = option(
        "trapezoid",
        "how the rate falls: not at all, along a cosine, or in a straight line over the last fifth",
        choices=SCHEDULES,
    )
    warmup: int = option(50, "steps over which the rate rises first", minimum=0)
    clip: float | None = option(None, "the gradient's greatest length; a longer one is made this short", minimum=1e-9)
    ema: float = option(
        0.999, "how much of itself the running average of the weights keeps a step", minimum=0, maximum=0.99999
    )
    seed: int = option(0, "seed of everything random", minimum=0, maximum=2**63 - 1)
    network: str = option("lite", "the network that judges", choices=NETWORKS)
    weights: str | None = option(None, "a file with that network's weights (.pth or .safetensors)")
    pooling: str = option("max", "how that network halves its maps", choices=("max", "average"))
    style_loss: str | Callable[..., Any] = option(
        "gram", "what is compared, with weights: gram, or gram,histogram=0.5; see `impasto losses`"
    )
    style_layers: str | None = option(None, "layers and weights, such as relu1_1,relu2_1=0.5 or conv_1-5")
    content_loss: str = option("features", "content losses with weights: features, correlation, self-similarity")
    content_layers: str | None = option(None, "layers and weights, such as relu4_2 or relu3_2=0.5,relu4_2")
    strength: float = option(STRENGTH, "from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1)
    content_weight: float | None = option(None, "weight of the content, instead of --strength", minimum=0)
    style_weight: float | None = option(None, "weight of the style, instead of --strength", minimum=0)
    tv_weight: float = option(0.4, "weight of total variation in light, relative to the models' own", minimum=0)
    tv_chroma_weight: float = option(0.4, "weight of total variation in colour, likewise: against speckle", minimum=0)
    tv_beta: float = option(2.0, "exponent of total variation; 1 keeps edges", minimum=1, maximum=6)
    lattice_weight: float = option(
        LATTICE, "weight of what repeats with the network's own grid of 4 pixels, relative to the models'", minimum=0
    )
    blotch_weight: float = option(
        BLOTCHES, "weight of what is as large as an object and has nothing to do with the photo", minimum=0
    )
    repetition_weight: float = option(
        0.0, "weight of texture that repeats at even distances, more than the photo's and the painting's own", minimum=0
    )
    range_weight: float = option(1000.0, "weight of the prior that holds pixels in [0, 1]", minimum=0)
    style_size: int = option(512, "longer side at which paintings are looked at, in pixels", minimum=32)
    checkpoint_every: int = option(200, "steps between checkpoints", minimum=1)
    device: str = option("auto", "where to compute", choices=DEVICES)
    precision: str = option(
        "auto", "numbers of the networks; auto is float32, or bfloat16 on GPUs that have it", choices=PRECISIONS
    )

    @property
    def total(self) -> int:
        """The number of steps."""
        return self.steps or STEPS

    def losses(self) -> StylizeSettings:
        """The run of `stylize` whose losses these are; it compares with a painting as a whole, and where the loss is of
        Gram matrices all layers alike."""
        layers = self.style_layers or (USUAL if self.style_loss == "gram" else None)
        shared = {name: getattr(self, name) for name in SHARED} | {"style_layers": layers}
        return StylizeSettings(**shared, matching=1, blotch_weight=0.0)


@dataclass(frozen=True, kw_only=True)
class PaintingOptions(TrainSettings):
    """Settings of every training of a network that paints photos after paintings."""

    size: int = option(224, "side of the square pieces of photos that it learns from, in pixels", minimum=32)
    base: str | None = option(None, "a trained network to start from")
    schedule: str = option(
        "cosine",
        "how the rate falls: not at all, along a cosine, or in a straight line over the last fifth",
        choices=SCHEDULES,
    )
    clip: float | None = option(
        1.0,
        "the gradient's greatest length; a longer one is made this short, so that at this length, which all exceed, "
        "paintings of strong strokes and of faint ones have the same say",
        minimum=1e-9,
    )
    style_loss: str | Callable[..., Any] = option(
        "w2", "what is compared, with weights: w2, or gram,histogram=0.5; see `impasto losses`"
    )
    content_loss: str = option("correlation", "content losses with weights: features, correlation, self-similarity")
    strength: float = option(MOVED, "from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1)
    tv_chroma_weight: float = option(0.8, "weight of total variation in colour, likewise: against speckle", minimum=0)
    blotch_weight: float = option(
        2.0, "weight of what is as large as an object and has nothing to do with the photo", minimum=0
    )

    repetition_weight: float = option(
        1.0, "weight of texture that repeats at even distances, more than the photo's and the painting's own", minimum=0
    )

    @property
    def recoloring(self) -> int:
        """The number of first steps that only bring photos into colours."""
        return 0


@dataclass(frozen=True, kw_only=True)
class TrainStyleSettings(PaintingOptions):
    """Settings of `train style`."""

    steps: int | None = option(
        None,
        f"steps in all; a run that goes on may have more; by default {STYLES_STEPS} with a base, {STEPS} without, and "
        f"{ADDED} to add styles",
        minimum=1,
    )
    base: str | None = option(
        ANY,
        "a trained network to start from. One for any painting is trained on, all of it, and comes to know the "
        "paintings; to one of styles they are added: it stays as it is, only their codes are trained. "
        f"{NOTHING!r}: a transformer of weights drawn anew",
    )
    whole: bool = option(
        False, "with a base of styles: train all of it on, for the paintings that are given; it forgets others"
    )
    anew: bool = option(
        False, "with a base of styles: paintings whose names it knows learn their codes anew, for those that it has"
    )
    recolor: int | None = option(
        None,
        f"first steps, which only bring photos into the paintings' colours, where `stylize` begins too; by default "
        f"{RECOLOR} from nothing, and none with a base",
        minimum=0,
    )
    width: int = option(48, "channels of a transformer from nothing", minimum=4)
    blocks: int = option(5, "its residual blocks", minimum=0)
    ends: str = option("shuffle", "how it enters and leaves its own resolution", choices=ENDS)
    detail: int = option(16, "its channels at half the resolution", minimum=2)
    deep: int = option(3, "so many of the blocks are at half the others' resolution", minimum=0)
    norm: str = option("instance", "by whose moments it normalises: each picture's, or all of a batch", choices=NORMS)

    def __post_init__(self) -> None:
        """Refuse what would be left aside."""
        super().__post_init__()
        if self.base == NOTHING:
            object.__setattr__(self, "base", None)
        for name in ("whole", "anew"):
            if getattr(self, name) and self.base is None:
                raise UsageError(f"{name} is about the network to start from, and there is none; give --base as well")
        if self.whole and self.anew:
            raise UsageError("anew is about codes for a network that stays as it is; give --whole or --anew")

    @property
    def adding(self) -> bool:
        """Whether the network is trained already, and paintings are added to it."""
        return self.base is not None and not self.whole

    @property
    def total(self) -> int:
        """The number of steps."""
        usual = STYLES_STEPS if self.base else STEPS
        return self.steps or (ADDED if self.adding else usual)

    @property
    def recoloring(self) -> int:
        """The number of first steps that only bring photos into colours."""
        if self.recolor is None:
            return 0 if self.base else RECOLOR
        return self.recolor


@dataclass(frozen=True, kw_only=True)
class TrainAnySettings(PaintingOptions):
    """Settings of `train any`."""

    steps: int | None = option(
        None, f"steps in all; a run that goes on may have more; by default {ANY_STEPS}", minimum=1
    )
    base: str | None = option(None, "a network for any painting to start from")
    colours: float = option(0.3, "part of the paintings that are seen in other colours", minimum=0, maximum=1)

    @property
    def total(self) -> int:
        """The number of steps."""
        return self.steps or ANY_STEPS


@dataclass(frozen=True, kw_only=True)
class TrainTextureSettings(TrainSettings):
    """Settings of `train texture`."""

    scales: int = option(6, "sizes of noise that it is made from", minimum=1, maximum=10)
    channels: int = option(8, "channels that each adds", minimum=1, maximum=128)
    norm: str = option("instance", "by whose moments it normalises: each picture's, or all of a batch", choices=NORMS)
    tv_weight: float = option(0.002, "weight of total variation in light, relative to the model's own", minimum=0)
    tv_chroma_weight: float = option(0.001, "weight of total variation in colour, likewise: against speckle", minimum=0)
    lattice_weight: float = option(0.0, "weight of what repeats every 4 pixels, relative to the model's", minimum=0)
    blotch_weight: float = option(
        0.0, "weight of what is as large as an object and has nothing to do with the photo", minimum=0
    )
    strength: float = option(
        PAINTED, "with --photos: from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1
    )
    photos: str | None = option(None, "a folder with photos: these it learns to paint, each in many ways")
    recolor: int | None = option(
        None,
        f"first steps with --photos, which only bring them into the painting's colours; by default {RECOLOR}",
        minimum=0,
    )
    diversity: float = option(
        0.0,
        "weight of how far the pictures of a batch are from each other, against one picture for all noise",
        minimum=0,
    )

    def __post_init__(self) -> None:
        """Refuse what would be left aside."""
        super().__post_init__()
        if self.photos is None and self.strength not in {PAINTED, 1.0}:
            raise UsageError(
                f"strength is {self.strength}, and there is no photo to be kept; give --photos, or leave --strength out"
            )

    @property
    def recoloring(self) -> int:
        """The number of first steps that only bring photos into colours."""
        if self.photos is None:
            return 0
        return RECOLOR if self.recolor is None else self.recolor

    def losses(self) -> StylizeSettings:
        """The run of `stylize` whose losses these are; without a photo to be kept, of nothing but style."""
        found = super().losses()
        return found if self.photos else replace(found, strength=1.0)
