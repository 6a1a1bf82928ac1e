from __future__ import annotations

import pytest

from impasto.encoders import load
from impasto.jobs.labels import LAST, layer_notices
from impasto.jobs.results import Record


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ("conv_1-16", "conv_14, conv_15, conv_16"),
        ("conv_1,6,14", "conv_14"),
        ("conv_2, 16=0.5", "conv_16"),
        ("relu_15", "conv_15"),
        ("conv_1-13", None),
        ("relu1_1,relu5_1,conv5_1", None),
    ],
)
def test_layers_beyond_the_deepest_are_told(layers: str, told: str | None) -> None:
    found = layer_notices([Record("k", 0, settings={"style_layers": layers})])
    assert [told in notice if told else False for notice in found] == ([True] if told else [])
    assert layer_notices([Record("k", 0, settings={"style_layers": layers, "network": "vgg19"}, network="vgg19")]) == []


def test_it_is_so_with_the_network() -> None:
    network = load("lite")
    assert {network.resolve(f"conv_{k}") for k in range(LAST, 17)} == {network.resolve(f"conv_{LAST}")}
    assert network.resolve(f"conv_{LAST - 1}") != network.resolve(f"conv_{LAST}")
