"""Settings of the tasks that optimise an image: `stylize`, `reconstruct` and `texture`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from impasto.errors import UsageError
from impasto.settings.base import Settings, option

# Names of tables in modules that import torch; tests compare both.
NETWORKS = ("lite", "vgg16", "vgg19", "resnet50")
OPTIMIZERS = ("lbfgs", "lbfgs-wolfe", "adam", "adam-carried", "rmsprop")
CANVASES = ("pixels", "pyramid", "fourier")
SPACES = ("ycbcr", "lab", "oklab")
MATCHING = ("transport", "mean", "pca", "cholesky", "histogram")
WEIGHTINGS = ("normalized", "gatys", "mean", "tutorial", "tutorial-mean")

USUAL = "usual"
"""The value of `style_layers` for the network's default layers with equal weights."""

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Quality:
    """The steps of a coarse-to-fine schedule of sizes, each half the next.

    size: default longer side of the result of `stylize`, in pixels.
    steps: numbers of steps of `stylize`, from the smallest size on; the last number is for all further sizes.
    unaided: numbers of steps of tasks that start from noise, which need more than a start from a photo.
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
"""Default limit of the longer side of a result, over the photo's: a larger result has no more detail."""

COARSEST = 181
"""Least longer side, in pixels, of the sizes that are added by default: runs of 512 px and of 1024 px start at 256."""


@dataclass(frozen=True, kw_only=True)
class SynthesisSettings(Settings):
    """Settings of every task that optimises an image."""

    size: int | None = option(512, "longer side of the result in pixels; 0 keeps the size of the input", minimum=0)
    quality: str = option("standard", "number of steps at each size", choices=tuple(QUALITIES))
    steps: int | None = option(None, "steps at the full size, instead of those of the quality", minimum=0)
    scales: int | None = option(
        None, "number of sizes, each half the next; by default as many as are above 181 px", minimum=1, maximum=8
    )
    seed: int = option(0, "seed of all random numbers", minimum=0, maximum=2**63 - 1)
    network: str = option("lite", "network whose features are compared", choices=NETWORKS)
    weights: str | None = option(None, "file with the network's weights (.pth or .safetensors)")
    pooling: str = option("max", "pooling layers of the network", choices=("max", "average"))
    optimizer: str = option(
        "auto", "optimizer; auto is lbfgs, or adam for losses with random samples", choices=("auto", *OPTIMIZERS)
    )
    rate: float | None = option(None, "step size of the optimizer, instead of its default", minimum=1e-6, maximum=100)
    canvas: str = option(
        "pixels",
        "parameters that are optimised: pixels, a Laplacian pyramid, or Fourier coefficients",
        choices=CANVASES,
    )
    tv_weight: float = option(
        0.0, "weight of total variation of luminance, relative to the variation of the inputs", minimum=0
    )
    tv_chroma_weight: float = option(
        0.0, "weight of total variation of colour, likewise; removes coloured speckle", minimum=0
    )
    tv_beta: float = option(2.0, "exponent of total variation; 1 keeps edges", minimum=1, maximum=6)
    alpha_weight: float = option(0.0, "weight of the alpha-norm, which keeps values near their mean", minimum=0)
    alpha: float = option(6.0, "exponent of the alpha-norm", minimum=1, maximum=12)
    range_weight: float = option(10.0, "weight of the prior that keeps pixels in [0, 1]", minimum=0)
    normalize_gradients: bool = option(False, "scale the gradient of each layer's term to the same size (for adam)")
    device: str = option("auto", "device to compute on", choices=DEVICES)
    precision: str = option(
        "auto",
        "number type of the network; auto is bfloat16 on GPUs that support it, else float32",
        choices=PRECISIONS,
    )
    compile: bool = option(False, "compile the network; faster on GPUs for many steps")
    memory: str | None = option(
        None,
        "memory that the run may take, such as 4GB; by default most of the free memory, with lite on a CPU at most "
        "1.45 GB for each megapixel",
    )
    scratch: str | None = option(
        None, "folder for data that does not fit into memory, instead of the system's temporary folder"
    )
    tile: int | None = option(
        None, "side of the network's tiles in pixels; 0 for no tiles; by default as large as memory allows", minimum=0
    )

    def longer_side(self, own: int | None = None) -> int | None:
        """Return the longer side of the result in pixels; None for the input's own.

        `own` is the longer side of the input in pixels, or None if it is unknown.
        """
        if self.size is not None:
            return self.size or own
        default = QUALITIES[self.quality].size
        return default if own is None else min(default, LARGEST * own)


@dataclass(frozen=True, kw_only=True)
class PaintingSettings(SynthesisSettings):
    """Settings of the tasks with one style image or several."""

    style_loss: str | Callable[..., Any] = option(
        "gram",
        "style losses with weights: gram, or gram,histogram=0.5, or sliced(samples=2048); see `impasto losses`",
    )
    style_scale: float = option(
        1.0, "size of strokes: the painting's longer side divided by the result's", minimum=0.05, maximum=8
    )
    rotations: str | None = option(
        None, "also use copies of the painting, rotated by these degrees, such as 90,180,270"
    )
    mix: tuple[str, ...] = option(
        (), "another painting and its share, such as sea.jpg=0.3; PAINTING has the rest; repeatable"
    )


@dataclass(frozen=True, kw_only=True)
class StylizeSettings(PaintingSettings):
    """Settings of `stylize`."""

    style_loss: str | Callable[..., Any] = option(
        "w2", "style losses with weights: w2, or gram,histogram=0.5, or sliced(samples=2048); see `impasto losses`"
    )
    size: int | None = option(
        None,
        "longer side of the result in pixels; 0 keeps the photo's; by default 1024, or 512 for a draft, but at most "
        "twice the photo's",
        minimum=0,
    )
    strength: float = option(0.5, "from 0, the photo, to 1, the painting's texture", minimum=0, maximum=1)
    content_weight: float | None = option(None, "content weight, instead of --strength", minimum=0)
    style_weight: float | None = option(None, "style weight, instead of --strength", minimum=0)
    content_growth: float = option(
        1.0, "factor of the content weight from each size to the next smaller one", minimum=0.01, maximum=100
    )
    weighting: str = option("normalized", "scale of the content and style weights", choices=WEIGHTINGS)
    content_layers: str | None = option(None, "content layers and weights, such as relu4_2 or relu3_2=0.5,relu4_2")
    style_layers: str | None = option(
        None,
        "style layers and weights, such as relu1_1,relu2_1=0.5 or conv_1-5; usual for the network's default layers "
        "with equal weights",
    )
    content_loss: str = option(
        "correlation", "content losses with weights: correlation, features, self-similarity, nearest"
    )
    matching: int = option(
        1,
        "matched parts of the photo, each in the style of the most similar parts of the painting; 1 for no parts",
        minimum=1,
        maximum=8,
    )
    laplacian_weight: float = option(0.0, "weight of the Laplacian loss, which keeps the photo's edges", minimum=0)
    blotch_weight: float = option(
        0.3, "weight of the loss against large structures that the photo does not have", minimum=0
    )
    init: str = option(
        "recolored",
        "starting point: recolored (the photo in the painting's colours), photo, noise, pink, painting or a file",
    )
    region: tuple[str, ...] = option(
        (),
        "MASK:PAINTING[:MASK][:WEIGHT]: a region of the photo, with a painting of its own or a part of one; repeatable",
    )
    segmentation: str | None = option(
        None, "MAP:MAP, segmentations of photo and PAINTING: regions of equal colour have the same style"
    )
    propagation: str = option(
        "all",
        "neurons of a region: all within it, or only those with their whole receptive field inside",
        choices=("all", "inside"),
    )
    keep_color: str = option(
        "no", "keep the photo's colours and change only the luminance, in this colour space", choices=("no", *SPACES)
    )
    match_luminance: bool = option(
        False, "with --keep-color: match the painting's luminance to the photo's before the run"
    )
    match_colors: str = option(
        "no", "match the painting's colours to the photo's, by this method", choices=("no", *MATCHING)
    )
    match_when: str = option(
        "before",
        "match the colours of the painting before the run, or of the result after",
        choices=("before", "after"),
    )
    range_weight: float = option(1000.0, "weight of the prior that keeps pixels in [0, 1]", minimum=0)
    tv_weight: float = option(0.1, "weight of total variation of luminance, relative to photo and paintings", minimum=0)
    tv_chroma_weight: float = option(
        0.1, "weight of total variation of colour, likewise; removes coloured speckle", minimum=0
    )


@dataclass(frozen=True, kw_only=True)
class ReconstructSettings(SynthesisSettings):
    """Settings of `reconstruct`."""

    layers: str | None = option(None, "content layers and weights, such as relu4_2, conv_4 or relu1_1,relu4_2=0.5")
    content_loss: str = option("features", "content losses with weights: features, correlation, self-similarity")
    patch: str | None = option(None, "match only the central features, such as 5x5, to show their receptive fields")
    init: str = option("noise", "starting point: noise, pink, photo or a file")


@dataclass(frozen=True, kw_only=True)
class TextureSettings(PaintingSettings):
    """Settings of `texture`."""

    layers: str | None = option(
        None, "style layers and weights, such as relu1_1,relu2_1=0.5, or a range such as conv_1-5"
    )
    width: int | None = option(
        None, "width of the result in pixels, of any proportions; the painting keeps its size", minimum=1
    )
    height: int | None = option(None, "height of the result in pixels, likewise", minimum=1)
    tileable: bool = option(False, "make opposite edges meet, for a texture that repeats without a seam")
    init: str = option("noise", "starting point: noise, pink, painting or a file")
    tv_weight: float = option(0.002, "weight of total variation of luminance, relative to the painting", minimum=0)
    tv_chroma_weight: float = option(
        0.001, "weight of total variation of colour, likewise; removes coloured speckle", minimum=0
    )

    def __post_init__(self) -> None:
        """Raise UsageError for a tileable texture with tiles, which have no periodic borders."""
        super().__post_init__()
        if self.tileable and self.tile:
            raise UsageError(f"tile is {self.tile}, but a tileable texture has no tiles; leave one of both options out")
