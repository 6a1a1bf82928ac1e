"""Compiled networks, with a backend of torch.compile that runs the captured graph and needs no C++ compiler."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from impasto.encoders.compiled import compile_network
from impasto.encoders.vgg import VGG
from impasto.errors import ImpastoError

# Dynamo itself looks at the gradient of whatever it is handed.
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")

LAYERS = ("relu1_1", "conv2_1", "relu2_1", "relu5_1")


def seen(network: VGG, side: int) -> tuple[dict[str, Tensor], Tensor]:
    leaf = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(side)).requires_grad_()
    result = network(leaf, LAYERS)
    return result, torch.autograd.grad(sum(f.square().sum() for f in result.values()), leaf)[0]


def test_features_and_gradients_are_the_same(tiny: VGG) -> None:
    expected = {side: seen(tiny, side) for side in (32, 48)}
    called = []

    def backend(graph: torch.fx.GraphModule, _: list[Tensor]) -> object:
        def run(*inputs: Tensor) -> object:
            called.append(graph)
            return graph.forward(*inputs)

        return run

    network = compile_network(tiny, backend)
    for side in (32, 32, 32, 48, 48):
        result, slope = seen(network, side)
        for layer in LAYERS:
            torch.testing.assert_close(result[layer], expected[side][0][layer])
            assert result[layer].stride() == expected[side][0][layer].stride()
        torch.testing.assert_close(slope, expected[side][1])
    assert len(called) == 3, "the first time at each size is not worth compiling, every other one is compiled whole"


def test_pictures_without_gradient_are_not_compiled(tiny: VGG) -> None:
    def backend(*_: object) -> object:
        raise AssertionError("compiled")

    network = compile_network(tiny, backend)
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(1, 3, 32, 32), LAYERS)


def test_a_gradient_that_is_kept_is_not_the_compilers_memory(tiny: VGG) -> None:
    """CUDA graphs give each result in the same memory; so does this backend."""
    memory: dict[str, Tensor] = {}

    class Reused(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient):
            return memory.setdefault("slope", torch.empty_like(gradient)).copy_(gradient)

    def backend(graph: torch.fx.GraphModule, _: list[Tensor]) -> object:
        return lambda *inputs: graph.forward(
            *(Reused.apply(x) if isinstance(x, Tensor) and x.requires_grad else x for x in inputs)
        )

    network = compile_network(tiny, backend)
    leaf = torch.rand(1, 3, 32, 32).requires_grad_()
    slopes = [
        torch.autograd.grad(factor * network(leaf, ["relu1_1"])["relu1_1"].sum(), leaf)[0] for factor in (1.0, 1.0, 2.0)
    ]
    assert memory
    torch.testing.assert_close(slopes[2], 2 * slopes[1])


def test_a_compiler_that_is_missing_is_told_in_one_line(tiny: VGG) -> None:
    def backend(*_: object) -> object:
        raise RuntimeError("no working C++ compiler\nsecond line")

    network = compile_network(tiny, backend)
    seen(network, 32)
    with pytest.raises(ImpastoError, match=r"cannot be compiled here .*leave out --compile") as caught:
        seen(network, 32)
    assert "\n" not in str(caught.value)
