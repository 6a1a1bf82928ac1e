from functools import partial

import pytest
import torch

from impasto.synthesis import OPTIMIZERS, Adam, Point, RMSprop

START = torch.zeros(30, dtype=torch.float64)

THEIRS = [
    (partial(Adam, 0.05), partial(torch.optim.Adam, lr=0.05, betas=(0.9, 0.99), eps=1e-12)),
    (partial(RMSprop, 0.005), partial(torch.optim.RMSprop, lr=0.005, alpha=0.99, eps=1e-12)),
]


@pytest.mark.parametrize(("make", "theirs"), THEIRS)
def test_it_walks_the_path_of_torchs(make, theirs, bowl, walk, torchs):
    mine = torch.stack([point.parameters for point in walk(make(), bowl[0], START, 30)[1:]])
    torch.testing.assert_close(mine, torchs(theirs, bowl[0], START, 30), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("make", [Adam, RMSprop])
def test_a_parameter_without_gradient_stays_where_it_is(make, walk):
    points = walk(make(), lambda x: x[0].square(), torch.ones(2), 5)
    assert points[-1].parameters[1] == 1
    assert points[-1].parameters[0] < 1


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_slower_is_the_same_method_at_a_quarter_of_the_rate(make):
    optimizer = make()
    slower = optimizer.slower()
    assert type(slower) is type(optimizer)
    assert slower.rate == optimizer.rate / 4
    same = {
        name: value for name, value in vars(optimizer).items() if name in ("memory", "reach", "line_search", "keep")
    }
    assert same == {name: getattr(slower, name) for name in same}


def arrives(value):
    return lambda _: Point(value.view(1), 0.0, {}, torch.ones(1))


def test_adams_average_is_the_weighted_mean_of_its_points():
    adam, points = Adam(keep=0.9), torch.tensor([1.0, 2.0, 4.0])
    assert adam.average() is None
    for value in points:
        adam.step(Point(torch.zeros(1), 0.0, {}, torch.ones(1)), arrives(value))
    weights = 0.9 ** torch.tensor([2.0, 1.0, 0.0])
    assert adam.average().item() == pytest.approx(((weights * points).sum() / weights.sum()).item())


def stepped(gradient, steps=3, **options):
    adam = Adam(**options)
    point = Point(torch.zeros_like(gradient), 0.0, {}, gradient)
    for _ in range(steps):
        adam.step(point, lambda x: Point(x, 0.0, {}, gradient))
    return adam


def test_carried_moments_of_a_constant_gradient_are_those_of_a_quarter_of_it_at_twice_the_size():
    """A mean over four times the positions has a fourth of the gradient at each."""
    old, new = stepped(torch.full((1, 3, 6, 8), -0.4)), Adam(carry=True)
    new.carry_over(old, (12, 16))
    expected = stepped(torch.full((1, 3, 12, 16), -0.1)).state()
    state = new.state()
    torch.testing.assert_close(state["mean"], expected["mean"])
    torch.testing.assert_close(state["square"], expected["square"])
    assert state["steps"] == 3
    assert new.average() is None
    move = new.move(torch.full((1, 3, 12, 16), -0.1))
    torch.testing.assert_close(move, torch.full_like(move, 0.02))


def test_carried_moments_make_no_leap_where_there_was_no_gradient():
    """Beside an edge of zeros the enlarged mean is not zero where the enlarged square is."""
    gradient = torch.zeros(1, 3, 8, 8)
    gradient[..., :4] = torch.rand(1, 3, 8, 4, generator=torch.Generator().manual_seed(0)) + 0.5
    new = Adam(carry=True)
    new.carry_over(stepped(gradient), (16, 16))
    move = new.move(torch.zeros(1, 3, 16, 16))
    assert move.abs().max() <= 2 * 0.02
    assert (move[..., 12:] == 0).all()


def test_nothing_is_carried_unless_told_nor_from_another_method():
    fresh = Adam().state()["mean"]
    old = stepped(torch.ones(1, 3, 4, 4))
    for adam, source in ((Adam(), old), (Adam(carry=True), RMSprop()), (Adam(carry=True), None)):
        adam.carry_over(source, (8, 8))
        torch.testing.assert_close(adam.state()["mean"], fresh)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("steps", [0, 1, 7, 30])
def test_a_restored_optimiser_goes_on_to_the_bit(make, steps, rosenbrock, walk):
    """More steps than L-BFGS remembers; and what is remembered of the first is not touched by what it does next."""
    start = torch.linspace(-1, 1, 6, dtype=torch.float32)
    first, second, third = make(), make(), make()
    here = walk(first, rosenbrock, start, steps)[-1].parameters
    state = first.state()
    going_on = walk(first, rosenbrock, here, 8)
    for other in (second, third):
        other.restore(state)
        resumed = walk(other, rosenbrock, here, 8)
        assert all(torch.equal(a.parameters, b.parameters) for a, b in zip(going_on, resumed, strict=True))
