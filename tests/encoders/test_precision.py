"""Networks that compute in bfloat16, against themselves in float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from impasto.encoders import Encoder, load
from impasto.encoders.extractor import layout
from impasto.encoders.precision import has_bfloat16

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")


@pytest.fixture(scope="module")
def pair() -> tuple[Encoder, Encoder]:
    return load("lite"), load("lite", dtype=torch.bfloat16)


def picture(side: int = 64) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_features_and_gradients_are_near_those_of_float32(pair: tuple[Encoder, Encoder]) -> None:
    slopes = []
    features = [network(leaf := picture().requires_grad_(), LAYERS) for network in pair]
    for network, found in zip(pair, features, strict=True):
        leaf = picture().requires_grad_()
        sum(f.float().square().mean() for f in network(leaf, LAYERS).values()).backward()
        slopes.append(leaf.grad)
        assert set(found) == set(LAYERS)
    for layer in LAYERS:
        full, half = (found[layer] for found in features)
        assert half.dtype == torch.bfloat16
        away = float((half.detach().float() - full.detach()).norm() / full.detach().norm())
        assert 0 < away < 0.02, f"{layer}: {away}"
    assert slopes[1].dtype == torch.float32
    # Where two numbers are equal in 8 bits, a ReLU or a pooling may send the gradient another way.
    assert float((slopes[1] - slopes[0]).norm() / slopes[0].norm()) < 0.15


def test_what_is_not_a_weight_keeps_its_precision(pair: tuple[Encoder, Encoder]) -> None:
    full, half = pair
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    for name, buffer in full.named_buffers():
        assert torch.equal(half.get_buffer(name), buffer), name
    assert torch.equal(half.metric("relu3_1"), full.metric("relu3_1"))


def test_a_stretch_of_the_network_takes_features_of_either_type(pair: tuple[Encoder, Encoder]) -> None:
    _, half = pair
    found = half(picture(), ["pool2", "relu3_1"])
    for before in (found["pool2"], found["pool2"].float()):
        after = half.features(before, frozenset(["relu3_1"]), "pool2")["relu3_1"]
        assert torch.equal(after, found["relu3_1"])


def test_a_processor_computes_in_float32() -> None:
    assert not has_bfloat16(torch.device("cpu"))
    assert not has_bfloat16(torch.device("mps"))


def test_apples_gpus_are_given_rows_of_pixels() -> None:
    assert layout(torch.device("mps")) == torch.contiguous_format
    assert {layout(torch.device(name)) for name in ("cpu", "cuda")} == {torch.channels_last}
