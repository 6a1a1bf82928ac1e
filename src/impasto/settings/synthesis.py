"""The settings of the tasks that optimise a picture: `stylize`, `reconstruct` and `texture`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from impasto.errors import UsageError
from impasto.settings.base import Settings, option

# The names of tables whose modules import torch; tests hold them equal.
NETWORKS = ("lite", "vgg16", "vgg19", "resnet50")
OPTIMIZERS = ("lbfgs", "lbfgs-wolfe", "adam", "adam-carried", "rmsprop")
CANVASES = ("pixels", "pyramid", "fourier")
SPACES = ("ycbcr", "lab", "oklab")
MATCHING = ("transport", "mean", "pca", "cholesky", "histogram")
WEIGHTINGS = ("normalized", "gatys", "mean", "tutorial", "tutorial-mean")

USUAL = "usual"
"""Stands for the network's own layers, all of the same weight."""

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Quality:
    """A schedule of sizes, each half the next.

    `size`: the default longer side of a stylized picture, in pixels; `steps`: its steps at the smallest size, at the
    next, and so on; the last number is for all that follow. `unaided`: the same for tasks that start from noise, which
    take longer than from a photo.
    """

    size: int
    steps: tuple[int, ...]
    unaided: tuple[int, ...]


QUALITIES = {
    "draft": Quality(512, (18, 3), (40, 12)),
    "standard": Quality(1024, (52, 26, 14), (70, 50)),
    "fine": Quality(1024, (150, 120, 80), (150, 250)),
}

LARGEST = 2
"""By default a result is at most so many times as large as its photo: beyond, it has no more to show."""

COARSEST = 181
"""No smaller size is added below this longer side, in pixels: 512 px starts at 256, 1024 px, too."""


@dataclass(frozen=True, kw_only=True)
class SynthesisSettings(Settings):
    """Settings of every task that optimises a picture."""

    size: int | None = option(512, "longer side of the result in pixels; 0 keeps the picture's own", minimum=0)
    quality: str = option("standard", "how long to work", choices=tuple(QUALITIES))
    steps: int | None = option(None, "steps at the full size, instead of the quality's", minimum=0)
    scales: int | None = option(
        None, "number of sizes, each half the next, instead of as many as fit above 181 px", minimum=1, maximum=8
    )
    seed: int = option(0, "seed of everything random", minimum=0, maximum=2**63 - 1)
    network: str = option("lite", "the network that looks", choices=NETWORKS)
    weights: str | None = option(None, "a file with the network's weights (.pth or .safetensors)")
    pooling: str = option("max", "how the network halves its maps", choices=("max", "average"))
    optimizer: str = option(
        "auto",
        "how the picture is changed; auto is lbfgs, or adam for losses that draw at random",
        choices=("auto", *OPTIMIZERS),
    )
    rate: float | None = option(None, "length of the optimizer's steps, instead of its own", minimum=1e-6, maximum=100)
    canvas: str = option("pixels", "what is changed: pixels, or what pictures are made of", choices=CANVASES)
    tv_weight: float = option(0.0, "weight of total variation in light, relative to the models' own", minimum=0)
    tv_chroma_weight: float = option(0.0, "weight of total variation in colour, likewise: against speckle", minimum=0)
    tv_beta: float = option(2.0, "exponent of total variation; 1 keeps edges", minimum=1, maximum=6)
    alpha_weight: float = option(0.0, "weight of the alpha-norm, which holds values near their mean", minimum=0)
    alpha: float = option(6.0, "exponent of the alpha-norm", minimum=1, maximum=12)
    range_weight: float = option(10.0, "weight of the prior that holds pixels in [0, 1]", minimum=0)
    normalize_gradients: bool = option(False, "give each layer's term a gradient of the same size (suits adam)")
    device: str = option("auto", "where to compute", choices=DEVICES)
    precision: str = option(
        "auto",
        "numbers in which the network computes; auto is float32, or bfloat16 on GPUs that have it",
        choices=PRECISIONS,
    )
    compile: bool = option(False, "compile the network: pays on GPUs, for many steps")
    memory: str | None = option(
        None, "what the run may take, such as 4GB, instead of most of what is free (with lite of 1.45 GB a megapixel)"
    )
    scratch: str | None = option(None, "folder for what does not fit into memory, instead of the system's")
    tile: int | None = option(
        None, "side of the tiles in which the picture is seen; 0 for none, instead of what fits", minimum=0
    )

    def longer_side(self, own: int | None = None) -> int | None:
        """The longer side of the result in pixels, of a model whose own is `own` (None: not known yet); None for the
        model's own."""
        if self.size is not None:
            return self.size or own
        default = QUALITIES[self.quality].size
        return default if own is None else min(default, LARGEST * own)


@dataclass(frozen=True, kw_only=True)
class PaintingSettings(SynthesisSettings):
    """Settings of the tasks with one style image or several."""

    style_loss: str | Callable[..., Any] = option(
        "gram",
        "what is compared, with weights: gram, or gram,histogram=0.5, or sliced(samples=2048); see `impasto losses`",
    )
    style_scale: float = option(
        1.0, "size of the strokes: the painting's longer side over the result's", minimum=0.05, maximum=8
    )
    rotations: str | None = option(None, "also see the painting turned by these degrees, such as 90,180,270")
    mix: tuple[str, ...] = option(
        (), "another painting and its share, such as sea.jpg=0.3; PAINTING keeps the rest; may be repeated"
    )


@dataclass(frozen=True, kw_only=True)
class StylizeSettings(PaintingSettings):
    """Settings of `stylize`."""

    style_loss: str | Callable[..., Any] = option(
        "w2", "what is compared, with weights: w2, or gram,histogram=0.5, or sliced(samples=2048); see `impasto losses`"
    )
    size: int | None = option(
        None,
        "longer side of the result in pixels: by default 1024, a draft 512, but at most twice the photo's own; 0 keeps "
        "the photo's",
        minimum=0,
    )
    strength: float = option(0.5, "from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1)
    content_weight: float | None = option(None, "weight of the content, instead of --strength", minimum=0)
    style_weight: float | None = option(None, "weight of the style, instead of --strength", minimum=0)
    content_growth: float = option(
        1.0, "factor of the content's weight from each size to the next smaller one", minimum=0.01, maximum=100
    )
    weighting: str = option("normalized", "the scale that the two weights are in", choices=WEIGHTINGS)
    content_layers: str | None = option(None, "layers and weights, such as relu4_2 or relu3_2=0.5,relu4_2")
    style_layers: str | None = option(
        None, "layers and weights, such as relu1_1,relu2_1=0.5 or conv_1-5; usual: the network's own, all alike"
    )
    content_loss: str = option(
        "correlation", "content losses with weights: correlation, features, self-similarity, nearest"
    )
    matching: int = option(
        1,
        "parts of the photo, each painted after the parts of the painting most like it; 1: after all of it alike",
        minimum=1,
        maximum=8,
    )
    laplacian_weight: float = option(0.0, "weight of the photo's Laplacian, which keeps its edges", minimum=0)
    blotch_weight: float = option(
        0.3, "weight of the loss against what is large and has nothing to do with the photo", minimum=0
    )
    init: str = option(
        "recolored",
        "where to start: recolored (the photo in the painting's colours), photo, noise, pink, painting or a file",
    )
    region: tuple[str, ...] = option(
        (), "MASK:PAINTING[:MASK][:WEIGHT]: what the mask shows is painted after that painting; may be repeated"
    )
    segmentation: str | None = option(None, "MAP:MAP, the photo's and PAINTING's: like colours are painted alike")
    propagation: str = option(
        "all",
        "which neurons belong to a region: all in it, or only those that see nothing else",
        choices=("all", "inside"),
    )
    keep_color: str = option(
        "no", "paint in light alone and keep the photo's colours, in this space", choices=("no", *SPACES)
    )
    match_luminance: bool = option(False, "with --keep-color, first give the painting the photo's range of light")
    match_colors: str = option("no", "give the painting the photo's colours first", choices=("no", *MATCHING))
    match_when: str = option(
        "before", "match the painting before the run, or the result after it", choices=("before", "after")
    )
    range_weight: float = option(1000.0, "weight of the prior that holds pixels in [0, 1]", minimum=0)
    tv_weight: float = option(0.1, "weight of total variation in light, relative to the models' own", minimum=0)
    tv_chroma_weight: float = option(0.1, "weight of total variation in colour, likewise: against speckle", minimum=0)


@dataclass(frozen=True, kw_only=True)
class ReconstructSettings(SynthesisSettings):
    """Settings of `reconstruct`."""

    layers: str | None = option(None, "the layers to match, with weights: relu4_2, or conv_4, or relu1_1,relu4_2=0.5")
    content_loss: str = option("features", "content losses with weights: features, correlation, self-similarity")
    patch: str | None = option(None, "match only the central features, such as 5x5, to see what they see")
    init: str = option("noise", "where to start: noise, pink, photo or a file")


@dataclass(frozen=True, kw_only=True)
class TextureSettings(PaintingSettings):
    """Settings of `texture`."""

    layers: str | None = option(
        None, "the layers to match, with weights: relu1_1,relu2_1=0.5, or a range such as conv_1-5"
    )
    width: int | None = option(None, "width of the result, of any shape; the example keeps its own size", minimum=1)
    height: int | None = option(None, "height of the result, likewise", minimum=1)
    tileable: bool = option(False, "make opposite edges meet, for a texture that repeats without a seam")
    init: str = option("noise", "where to start: noise, pink, painting or a file")
    tv_weight: float = option(0.002, "weight of total variation in light, relative to the model's own", minimum=0)
    tv_chroma_weight: float = option(0.001, "weight of total variation in colour, likewise: against speckle", minimum=0)

    def __post_init__(self) -> None:
        """Refuse what would be left aside."""
        super().__post_init__()
        if self.tileable and self.tile:
            raise UsageError(f"tile is {self.tile}, but a tileable texture is seen as a whole; leave one of them out")
