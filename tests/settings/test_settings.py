from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from impasto.encoders import NETWORKS
from impasto.errors import UsageError
from impasto.settings import synthesis as options
from impasto.settings.base import Settings, option
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, TextureSettings
from impasto.synthesis import OPTIMIZERS


@dataclass(frozen=True, kw_only=True)
class Sample(Settings):
    size: int = option(8, "a size", minimum=1, maximum=10)
    weight: float | None = option(None, "a weight", minimum=0)
    kind: str = option("round", "a kind", choices=("round", "square"))
    parts: tuple[str, ...] = option((), "some parts")
    loss: str | Callable[..., Any] = option("gram", "a loss")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 0}, "size must be at least 1, not 0"),
        ({"size": 11}, "size must be at most 10, not 11"),
        ({"size": "8"}, "size must be int, not '8'"),
        ({"size": True}, "size must be int, not True"),
        ({"size": None}, "size must be given"),
        ({"weight": float("nan")}, "weight must be a finite number"),
        ({"weight": -1}, "weight must be at least 0"),
        ({"kind": "sqare"}, "did you mean 'square'"),
        ({"parts": "one"}, "parts must be a list of texts, not 'one'"),
        ({"parts": [1]}, "parts must be a list of texts"),
        ({"loss": 3}, "loss must be str, not 3"),
        ({"sise": 3}, "unknown setting 'sise' .did you mean 'size'"),
    ],
)
def test_bad_values_are_refused_by_name(values, message):
    with pytest.raises(UsageError, match=message):
        Sample.from_mapping(values)


def test_whole_numbers_serve_as_real_ones():
    assert Sample(weight=2).weight == 2.0
    assert isinstance(Sample(weight=2).weight, float)


def test_lists_and_functions_are_settings_too():
    def mine(a, b):
        return a - b

    made = Sample.from_mapping({"parts": ["a", "b"], "loss": mine})
    assert made.parts == ("a", "b")
    assert made.loss is mine
    assert made.to_mapping(defaults=False) == {"parts": ["a", "b"], "loss": "mine"}


@pytest.mark.parametrize("kind", [StylizeSettings, ReconstructSettings, TextureSettings])
def test_settings_survive_the_way_through_a_mapping(kind):
    settings = kind(size=96, seed=3, optimizer="adam", tv_weight=0.5)
    assert kind.from_mapping(settings.to_mapping()) == settings
    short = settings.to_mapping(defaults=False)
    assert short == {"size": 96, "seed": 3, "optimizer": "adam", "tv_weight": 0.5}
    assert kind.from_mapping(short) == settings


def test_names_in_the_options_are_those_of_the_tables():
    assert tuple(NETWORKS) == options.NETWORKS
    assert tuple(OPTIMIZERS) == options.OPTIMIZERS
