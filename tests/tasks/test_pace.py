"""The measurement itself, once with real steps; what it leaves alone, and what it counts."""

from __future__ import annotations

import time

import pytest
import torch

from impasto.encoders.vgg import VGG
from impasto.synthesis import Descent
from impasto.tasks.run import pace

CPU = torch.device("cpu")
LAYERS = ["relu1_1", "relu3_1"]


def test_a_pace_is_time_for_a_pixel_and_leaves_the_dice_of_others_alone(tiny: VGG) -> None:
    before = torch.random.get_rng_state()
    began = time.perf_counter()
    found = pace.measure(tiny, LAYERS, CPU)
    took = time.perf_counter() - began
    assert 0 < found * pace.SIDE**2 < took / 2  # of four steps that count, two are no quicker than the median of two
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in tiny.parameters())


def test_a_network_with_more_work_is_slower(tiny: VGG) -> None:
    wide = VGG("wide", ((32, 32), (48, 48), (64,) * 4, (64,) * 4, (64,)))
    slow, fast = (min(pace.measure(network, LAYERS, CPU, steps=2) for _ in range(2)) for network in (wide, tiny))
    assert slow > 1.5 * fast


def test_it_is_the_least_and_the_first_step_does_not_count(tiny: VGG, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    costs = iter([1.0, 3.0, 2.0, 50.0])

    def step(_: Descent) -> None:
        now[0] += next(costs)

    monkeypatch.setattr(Descent, "step", step)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    assert pace.measure(tiny, LAYERS, CPU, steps=3) == pytest.approx(2.0 / 256**2)


def test_memory_of_one_step_does_not_matter_to_the_picture_that_comes_after(tiny: VGG) -> None:
    """A run asks for its pace before its first step: nothing of that may be left in what the network computes."""
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    before = tiny(picture, LAYERS)
    pace.measure(tiny, LAYERS, CPU, steps=1)
    after = tiny(picture, LAYERS)
    assert all(torch.equal(before[layer], after[layer]) for layer in LAYERS)
