"""L-BFGS with pairs in separate rows, in half precision, or in memory of the caller."""

import pytest
import torch

from impasto.errors import UsageError
from impasto.image import in_memory
from impasto.synthesis import LBFGS, Point, load_state, save_state
from impasto.synthesis.checkpoint import State

INFINITE = float("inf")
HISTORIES = {
    "matrix": {},
    "rows": {"allocate": in_memory},
    "half": {"precision": "half"},
}


def evaluations(measure, optimizer, start, goal, most=400):
    """How many it takes until the loss is below the goal."""
    point = measure(start)
    while point.loss > goal and measure.count < most:
        point = optimizer.step(point, measure)
    return measure.count


def remember(optimizer, s, y):
    origin = Point(torch.zeros_like(s), 0.0, {}, torch.zeros_like(y))
    optimizer._remember(optimizer._pair(origin, Point(s, 0.0, {}, y), s))


@pytest.mark.parametrize("memory", [3, 20])
def test_rows_walk_the_path_of_torchs(memory, bowl, walk, torchs):
    """Memory of the caller's changes nothing but rounding."""
    start = torch.zeros(30, dtype=torch.float64)

    def make(tensors):
        return torch.optim.LBFGS(tensors, lr=1, max_iter=1, history_size=memory, tolerance_grad=0, tolerance_change=0)

    mine = walk(LBFGS(memory, reach=INFINITE, allocate=in_memory), bowl[0], start, 25)[1:]
    result = torch.stack([point.parameters for point in mine])
    torch.testing.assert_close(result, torchs(make, bowl[0], start, 25), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("line_search", [None, "wolfe"])
@pytest.mark.parametrize("precision", ["full", "half"])
def test_half_precision_solves_a_bowl_as_soon(precision, line_search, bowl, plain):
    """To 14 digits: that the pairs are rounded bends the metric a little, and leaves the minimum where it is."""
    loss, minimum = bowl
    optimizer = LBFGS(20, reach=INFINITE, line_search=line_search, precision=precision)
    goal = float(loss(minimum)) + 1e-14
    assert evaluations(plain(loss), optimizer, torch.zeros(30, dtype=torch.float64), goal) <= 57  # torch's own: 48


@pytest.mark.parametrize("line_search", [None, "wolfe"])
def test_half_precision_walks_the_bent_valley_as_soon(line_search, rosenbrock, plain):
    def count(precision):
        reach = 0.1 if line_search is None else INFINITE
        optimizer = LBFGS(20, reach=reach, line_search=line_search, precision=precision)
        return evaluations(plain(rosenbrock), optimizer, torch.full((20,), -0.5, dtype=torch.float64), 1e-10)

    full = count("full")
    assert 50 < full < 300
    assert count("half") <= 1.1 * full


def test_half_precision_is_another_path_than_full(bowl, walk):
    start = torch.zeros(30, dtype=torch.float64)
    full, half = (walk(LBFGS(5, precision=name), bowl[0], start, 8)[-1].parameters for name in ("full", "half"))
    assert not torch.equal(full, half)
    torch.testing.assert_close(half, full, rtol=0.05, atol=0.01)


def test_a_pair_whose_curvature_is_lost_in_rounding_is_not_kept():
    """The curvature is 1e-5, and that of what float16 keeps of the pair is 0."""
    s, y = torch.tensor([1.0, 1.0]), torch.tensor([1.00001, -1.0])
    for precision, kept in (("full", 1), ("half", 0)):
        optimizer = LBFGS(2, precision=precision)
        remember(optimizer, s, y)
        assert len(optimizer.state()["order"]) == kept
    gradient = torch.tensor([3.0, 4.0])
    assert torch.equal(optimizer._direction(gradient), -gradient)
    for scale in (1.0, 2.0, 3.0, 4.0):  # the ring goes on, and loses its oldest to such a pair
        remember(optimizer, s, scale * s)
    assert optimizer.state()["order"] == [0, 1]
    remember(optimizer, s, y)
    assert optimizer.state()["order"] == [1]
    torch.testing.assert_close(optimizer._direction(s), -s / 4)
    fresh = LBFGS(2, precision="half")
    fresh.restore(optimizer.state())
    assert torch.equal(fresh._direction(gradient), optimizer._direction(gradient))
    remember(fresh, s, 5 * s)
    assert fresh.state()["order"] == [1, 0]
    torch.testing.assert_close(fresh._direction(s), -s / 5)


@pytest.mark.parametrize("options", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("line_search", [None, "wolfe"])
def test_it_goes_on_from_a_file_to_the_bit_wherever_it_was_stopped(options, line_search, rosenbrock, plain, tmp_path):
    """Before the first pair, with a ring half full, and after its wrap."""
    measure, make = plain(rosenbrock), lambda: LBFGS(4, line_search=line_search, **options)
    optimizer, points = make(), [measure(torch.full((50,), -0.5))]
    for step in range(12):
        save_state(tmp_path / f"{step}", State(1, step, step, 0.0, optimizer.state()), "")
        points.append(optimizer.step(points[-1], measure))
    for step in range(12):
        again, point = make(), points[step]
        again.restore(load_state(tmp_path / f"{step}", "").descent)
        for expected in points[step + 1 :]:
            point = again.step(point, measure)
            assert torch.equal(point.parameters, expected.parameters)


@pytest.mark.parametrize("precision", ["full", "half"])
def test_a_short_run_makes_few_rows_and_a_long_one_no_more_than_the_ring(precision, bowl, walk):
    made = []

    def allocate(shape, dtype, device):
        made.append((shape, dtype))
        return in_memory(shape, dtype, device)

    optimizer = LBFGS(8, precision=precision, allocate=allocate)
    kind = torch.float16 if precision == "half" else torch.float64
    for steps, rows in ((5, 10), (20, 16)):
        made.clear()
        walk(optimizer.slower(), bowl[0], torch.zeros(30, dtype=torch.float64), steps)
        kept = [kind for kind in made if kind == ((30,), torch.float16)] if precision == "half" else made
        per_step = 0 if precision == "half" else 3 * steps  # direction, next point and the change of gradients
        assert kept == [((30,), kind)] * (rows + per_step)


def test_slower_keeps_how_pairs_are_kept():
    slower = LBFGS(7, 1.0, 0.2, "wolfe", precision="half", allocate=in_memory).slower()
    assert (slower.memory, slower.rate, slower.reach, slower.line_search) == (7, 0.25, 0.2, "wolfe")
    assert (slower.precision, slower.allocate) == ("half", in_memory)


def test_an_unknown_precision_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"precision 'halves' \(did you mean 'half'\?\)"):
        LBFGS(precision="halves")
