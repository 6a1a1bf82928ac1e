"""The number of transfers to the CPU in a step: on a GPU each one waits for all earlier work."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.image import in_memory
from impasto.synthesis import LBFGS, Descent, Evaluation, Pixels, Point
from impasto.synthesis.half_history import Changes, Halves
from impasto.synthesis.history import Matrix, Rows, Vectors
from impasto.synthesis.optimizer import numbers

SIZE = (6, 5)


class Asked(TorchDispatchMode):
    """Counts what turns a scalar of float32 into a number of Python; products in float64 are on the processor."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        scalar = func is torch.ops.aten._local_scalar_dense.default
        self.count += scalar and args[0].dtype == torch.float32
        return func(*args, **(kwargs or {}))


def evaluate(image, step):
    light, rest = (image - 0.5).square().mean(), (image.roll(1, -1) - image).pow(4).mean()
    return light + rest, {"light": light.detach(), "rest": rest.detach()}


def test_a_step_asks_for_the_length_of_its_move_alone():
    start = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    descent = Descent(start, Evaluation(Pixels(SIZE), evaluate), LBFGS())
    descent.step(1)  # the first one asks for the size of the gradient
    for number in range(2, 5):
        with Asked() as asked:
            descent.step(number)
        assert asked.count <= 1
    assert descent.point.loss < descent.first


def test_numbers_are_those_of_each_scalar():
    values = [torch.tensor(0.1), torch.tensor(1e-40), torch.tensor(3.0, requires_grad=True), torch.tensor(math.inf)]
    assert numbers(values) == [value.item() for value in values]
    mixed = [torch.tensor(0.1), torch.tensor(0.1, dtype=torch.float64)]
    assert numbers(mixed) == [value.item() for value in mixed]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_point_whose_gradient_is_not_finite_is_none_to_go_to(bad):
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum()

        @staticmethod
        def backward(ctx, slope):
            gradient = torch.ones(1, 3, *SIZE)
            gradient[0, 0, 0, 0] = bad
            return gradient

    point = Evaluation(Pixels(SIZE), lambda image, step: (Broken.apply(image), {}))(torch.zeros(1, 3, *SIZE))
    assert math.isnan(point.loss)
    assert not point.finite


@pytest.mark.parametrize("make", [lambda: Matrix(6), lambda: Halves(6, in_memory), lambda: Rows(6, in_memory)])
def test_products_in_one_transfer_are_those_of_two(make):
    store, draw = make(), torch.Generator().manual_seed(1)
    vectors = [torch.randn(70, generator=draw) for _ in range(5)]
    for s in (0, 2):
        ends = [Point(zero * vectors[s], 0.0, {}, zero * vectors[s + 1]) for zero in (0, 1)]
        pair = Changes(*ends) if isinstance(store, Halves) else Vectors(vectors[s], vectors[s + 1])
        store.put((s, s + 1), pair)
    among, along = store.products((1, 3), vectors[4])
    assert torch.equal(among, store.row_products((1, 3)))
    assert torch.equal(along, store.vector_products(vectors[4]))
    assert among.dtype == along.dtype == torch.float64
    alone, nothing = store.products((1, 3), None)
    assert torch.equal(alone, among)
    assert nothing is None


def test_a_state_knows_the_products_of_the_pair_that_came_last():
    start = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(2))
    descent = Descent(start, Evaluation(Pixels(SIZE), evaluate), LBFGS(memory=3))
    for number in range(1, 4):
        descent.step(number)
    state = descent.state()["optimizer"]
    assert len(state["order"]) == 3
    pairs = state["pairs"].double()
    torch.testing.assert_close(state["products"], pairs @ pairs.T, rtol=1e-5, atol=1e-12)
