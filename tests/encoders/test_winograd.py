from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.encoders import winograd
from impasto.encoders.vgg import VGG
from impasto.encoders.winograd import Conv3x3, convolve, transform

SIZES = [(1, 1), (1, 9), (4, 4), (5, 3), (8, 12), (13, 7), (6, 31)]


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def frozen(channels: int, width: int, seed: int = 1) -> Conv3x3:
    layer = Conv3x3(channels, width).requires_grad_(False)
    layer.weight.copy_(draw(width, channels, 3, 3, seed=seed) / (3 * channels**0.5))
    layer.bias.copy_(draw(width, seed=seed + 1))
    return layer


def count(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Notes the shape of every input that is convolved by minimal filtering from now on."""
    seen: list[tuple[int, ...]] = []

    def noting(x: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return convolve(x, filters, bias)

    monkeypatch.setattr(winograd, "convolve", noting)
    return seen


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == torch.get_num_threads() == request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tiles", [1, 3, 1000])
def test_is_the_convolution_and_its_gradient(
    size: tuple[int, int], tiles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "TILES", tiles)
    x, weight, bias = draw(2, 5, *size).requires_grad_(), draw(7, 5, 3, 3, seed=1), draw(7, seed=2)
    expected = F.conv2d(x, weight, bias, padding=1)
    found = convolve(x, transform(weight), bias)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert found.is_contiguous(memory_format=torch.channels_last)
    pull = draw(*expected.shape, seed=3)
    ours, theirs = (torch.autograd.grad(y, x, pull)[0] for y in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_gradcheck() -> None:
    x, filters = draw(1, 2, 5, 6).requires_grad_(), transform(draw(3, 2, 3, 3, seed=1))
    assert torch.autograd.gradcheck(lambda x: convolve(x, filters, draw(3)), x)


@pytest.mark.parametrize(("channels", "width"), [(64, 64), (256, 128), (512, 512)])
def test_precision(channels: int, width: int) -> None:
    """Against exact arithmetic: 1e-6 of the norm, and no single value worse than 1e-5 of the largest."""
    x, weight = draw(1, channels, 17, 14).relu_().requires_grad_(), draw(width, channels, 3, 3, seed=1)
    exact = F.conv2d(x, weight, padding=1)
    pull = draw(*exact.shape, seed=3)
    inexact = x.detach().float().requires_grad_()
    found = convolve(inexact, transform(weight.float()), torch.zeros(width))
    pairs = (
        (found, exact),
        (torch.autograd.grad(found, inexact, pull.float())[0], torch.autograd.grad(exact, x, pull)[0]),
    )
    for ours, theirs in pairs:
        error = ours.double() - theirs
        assert error.norm() < 2e-6 * theirs.norm()
        assert error.abs().max() < 1e-5 * theirs.abs().max()


@pytest.mark.usefixtures("threads")
def test_same_bytes_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "TILES", 30)
    layer, x = frozen(128, 136), draw(1, 128, 21, 30, dtype=torch.float32).requires_grad_()
    results = [layer(x) for _ in range(3)]
    gradients = [torch.autograd.grad(y.square().sum(), x)[0] for y in results]
    for one, other in itertools.chain(itertools.pairwise(results), itertools.pairwise(gradients)):
        assert torch.equal(one, other)


def test_any_layout_and_the_input_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, seen = frozen(128, 128), count(monkeypatch)
    x = draw(2, 128, 15, 19, dtype=torch.float32)
    before = x.clone()
    straight, last, strided = (
        layer(x),
        layer(x.to(memory_format=torch.channels_last)),
        layer(x.repeat_interleave(2, 3)[..., ::2]),
    )
    assert len(seen) == 3
    assert torch.equal(straight, last)
    assert torch.equal(straight, strided)
    assert torch.equal(x, before)


def test_in_place_on_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, seen, x = frozen(128, 128), count(monkeypatch), draw(1, 128, 16, 16, dtype=torch.float32).requires_grad_()
    ours = torch.autograd.grad(F.relu_(layer(x)).square().sum(), x)[0]
    theirs = torch.autograd.grad(F.relu(F.conv2d(x, layer.weight, layer.bias, padding=1)).square().sum(), x)[0]
    assert seen
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_second_derivatives_are_refused() -> None:
    x = draw(1, 2, 4, 4).requires_grad_()
    (gradient,) = torch.autograd.grad(
        convolve(x, transform(draw(2, 2, 3, 3, seed=1)), draw(2)).square().sum(), x, create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_only_where_it_is_valid_and_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count(monkeypatch)
    x = draw(1, 128, 16, 16, dtype=torch.float32)
    layer = frozen(128, 128)
    layer(x)
    assert seen == [(1, 128, 16, 16)]
    layer.winograd = False
    layer(x)
    layer.winograd = True
    layer(x[..., :12])  # too few tiles for the filters
    layer.double()(x.double())
    layer.bfloat16()(x.bfloat16())
    frozen(127, 128)(x[:, :127])
    frozen(128, 127)(x)
    layer.float()(x[0])  # a picture without a batch
    layer.to("meta")(x.to("meta"))
    assert len(seen) == 1
    middling = frozen(64, 64)
    middling(draw(1, 64, 128, 124, dtype=torch.float32))
    assert len(seen) == 1
    middling(draw(1, 64, 128, 128, dtype=torch.float32))
    assert len(seen) == 2


def test_weights_that_learn_get_their_gradient() -> None:
    layer = frozen(128, 128).requires_grad_()
    layer(draw(1, 128, 16, 16, dtype=torch.float32)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.bias is not None
    assert layer.bias.grad is not None
    layer.weight.requires_grad_(False)
    layer.bias.grad = None
    layer(draw(1, 128, 16, 16, dtype=torch.float32)).sum().backward()
    assert layer.bias.grad is not None


def test_new_weights_are_noticed() -> None:
    layer, x = frozen(128, 128), draw(1, 128, 16, 16, dtype=torch.float32)

    def check() -> None:
        expected = F.conv2d(x, layer.weight, layer.bias, padding=1)
        torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)

    check()
    layer.weight.mul_(-2)
    check()
    layer.load_state_dict(frozen(128, 128, seed=5).state_dict())
    check()
    layer.load_state_dict(frozen(128, 128, seed=7).state_dict(), assign=True)
    check()
    layer.weight.data = layer.weight.data.flip(0)
    check()
    layer.double().float()
    check()
    twin = copy.deepcopy(layer)
    twin.weight.mul_(3)
    check()
    layer = twin
    check()


@pytest.mark.usefixtures("threads")
def test_inference_mode_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "TILES", 10)
    monkeypatch.setattr(winograd, "KEPT", threading.local())
    layer, x = frozen(128, 128), draw(1, 128, 16, 16, dtype=torch.float32)
    with torch.inference_mode():
        first = layer(x)
    second = layer(x.requires_grad_())
    second.sum().backward()
    assert torch.equal(first, second)
    with torch.inference_mode():
        twin = frozen(128, 128)
        torch.testing.assert_close(twin(x.detach()), first, rtol=1e-4, atol=1e-4)


def test_filters_are_no_part_of_the_state() -> None:
    layer = frozen(128, 128)
    layer(draw(1, 128, 16, 16, dtype=torch.float32))
    assert set(layer.state_dict()) == {"weight", "bias"}


def test_in_a_wide_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network, seen = VGG("wide", ((128, 128), (128, 128))), count(monkeypatch)
    for parameter in network.parameters():
        parameter.copy_(draw(*parameter.shape, dtype=torch.float32) / parameter[0].numel() ** 0.5)
    image = torch.rand(1, 3, 50, 70, generator=torch.Generator().manual_seed(6)).requires_grad_()

    def both() -> tuple[Tensor, Tensor]:
        features = network(image, ["relu2_2"])["relu2_2"]
        return features, torch.autograd.grad(features.square().mean(), image)[0]

    fast = both()
    assert len(seen) == 3, "all but the first, which has three channels"
    network.winograd = False
    for ours, theirs, tolerance in zip(fast, both(), (1e-5, 1e-2), strict=True):  # a ReLU's gradient jumps
        assert (ours - theirs).norm() < tolerance * theirs.norm()
    assert len(seen) == 3
    assert not VGG("wide", ((4,),), winograd=False).winograd


def test_not_in_a_narrow_one(tiny: VGG, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count(monkeypatch)
    tiny(torch.rand(1, 3, 64, 64), tiny.layers)
    assert not seen
