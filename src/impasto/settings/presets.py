"""Presets: the settings of a paper or a course, under the name of their source.

Settings that the user gives override those of a preset. Presets do not set the network, so all networks can be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from impasto.errors import choose
from impasto.settings.synthesis import USUAL


@dataclass(frozen=True)
class Preset:
    """A description of the source, and the settings for each task."""

    about: str
    stylize: Mapping[str, Any] = field(default_factory=dict)
    texture: Mapping[str, Any] = field(default_factory=dict)
    reconstruct: Mapping[str, Any] = field(default_factory=dict)


PAPER = {
    "style_loss": "gram",
    "style_layers": USUAL,
    "content_loss": "features",
    "matching": 1,
    "blotch_weight": 0.0,
    "tv_chroma_weight": 0.05,
    "size": 512,
}
"""Settings that the sources of `stylize` have in common.

Gram matrices with equal weights of layers, the features of a layer as content, no matched parts, no loss against
blotches, and small pictures."""

PLAIN = {"scales": 1, "tv_weight": 0.0, "tv_chroma_weight": 0.0, "range_weight": 10.0}
"""Settings of the time before coarse-to-fine schedules. The range prior is weak, because the sources clip values."""

TUTORIAL = PAPER | {
    "weighting": "tutorial",
    "content_layers": "conv_4",
    "style_layers": "conv_1-5",
    "content_weight": 1.0,
    "style_weight": 1e6,
    "init": "photo",
    "steps": 300,
}

PRESETS: Mapping[str, Preset] = {
    "classic": Preset(
        "Impasto's default before version 0.2: features of relu4_2 against Gram matrices, two sizes, 512 px",
        stylize=PAPER | {"scales": 2, "steps": 50, "tv_weight": 0.1},
    ),
    "gatys2016": Preset(
        "Gatys, Ecker and Bethge 2016: from noise, average pooling, L-BFGS, weights of layers as in the authors' code",
        # With the equations of the paper (`weighting` gatys) and its alpha / beta of 1e-3, the result is almost the
        # photo, because the features of the networks here have another scale. The authors' code has means, and weights
        # of 1 / C^2 for each layer.
        stylize=PAPER
        | PLAIN
        | {
            "weighting": "mean",
            "content_layers": "relu4_2",
            "style_layers": "relu1_1=2.44e-4,relu2_1=6.1e-5,relu3_1=1.53e-5,relu4_1=3.8e-6,relu5_1=3.8e-6",
            "content_weight": 1.0,
            "style_weight": 1e5,
            "init": "noise",
            "pooling": "average",
            "steps": 500,
        },
        texture={"layers": "relu1_1,pool1,pool2,pool3,pool4", "pooling": "average", "init": "noise"} | PLAIN,
    ),
    "tutorial": Preset(
        "PyTorch's tutorial: conv_4 against conv_1 to conv_5, 1 against 1e6, from the photo, 300 steps",
        stylize=TUTORIAL | PLAIN,
        texture=PLAIN | {"layers": "conv_1-5", "steps": 300},
        reconstruct={"scales": 1, "layers": "conv_4", "steps": 300},
    ),
    "assignment": Preset(
        "a course: the tutorial's losses divided by the number of layers, style at conv_1,2,5,9,13, 1 against 1e6",
        stylize=TUTORIAL
        | PLAIN
        | {"weighting": "tutorial-mean", "style_layers": "conv_1,conv_2,conv_5,conv_9,conv_13"},
        texture=PLAIN | {"layers": "conv_1,conv_2,conv_5,conv_9,conv_13", "steps": 300},
        reconstruct={"scales": 1, "layers": "conv_2", "steps": 300},
    ),
    "seo2023": Preset(
        "Seo 2023: conv_9 against conv_2,4,8,16, 1 against 0.5",
        stylize=TUTORIAL
        | PLAIN
        | {
            "weighting": "mean",
            "content_layers": "conv_9",
            "style_layers": "conv_2,conv_4,conv_8,conv_16",
            "style_weight": 0.5,
        },
        texture=PLAIN | {"layers": "conv_1-2", "steps": 300},
        reconstruct={"scales": 1, "layers": "conv_4", "steps": 300},
    ),
    "cheng": Preset(
        "Cheng's course project: the tutorial's losses, 1 against 1e5, from noise",
        stylize=TUTORIAL | PLAIN | {"style_weight": 1e5, "init": "noise"},
        texture=PLAIN | {"layers": "conv_1-5", "steps": 300},
        reconstruct={"scales": 1, "layers": "conv_4", "steps": 300},
    ),
    "mahendran2015": Preset(
        "Mahendran and Vedaldi 2015: features inverted under the alpha-norm (alpha 6) and total variation (beta 2)",
        reconstruct={"scales": 1, "alpha_weight": 0.01, "alpha": 6.0, "tv_weight": 0.02, "tv_beta": 2.0, "steps": 300},
    ),
    "risser2017": Preset(
        "Risser et al. 2017: Gram matrices and histograms",
        stylize=PAPER | {"style_loss": "gram,histogram(layers=relu1_1+relu4_1)"},
        texture={"style_loss": "gram,histogram(layers=relu1_1+relu4_1)"},
    ),
    "cnnmrf": Preset(
        "Li and Wand 2016: 3x3 patches of relu3_1 and relu4_1, without their scaled and rotated copies of the painting",
        stylize=PAPER | {"style_loss": "patches", "style_layers": "relu3_1,relu4_1", "scales": 3},
        texture={"style_loss": "patches", "layers": "relu3_1,relu4_1", "scales": 3},
    ),
    "strotss": Preset(
        "Kolkin et al. 2019: relaxed earth mover's distance, moments, palette; self-similarity; RMSprop, a pyramid",
        stylize=PAPER
        | {
            # The authors give content a weight of 16 against 1 at 64 px, and half the weight at each finer size: 2 at
            # 512 px. Their losses join all layers to one vector. Layer by layer, self-similarity keeps more of the
            # photo: a weight of 1 at the finest size keeps a little more of the photo than their own picture does. The
            # weight is 50 here, the style weight beside a content weight of 1 at strength 0.5, so that the strength
            # still changes the balance. 30 steps at a higher rate replace their 250, with more total variation against
            # the grain that fewer steps leave.
            "style_loss": "remd,moments=4,palette=2",
            "content_loss": "self-similarity=50",
            "content_layers": "relu3_1,relu4_2",
            "content_growth": 2.0,
            "tv_weight": 0.3,
            "tv_chroma_weight": 0.3,
            "optimizer": "rmsprop",
            "rate": 0.003,
            "steps": 30,
            "canvas": "pyramid",
            "scales": 4,
        },
    ),
    "nnst": Preset(
        "Kolkin et al. 2022: features nearest to the photo's and to the picture's own, palette; Adam, a pyramid",
        stylize=PAPER
        | {
            # The authors first match the features of the photo (at coarse sizes three quarters of the photo and one
            # quarter of the picture), and in a last pass the features of the picture. Here both are losses at the same
            # time; the strength is their balance, and the photo has a larger share at coarse sizes. Rotated copies of
            # the painting count, as in their code. The palette loss replaces their colour correction at the end,
            # because features lose contrast.
            "style_loss": "nearest(samples=2048,candidates=8192),palette",
            "content_loss": "nearest=50",
            "content_layers": "relu3_1,relu4_1",
            "rotations": "90,180,270",
            "content_growth": 2.0,
            "optimizer": "adam",
            "canvas": "pyramid",
            "scales": 4,
        },
    ),
    "heitz2021": Preset(
        "Heitz et al. 2021: sliced Wasserstein distance",
        stylize=PAPER | {"style_loss": "sliced"},
        texture={"style_loss": "sliced"},
    ),
}


def preset(name: str, task: str) -> dict[str, Any]:
    """Return the settings of the preset `name` for `task`, as keyword arguments of the settings of the task.

    Raises UsageError for an unknown preset, and for one without settings for the task.

    >>> import impasto
    >>> impasto.StylizeSettings(**impasto.preset("heitz2021", "stylize")).style_loss
    'sliced'
    """
    presets = {key: entry for key, entry in PRESETS.items() if getattr(entry, task, None)}
    return dict(getattr(choose(presets, name, f"preset of {task}"), task))
