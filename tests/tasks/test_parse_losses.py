from dataclasses import dataclass

import pytest

from impasto.errors import UsageError
from impasto.tasks.objective.parse_losses import content_losses, parse_losses


@dataclass(frozen=True)
class Sliced:
    samples: int = 100
    sigma: float = 1.0


TABLE = {"gram": lambda: "gram", "sliced": Sliced}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gram", [("gram", 1.0, None)]),
        ("gram=2, sliced=0.5", [("gram", 2.0, None), (Sliced(), 0.5, None)]),
        ("sliced(samples=7, sigma=0.25)=3,gram", [(Sliced(7, 0.25), 3.0, None), ("gram", 1.0, None)]),
        ("gram(layers=relu1_1+relu4_1:0.5)", [("gram", 1.0, "relu1_1,relu4_1=0.5")]),
        ("gram=0,sliced", [(Sliced(), 1.0, None)]),
    ],
)
def test_losses_are_read_with_settings_weights_and_layers(text, expected):
    assert [(i.loss, i.weight, i.layers) for i in parse_losses(text, TABLE, "style loss")] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slices", "unknown style loss 'slices' .did you mean 'sliced'..; allowed: gram, sliced"),
        ("", "unknown style loss ''"),
        (
            "sliced(sample=3)",
            "'sliced' has no setting 'sample' .did you mean 'samples'..; allowed: samples, sigma, layers",
        ),
        ("sliced(samples=many)", "'many' in 'sliced.samples=many.' is not a number"),
        ("sliced(samples)", "'samples' in 'sliced.samples.' is no setting; write NAME=NUMBER"),
        ("gram=-1", "weight of at least 0"),
        ("gram=0", "leaves no style loss with a weight above 0"),
        ("gram)(=1", "no style loss"),
    ],
)
def test_bad_mixtures_are_refused(text, message):
    with pytest.raises(UsageError, match=message):
        parse_losses(text, TABLE, "style loss")


def test_content_losses_that_look_at_a_painting_need_one():
    assert [i.loss.needs_style for i in content_losses("features,nearest=2", with_style=True)] == [False, True]
    with pytest.raises(UsageError, match="which only stylize has"):
        content_losses("nearest")
