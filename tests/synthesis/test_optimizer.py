import pytest
import torch

from impasto.synthesis import LBFGS, Adam, Point


class Plain:
    """Measures a function of any tensor; the parameters are their own picture."""

    def __init__(self, loss):
        self.loss, self.count = loss, 0

    def __call__(self, parameters):
        self.count += 1
        leaf = parameters.detach().clone().requires_grad_()
        value = self.loss(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        return Point(leaf.detach(), float(value.detach()), {}, gradient)

    def length(self, move):
        return float(move.square().mean().sqrt())


def bowl(size: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    a = torch.randn(size, size, generator=g, dtype=torch.float64)
    return a @ a.T / size + 0.1 * torch.eye(size, dtype=torch.float64), torch.randn(
        size, generator=g, dtype=torch.float64
    )


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def ours(optimizer, loss, start, steps):
    measure = Plain(loss)
    point, path = measure(start), []
    for _ in range(steps):
        point = optimizer.step(point, measure)
        path.append(point.parameters)
    return torch.stack(path)


def theirs(make, loss, start, steps):
    x, path = start.clone().requires_grad_(), []
    optimizer = make([x])

    def closure():
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        return value

    for _ in range(steps):
        optimizer.step(closure)
        path.append(x.detach().clone())
    return torch.stack(path)


@pytest.mark.parametrize("memory", [3, 5, 20])
def test_lbfgs_walks_the_path_of_torchs(memory):
    """The vector-free recursion is the textbook's to rounding, the ring buffer's wrap included."""
    a, b = bowl()
    start = torch.zeros(30, dtype=torch.float64)

    def loss(x):
        return 0.5 * x @ a @ x - b @ x

    def make(parameters):
        return torch.optim.LBFGS(
            parameters, lr=1, max_iter=1, history_size=memory, tolerance_grad=0, tolerance_change=0
        )

    mine = ours(LBFGS(memory, reach=float("inf")), loss, start, 25)
    torch.testing.assert_close(mine, theirs(make, loss, start, 25), rtol=1e-6, atol=1e-8)


def test_lbfgs_solves_a_bowl_and_a_bent_valley():
    a, b = bowl()
    path = ours(
        LBFGS(20, reach=float("inf")), lambda x: 0.5 * x @ a @ x - b @ x, torch.zeros(30, dtype=torch.float64), 80
    )
    torch.testing.assert_close(path[-1], torch.linalg.solve(a, b), rtol=1e-5, atol=1e-6)
    path = ours(LBFGS(10), rosenbrock, torch.zeros(4, dtype=torch.float64), 400)
    torch.testing.assert_close(path[-1], torch.ones(4, dtype=torch.float64), rtol=1e-3, atol=1e-3)


def test_lbfgs_makes_no_move_longer_than_its_reach():
    a, b = bowl()
    path = ours(LBFGS(5, reach=0.01), lambda x: 0.5 * x @ a @ x - b @ x, torch.zeros(30, dtype=torch.float64), 20)
    lengths = path.diff(dim=0).square().mean(1).sqrt()
    assert lengths.max() <= 0.01 * (1 + 1e-9)
    assert lengths.max() >= 0.0099


def test_lbfgs_keeps_no_pair_of_negative_curvature():
    """On a hill top (a concave function) it still goes down and stays finite."""
    path = ours(LBFGS(5), lambda x: -(x**2).sum(), torch.full((4,), 0.1, dtype=torch.float64), 10)
    assert torch.isfinite(path).all()
    assert (path[-1].abs() > 0.1).all()


def test_adam_walks_the_path_of_torchs():
    a, b = bowl()
    start = torch.zeros(30, dtype=torch.float64)

    def loss(x):
        return 0.5 * x @ a @ x - b @ x

    mine = ours(Adam(0.05), loss, start, 30)
    expected = theirs(lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.9, 0.99), eps=1e-12), loss, start, 30)
    torch.testing.assert_close(mine, expected, rtol=1e-7, atol=1e-9)


def test_adams_average_is_the_weighted_mean_of_its_points():
    adam, points = Adam(keep=0.9), torch.tensor([1.0, 2.0, 4.0])
    for value in points:
        adam.step(
            Point(torch.zeros(1), 0.0, {}, torch.ones(1)), lambda _, value=value: Point(value.view(1), 0.0, {}, None)
        )
    weights = 0.9 ** torch.tensor([2.0, 1.0, 0.0])
    assert adam.average().item() == pytest.approx(((weights * points).sum() / weights.sum()).item())
