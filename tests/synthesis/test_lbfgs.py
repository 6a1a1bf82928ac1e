from itertools import pairwise

import pytest
import torch

from impasto.errors import UsageError
from impasto.synthesis import LBFGS

START = torch.zeros(30, dtype=torch.float64)
INFINITE = float("inf")


def parameters(points):
    return torch.stack([point.parameters for point in points])


@pytest.mark.parametrize("memory", [3, 5, 20])
def test_lbfgs_walks_the_path_of_torchs(memory, bowl, walk, torchs):
    """The vector-free recursion is the textbook's to rounding, the ring buffer's wrap included."""
    loss, _ = bowl

    def make(tensors):
        return torch.optim.LBFGS(tensors, lr=1, max_iter=1, history_size=memory, tolerance_grad=0, tolerance_change=0)

    mine = parameters(walk(LBFGS(memory, reach=INFINITE), loss, START, 25)[1:])
    torch.testing.assert_close(mine, torchs(make, loss, START, 25), rtol=1e-6, atol=1e-8)


def test_lbfgs_solves_a_bowl_and_a_bent_valley(bowl, rosenbrock, walk):
    loss, minimum = bowl
    end = walk(LBFGS(20, reach=INFINITE), loss, START, 80)[-1].parameters
    torch.testing.assert_close(end, minimum, rtol=1e-5, atol=1e-6)
    end = walk(LBFGS(10), rosenbrock, torch.zeros(4, dtype=torch.float64), 400)[-1].parameters
    torch.testing.assert_close(end, torch.ones(4, dtype=torch.float64), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("line_search", [None, "wolfe"])
def test_lbfgs_makes_no_move_longer_than_its_reach(line_search, bowl, walk):
    path = parameters(walk(LBFGS(5, reach=0.01, line_search=line_search), bowl[0], START, 20))
    lengths = path.diff(dim=0).square().mean(1).sqrt()
    assert lengths.max() <= 0.01 * (1 + 1e-9)
    assert lengths.max() >= 0.0099


@pytest.mark.parametrize("line_search", [None, "wolfe"])
def test_the_reach_is_measured_in_the_picture_not_in_the_parameters(line_search, plain, bowl):
    """Where a picture is ten times its parameters, moves of them are a tenth as long."""
    measure = plain(bowl[0])
    measure.length = lambda move: 10 * float(move.square().mean().sqrt())
    optimizer, point, lengths = LBFGS(5, reach=0.01, line_search=line_search), measure(START), []
    for _ in range(12):
        before, point = point, optimizer.step(point, measure)
        lengths.append(float((point.parameters - before.parameters).square().mean().sqrt()))
    assert max(lengths) == pytest.approx(0.001, rel=1e-6)


def test_lbfgs_keeps_no_pair_of_negative_curvature(walk):
    """On a hill top (a concave function) it still goes down and stays finite."""
    path = parameters(walk(LBFGS(5), lambda x: -(x**2).sum(), torch.full((4,), 0.1, dtype=torch.float64), 10))
    assert torch.isfinite(path).all()
    assert (path[-1].abs() > 0.1).all()


@pytest.mark.parametrize("size", [2, 5, 20])
def test_every_step_of_a_line_search_satisfies_the_strong_wolfe_conditions(size, rosenbrock, walk):
    g = torch.Generator().manual_seed(size)
    start = torch.randn(size, generator=g, dtype=torch.float64)
    points = walk(LBFGS(10, reach=INFINITE, line_search="wolfe"), rosenbrock, start, 60)
    moved = 0
    for before, after in pairwise(points):
        move = after.parameters - before.parameters
        slope = float(before.gradient @ move)
        if after is before or before.loss < 1e-14:
            continue
        moved += 1
        assert slope < 0
        assert after.loss <= before.loss + 1e-4 * slope
        assert abs(float(after.gradient @ move)) <= 0.9 * abs(slope) * (1 + 1e-9)
    assert moved >= 20


@pytest.mark.parametrize("start", [[-1.2, 1.0], [2.0, -1.0, 1.5, 0.5]])
def test_with_a_line_search_it_solves_rosenbrock_as_soon_as_torchs(start, rosenbrock, plain):
    start = torch.tensor(start, dtype=torch.float64)
    x, theirs = start.clone().requires_grad_(), []
    optimizer = torch.optim.LBFGS([x], max_iter=200, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        theirs.append(float(loss.detach()))
        return loss

    optimizer.step(closure)
    measure, ours = plain(rosenbrock), LBFGS(10, reach=INFINITE, line_search="wolfe")
    point = measure(start)
    while point.loss >= 1e-10 and measure.count < 200:
        before, point = point, ours.step(point, measure)
        assert point.loss < before.loss
    assert measure.count <= 1.25 * next(k for k, loss in enumerate(theirs, 1) if loss < 1e-10)


def test_a_line_search_at_the_minimum_stays_there(plain):
    measure = plain(lambda x: x.square().sum())
    optimizer, point = LBFGS(line_search="wolfe"), measure(torch.zeros(3))
    assert optimizer.step(point, measure) is point
    assert measure.count == 1


def test_a_line_search_that_finds_nothing_forgets_what_misled_it(plain):
    """A gradient that points up: no step goes down, so the start is kept and the next direction is the gradient's."""
    measure = plain(lambda x: x.square().sum())
    optimizer, point = LBFGS(line_search="wolfe"), measure(torch.ones(3))
    point = optimizer.step(point, measure)
    assert optimizer.state()["order"]
    wrong = type(point)(point.parameters, point.loss, {}, -point.gradient)
    before = measure.count
    assert optimizer.step(wrong, measure) is wrong
    assert measure.count - before <= 20
    assert not optimizer.state()["order"]


def test_an_unknown_line_search_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"line search 'wolf' \(did you mean 'wolfe'\?\)"):
        LBFGS(line_search="wolf")


def bell(x):
    """A hole in a plain, of unit width and, as a mean over pixels has it, tiny slopes: it bends down but for its floor.

    With moves of the rate times the gradient, 20000 steps go by without a pair that could be kept.
    """
    return -1e-3 * (-(x - 0.5).square().mean() / (2 * 0.04)).exp()


@pytest.mark.parametrize("precision", ["full", "half"])
def test_moves_grow_while_the_loss_bends_down(precision, walk):
    """After two they double until the first pair, and none that follows leaps."""
    start = torch.zeros(300)
    points = walk(LBFGS(5, precision=precision), bell, start, 30)
    lengths = parameters(points).diff(dim=0).square().mean(1).sqrt()
    ratios = lengths[3:9] / lengths[2:8]
    torch.testing.assert_close(ratios, torch.full((6,), 2.0), rtol=1e-3, atol=0)
    assert points[-1].loss < 0.999 * bell(torch.full((300,), 0.5)).item()


def test_a_leap_over_the_goal_ends_the_growth(walk):
    """A slope that always leads down, to a wall: after a move that ends higher, the gradient times the rate again."""

    def wall(x):
        return -1e-3 * x.exp().mean() + 10 * torch.where(x > 0.05, 1.0, 0.0).mean()

    points = walk(LBFGS(5), wall, torch.zeros(100, dtype=torch.float64), 40)
    lengths = parameters(points).diff(dim=0).square().mean(1).sqrt()
    up = next(k for k, (before, after) in enumerate(pairwise(points)) if after.loss > before.loss)
    assert float(lengths[up + 1]) == pytest.approx(float(points[up + 1].gradient.square().mean().sqrt()), rel=1e-6)
    assert lengths[up] > 100 * lengths[up + 1]


def test_it_goes_on_growing_after_a_restart(plain):
    """The bound is part of the state."""
    measure, optimizer = plain(bell), LBFGS(5)
    point = measure(torch.zeros(300))
    for _ in range(6):
        point = optimizer.step(point, measure)
    again = LBFGS(5)
    again.restore(optimizer.state())
    for _ in range(10):
        other = again.step(point, measure)
        point = optimizer.step(point, measure)
        assert torch.equal(point.parameters, other.parameters)
