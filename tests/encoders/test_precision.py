"""Networks in bfloat16, against the same networks in float32."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from impasto.encoders import Encoder, load
from impasto.encoders.extractor import layout
from impasto.encoders.loading import has_bfloat16

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")


@pytest.fixture(scope="module")
def pair() -> tuple[Encoder, Encoder]:
    return load("lite"), load("lite", dtype=torch.bfloat16)


def picture(side: int = 64) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


class Rounded(torch.autograd.Function):
    """Numbers rounded to 8 bits, on the way there and back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.bfloat16().float()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope.bfloat16().float()


@pytest.fixture(scope="module")
def rounded() -> Encoder:
    """A float32 network whose weights, and the results of whose convolutions, are rounded to bfloat16.

    Max pooling and ReLU round nothing. What bfloat16 costs is thus known without the processor's own bfloat16.
    """
    network = load("lite")
    for parameter in network.parameters():
        parameter.copy_(parameter.bfloat16())
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_pre_hook(lambda _, given: (Rounded.apply(given[0]),))
            module.register_forward_hook(lambda _, given, found: Rounded.apply(found))
    return network


def seen(network: Encoder) -> tuple[dict[str, Tensor], Tensor]:
    """The features of a picture, and the gradient of the mean of their squares by the picture."""
    leaf = picture().requires_grad_()
    features = network(leaf, LAYERS)
    (slope,) = torch.autograd.grad(sum(f.float().square().mean() for f in features.values()), leaf)
    return {layer: f.detach() for layer, f in features.items()}, slope


def test_features_and_gradients_cost_what_rounding_to_8_bits_costs(pair: tuple[Encoder, Encoder], rounded: Encoder):
    """Against the same network with each convolution rounded once; sums in bfloat16 may round twice as often.

    Where two numbers are equal in 8 bits, a ReLU or a pooling may send the gradient another way.
    """
    (full, slope), (half, steps), (expected, model) = (seen(network) for network in (*pair, rounded))
    assert set(half) == set(LAYERS)
    for layer in LAYERS:
        assert half[layer].dtype == torch.bfloat16
        away, cost = ((each[layer].float() - full[layer]).norm() / full[layer].norm() for each in (half, expected))
        assert 0 < away < 2 * cost < 0.1, layer
    assert steps.dtype == torch.float32
    away, cost = ((each - slope).norm() / slope.norm() for each in (steps, model))
    assert 0 < away < 2 * cost < 1


def test_what_is_not_a_weight_keeps_its_precision(pair: tuple[Encoder, Encoder]) -> None:
    full, half = pair
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    for name, buffer in full.named_buffers():
        assert torch.equal(half.get_buffer(name), buffer), name
    assert torch.equal(half.metric("relu3_1"), full.metric("relu3_1"))


def test_a_stretch_of_the_network_takes_features_of_either_type(pair: tuple[Encoder, Encoder]) -> None:
    _, half = pair
    result = half(picture(), ["pool2", "relu3_1"])
    for before in (result["pool2"], result["pool2"].float()):
        after = half.features(before, frozenset(["relu3_1"]), "pool2")["relu3_1"]
        assert torch.equal(after, result["relu3_1"])


def test_a_processor_computes_in_float32() -> None:
    assert not has_bfloat16(torch.device("cpu"))
    assert not has_bfloat16(torch.device("mps"))


def test_apples_gpus_are_given_rows_of_pixels() -> None:
    assert layout(torch.device("mps")) == torch.contiguous_format
    assert {layout(torch.device(name)) for name in ("cpu", "cuda")} == {torch.channels_last}
