"""Objectives to minimise, and the functions that evaluate them."""

from __future__ import annotations

import pytest
import torch

from impasto.synthesis import Point


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


@pytest.fixture
def plain():
    """Makes a measure of a function."""
    return Plain


@pytest.fixture
def walk():
    """Takes steps on a function and lists the points."""

    def walked(optimizer, loss, start, steps):
        measure = Plain(loss)
        points = [measure(start)]
        for _ in range(steps):
            points.append(optimizer.step(points[-1], measure))
        return points

    return walked


@pytest.fixture
def torchs():
    """Takes steps of one of torch's own optimisers and lists the parameters."""

    def walked(make, loss, start, steps):
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

    return walked


@pytest.fixture
def bowl():
    """A convex quadratic function of 30 numbers, and its minimum."""
    g = torch.Generator().manual_seed(0)
    a = torch.randn(30, 30, generator=g, dtype=torch.float64)
    a = a @ a.T / 30 + 0.1 * torch.eye(30, dtype=torch.float64)
    b = torch.randn(30, generator=g, dtype=torch.float64)
    return lambda x: 0.5 * x @ a @ x - b @ x, torch.linalg.solve(a, b)


@pytest.fixture
def rosenbrock():
    """The bent valley; its minimum is at ones."""
    return lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
