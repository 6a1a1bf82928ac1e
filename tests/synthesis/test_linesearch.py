import math

import numpy as np
import pytest
import torch
from scipy.optimize import line_search

from impasto.synthesis import Point
from impasto.synthesis.linesearch import CURVATURE, DECREASE, StrongWolfe, Trial, cubic_minimum

LINES = {
    "a far minimum": lambda t: (t - 40) ** 2,
    "a near minimum": lambda t: (t - 0.003) ** 2,
    "a wave on a slope": lambda t: -0.1 * torch.sin(6 * t) - 0.5 * t + 0.05 * t**2,
    "a steep wall": lambda t: torch.exp(4 * t) - 9 * t,
    "a wide dent (More and Thuente, 1)": lambda t: -t / (t**2 + 2),
    "a narrow dent (More and Thuente, 2)": lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,
    "a quartic": lambda t: (t - 2) ** 4 + 0.2 * t,
}


def searched(line, **options):
    """A search along a function of one number, and the trials that it made."""
    trials = []

    def at(t):
        x = torch.tensor(float(t), dtype=torch.float64, requires_grad=True)
        loss = line(x)
        (slope,) = torch.autograd.grad(loss, x)
        trials.append(Trial(float(t), Point(x.detach(), float(loss.detach()), {}, slope), float(slope)))
        return trials[-1]

    return StrongWolfe(at, at(0.0), **options), trials


def satisfies(start, trial):
    decreases = trial.loss <= start.loss + DECREASE * trial.at * start.slope
    return decreases and abs(trial.slope) <= CURVATURE * abs(start.slope)


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("name", LINES)
def test_a_search_ends_where_the_strong_wolfe_conditions_hold(name, first):
    search, trials = searched(LINES[name])
    result = search.search(first)
    assert result.at > 0
    assert satisfies(search.start, result)
    assert len(trials) - 1 <= 20


@pytest.mark.parametrize("name", LINES)
def test_scipys_search_agrees_about_what_is_good_enough(name):
    """Its step satisfies our conditions, and ours, handed to it as the first trial, is taken as it is."""
    line = LINES[name]
    search, _ = searched(line)
    result = search.search(1.0)

    def value(x, scale):
        return float(line(torch.tensor(float(x[0] * scale), dtype=torch.float64)))

    def slope(x, scale):
        t = torch.tensor(float(x[0] * scale), dtype=torch.float64, requires_grad=True)
        return scale * torch.autograd.grad(line(t), t)[0].numpy().reshape(1)

    def scipys(scale):
        zero, one = np.zeros(1), np.ones(1)
        return line_search(value, slope, zero, one, args=(scale,), c1=DECREASE, c2=CURVATURE)[0]

    assert scipys(result.at) == 1.0
    assert satisfies(search.start, search._try(scipys(1.0)))


def test_no_step_is_longer_than_the_longest():
    search, trials = searched(lambda t: -t)
    assert search.search(0.25, 3.0).at == 3.0
    assert max(trial.at for trial in trials) == 3.0
    search, trials = searched(lambda t: (t - 40) ** 2)
    assert search.search(5.0, 3.0).at == 3.0
    assert len(trials) == 2


def test_a_search_gives_up_after_its_evaluations_with_the_best_that_it_found():
    search, trials = searched(lambda t: -t, evaluations=4)
    result = search.search(1.0)
    assert len(trials) == 5
    assert result is trials[-1]
    # A kink has no place where the slope is small.
    search, trials = searched(lambda t: 10 * (t - 0.37).abs() + t, evaluations=8)
    result = search.search(1.0)
    assert len(trials) == 9
    assert result.loss == min(trial.loss for trial in trials)


def test_where_every_step_leads_up_the_start_is_the_answer():
    def liar(t):
        return t * 5 - 6 * (t - t.detach())  # rises by 5, says that it falls by 1

    search, trials = searched(liar)
    assert search.start.slope == -1
    assert search.search(1.0) is search.start
    assert len(trials) <= 21


def test_a_loss_that_is_not_a_number_counts_as_too_high():
    search, trials = searched(lambda t: -torch.log(1 - t) - 3 * t)  # no number from 1 on; minimum at 2/3
    result = search.search(8.0)
    assert satisfies(search.start, result)
    assert any(math.isnan(trial.loss) for trial in trials)
    search, _ = searched(lambda t: (t - 1) ** 2 + torch.where(t > 2, math.inf, 0.0))
    assert satisfies(search.start, search.search(100.0))


def test_a_bracket_below_what_the_loss_can_tell_apart_is_left():
    """A minimum of 1e-13 of the loss: looking for it costs no twenty evaluations."""
    search, trials = searched(lambda t: 1.0 + 1e-13 * (t * 7e3 - 1).abs())
    search.search(1.0)
    assert len(trials) <= 3


def test_the_cubic_of_two_trials_has_its_minimum_where_the_function_has():
    def cubic(t):
        return t**3 - 4 * t**2 + t + 2

    search, trials = searched(cubic)
    search._try(2.0), search._try(5.0)
    expected = (8 + math.sqrt(64 - 12)) / 6
    for a, b in ((1, 2), (2, 1), (0, 2)):
        assert cubic_minimum(trials[a], trials[b]) == pytest.approx(expected)
    search, trials = searched(lambda t: -t - t**3)
    search._try(1.0)
    assert math.isnan(cubic_minimum(trials[0], trials[1]))
