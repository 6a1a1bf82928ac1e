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
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Number of threads of PyTorch, which belongs to the program and not to a library."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "set_num_threads", lambda count: pytest.fail(f"set to {count} threads"))
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
    result = convolve(x, transform(weight), bias)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    assert result.is_contiguous(memory_format=torch.channels_last)
    pull = draw(*expected.shape, seed=3)
    ours, theirs = (torch.autograd.grad(y, x, pull)[0] for y in (result, expected))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_gradcheck() -> None:
    x, filters = draw(1, 2, 5, 6).requires_grad_(), transform(draw(3, 2, 3, 3, seed=1))
    assert torch.autograd.gradcheck(lambda x: convolve(x, filters, draw(3)), x)


ROUNDOFF = 2.0**-24
"""Of float32: the largest relative error of one rounding."""

AMPLIFICATION = 6.95, 10.45
"""How many times the error of a product of windows and filters is amplified in the result: on average, and at most."""


def amplification(points: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """The factors of `AMPLIFICATION` for other points.

    Let filters and windows be white noise. In one dimension, the product at point i has variance |G_i|^2 |B_i|^2, and
    `A^T` adds up the six products' errors to sum_i A_pi^2 |G_i|^2 |B_i|^2 at output p, where the result itself has
    variance 3. The ratio of the two is the amplification k_p of a variance in one dimension. At the output (p, q) it is
    k_p k_q; the root of its mean over outputs is the mean of k.
    """
    with monkeypatch.context() as patch:
        patch.setattr(winograd, "POINTS", points)
        g, b, a = (matrix.square() for matrix in winograd._matrices())
    k = a @ (g.sum(1) * b.sum(1)) / 3
    return k.mean().item(), k.max().item()


def errors(channels: int, width: int) -> list[tuple[float, float, float]]:
    """Errors in float32, each as (of the whole, relative to its norm; the largest, in units of the mean square; the
    bound of the first), for the result and for the gradient to the input.

    The bound: a rounding error is uniform within an interval of at most twice the roundoff, so its relative deviation
    is at most 1 / sqrt(3) roundoffs. Rounding errors are taken as independent, as in Higham and Mary (2019). A sum of C
    products of random signs has the largest error when it is summed one by one: the i-th partial sum has i/C of the
    sum's variance, which makes C/2 roundings of a number as large as the sum. Any other order, blocks, or several
    accumulators only do better, so the bound holds on every processor. Four small transforms with up to six roundings
    each, at partial sums that are half as large on average, make 12 more; the filters' and the bias's make 14.
    """
    x, weight = draw(1, channels, 17, 14, dtype=torch.float32).relu_(), draw(width, channels, 3, 3, seed=1).float()
    inexact, exact = x.clone().requires_grad_(), x.double().requires_grad_()
    result, expected = (
        convolve(inexact, transform(weight), torch.zeros(width)),
        F.conv2d(exact, weight.double(), padding=1),
    )
    pull = draw(*expected.shape, seed=3).float()
    gradients = (
        torch.autograd.grad(result, inexact, pull)[0],
        torch.autograd.grad(expected, exact, pull.double())[0],
    )
    pairs = ((result, expected, channels), (*gradients, width))
    actual = []
    for ours, theirs, terms in pairs:
        error, bound = ours.double() - theirs, ROUNDOFF / 3**0.5 * AMPLIFICATION[0] * (terms / 2 + 14) ** 0.5
        size = theirs.square().mean().sqrt()
        actual.append(((error.norm() / theirs.norm()).item(), (error.abs().max() / size).item(), bound))
    return actual


@pytest.mark.parametrize(("channels", "width"), [(64, 64), (256, 128), (512, 512)])
def test_precision(channels: int, width: int) -> None:
    """Against exact arithmetic; single values are within six deviations of the outputs of largest amplification."""
    for error, largest, bound in errors(channels, width):
        assert error < bound
        assert largest < 6 * bound * AMPLIFICATION[1] / AMPLIFICATION[0]


def test_the_bound_holds_for_the_least_precise_order_of_summation(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, each product rounded: then the bound is no more than twice the error."""
    product = torch.bmm

    def one_by_one(left: Tensor, right: Tensor, *, out: Tensor) -> Tensor:
        if left.shape[0] != 36:
            return product(left, right, out=out)
        out.zero_()
        for i in range(left.shape[2]):
            out += left[:, :, i : i + 1] * right[:, i : i + 1]
        return out

    monkeypatch.setattr(torch, "bmm", one_by_one)
    for error, largest, bound in errors(256, 256):
        assert bound / 2 < error < bound
        assert largest < 6 * bound * AMPLIFICATION[1] / AMPLIFICATION[0]


@pytest.mark.parametrize("part", ["filters", "windows"])
def test_half_precision_is_found(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Float16 in any part misses the bound by a factor of more than a hundred."""
    product = torch.bmm

    def halved(left: Tensor, right: Tensor, *, out: Tensor) -> Tensor:
        if left.shape[0] == 36:
            left, right = (left.half().float(), right) if part == "windows" else (left, right.half().float())
        return product(left, right, out=out)

    monkeypatch.setattr(torch, "bmm", halved)
    for error, _, bound in errors(64, 64):
        assert error > 100 * bound


def test_the_points_lose_little_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worse points amplify more, by analysis and by as much in fact, whatever the processor."""
    mean, most = amplification(winograd.POINTS, monkeypatch)
    assert (mean, most) == pytest.approx((125 / 18, 94 / 9))
    assert mean < AMPLIFICATION[0] < 1.01 * mean
    assert most < AMPLIFICATION[1] < 1.01 * most
    ours = errors(128, 128)
    for worse in ((0.0, 1.0, -1.0, 2.0, -2.0), (0.0, 1.0, -1.0, 2.0, 0.5)):
        expected = amplification(worse, monkeypatch)[0] / mean
        assert expected > 1.5
        with monkeypatch.context() as patch:
            patch.setattr(winograd, "POINTS", worse)
            for name, matrix in zip("GBA", winograd._matrices(), strict=True):
                patch.setattr(winograd, name, matrix)
            for (error, *_), (before, *_) in zip(errors(128, 128), ours, strict=True):
                assert error / before == pytest.approx(expected, rel=0.2)


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
    frozen(64, 64)(draw(1, 64, 256, 256, dtype=torch.float32))  # slower on processors of either maker
    assert len(seen) == 1


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
    monkeypatch.setattr(winograd, "BUFFERS", threading.local())
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
