"""Settings named after their source, against the numbers of the source, written out here once more."""

import pytest

from impasto.errors import UsageError
from impasto.settings.presets import PRESETS, preset
from impasto.settings.recipe import TASKS


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_made_of_settings_of_its_tasks(name):
    used = [task for task in TASKS if getattr(PRESETS[name], task)]
    assert used
    for task in used:
        assert TASKS[task].settings.from_mapping(preset(name, task))


def test_a_preset_of_another_task_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"unknown preset of texture 'strotss'.*allowed: .*gatys2016"):
        preset("strotss", "texture")
    with pytest.raises(UsageError, match="did you mean 'gatys2016'"):
        preset("gatys2015", "stylize")


OLD = {"scales": 1, "tv_weight": 0.0, "tv_chroma_weight": 0.0, "range_weight": 10.0}
"""Of sources before coarse-to-fine schedules: one size, and no prior but that values stay in range."""

GRAM = {"style_loss": "gram", "content_loss": "features", "matching": 1, "blotch_weight": 0.0, "size": 512}

TUTORIAL = GRAM | OLD | {"weighting": "tutorial", "init": "photo", "steps": 300, "style_layers": "conv_1-5"}
"""PyTorch's "Neural transfer using PyTorch": `content_layers_default` conv_4, `style_layers_default` conv_1 to conv_5,
`num_steps=300`, `style_weight=1000000`, `content_weight=1`, from a clone of the content image."""

TUTORIAL |= {"content_layers": "conv_4", "content_weight": 1.0, "style_weight": 1_000_000.0}

FIVE = "conv_1,conv_2,conv_5,conv_9,conv_13"
"""The first convolution of each of VGG-19's five stages, counted through: there are 2, 2, 4, 4 and 4 in a stage."""

FROM_300 = {"scales": 1, "steps": 300}

PYRAMID = {"canvas": "pyramid", "scales": 4, "content_growth": 2.0, "tv_chroma_weight": 0.05, "style_layers": "usual"}
"""Content weighs twice as much at each coarser of four sizes, and a Laplacian pyramid is what is optimised: Kolkin et
al. 2019, section 2.5, and 2022."""

WIDTHS = 64, 128, 256, 512, 512
"""Of VGG-19's stages."""

NUMBERS = {
    ("classic", "stylize"): GRAM | {"scales": 2, "steps": 50, "tv_weight": 0.1, "tv_chroma_weight": 0.05},
    ("gatys2016", "stylize"): GRAM
    | OLD
    | {"weighting": "mean", "content_layers": "relu4_2", "content_weight": 1.0, "style_weight": 1e5, "init": "noise"}
    | {"pooling": "average", "steps": 500},  # `max_iter = 500` of the authors' notebook
    ("gatys2016", "texture"): OLD  # Gatys et al. 2015, figure 2: conv1_1 and pool1 to pool4
    | {"layers": "relu1_1,pool1,pool2,pool3,pool4", "pooling": "average", "init": "noise"},
    ("tutorial", "stylize"): TUTORIAL,
    ("tutorial", "texture"): OLD | {"layers": "conv_1-5", "steps": 300},
    ("tutorial", "reconstruct"): FROM_300 | {"layers": "conv_4"},
    ("assignment", "stylize"): TUTORIAL | {"weighting": "tutorial-mean", "style_layers": FIVE},
    ("assignment", "texture"): OLD | {"layers": FIVE, "steps": 300},
    ("assignment", "reconstruct"): FROM_300 | {"layers": "conv_2"},
    ("seo2023", "stylize"): TUTORIAL
    | {"weighting": "mean", "content_layers": "conv_9", "style_layers": "conv_2,conv_4,conv_8,conv_16"}
    | {"style_weight": 0.5},
    ("seo2023", "texture"): OLD | {"layers": "conv_1-2", "steps": 300},
    ("seo2023", "reconstruct"): FROM_300 | {"layers": "conv_4"},
    ("cheng", "stylize"): TUTORIAL | {"style_weight": 100_000.0, "init": "noise"},
    ("cheng", "texture"): OLD | {"layers": "conv_1-5", "steps": 300},
    ("cheng", "reconstruct"): FROM_300 | {"layers": "conv_4"},
    # "alpha = 6", "beta = 2": Mahendran and Vedaldi 2015, section 3
    ("mahendran2015", "reconstruct"): FROM_300
    | {"alpha_weight": 0.01, "alpha": 6.0, "tv_weight": 0.02, "tv_beta": 2.0},
    ("risser2017", "stylize"): GRAM
    | {"style_loss": "gram,histogram(layers=relu1_1+relu4_1)", "tv_chroma_weight": 0.05},
    ("risser2017", "texture"): {"style_loss": "gram,histogram(layers=relu1_1+relu4_1)"},
    # relu3_1 and relu4_1, three resolutions at least: Li and Wand 2016, section 4
    ("cnnmrf", "stylize"): GRAM
    | {"style_loss": "patches", "style_layers": "relu3_1,relu4_1", "scales": 3, "tv_chroma_weight": 0.05},
    ("cnnmrf", "texture"): {"style_loss": "patches", "layers": "relu3_1,relu4_1", "scales": 3},
    ("strotss", "stylize"): GRAM
    | PYRAMID
    | {"style_loss": "remd,moments=4,palette=2", "content_loss": "self-similarity=50", "optimizer": "rmsprop"}
    | {"content_layers": "relu3_1,relu4_2", "rate": 0.003, "steps": 30, "tv_weight": 0.3, "tv_chroma_weight": 0.3},
    ("nnst", "stylize"): GRAM
    | PYRAMID
    | {"style_loss": "nearest(samples=2048,candidates=8192),palette", "content_loss": "nearest=50"}
    | {"content_layers": "relu3_1,relu4_1", "rotations": "90,180,270", "optimizer": "adam"},
    ("heitz2021", "stylize"): GRAM | {"style_loss": "sliced", "tv_chroma_weight": 0.05},
    ("heitz2021", "texture"): {"style_loss": "sliced"},
}


def test_every_preset_has_its_numbers_here():
    there = {(name, task) for name in PRESETS for task in TASKS if getattr(PRESETS[name], task, None)}
    assert there == set(NUMBERS)


@pytest.mark.parametrize(("name", "task"), NUMBERS)
def test_numbers_are_those_of_the_source(name, task):
    found, expected = preset(name, task), NUMBERS[name, task]
    if name == "gatys2016" and task == "stylize":
        # Their code has 1 / C^2 for each layer, to two or three digits.
        layers = dict(pair.split("=") for pair in found.pop("style_layers").split(","))
        assert list(layers) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
        assert [float(weight) for weight in layers.values()] == pytest.approx([1 / c**2 for c in WIDTHS], rel=0.01)
    if task == "stylize":
        expected = {"style_layers": "usual"} | expected if "style_layers" in found else expected
    assert found == expected
