import itertools
import weakref
from functools import partial

import pytest
import torch

from impasto.errors import ImpastoError
from impasto.image import resize
from impasto.synthesis import (
    LBFGS,
    OPTIMIZERS,
    PARAMETERIZATIONS,
    Adam,
    Descent,
    Evaluation,
    RMSprop,
    Scale,
    Step,
    generator,
    noise,
    synthesise,
)
from impasto.synthesis.parameterization import Pixels


def toward(value: float):
    """The squared distance to a flat picture, with one named term."""

    def evaluate(image, step):
        loss = (image - value).square().sum()
        return loss, {"distance": loss.detach()}

    return evaluate


def measured(evaluate, size=(4, 4)):
    return Evaluation(Pixels(size), evaluate)


def scale(size, steps, evaluate, optimizer=LBFGS):
    return Scale(size, steps, lambda: evaluate, optimizer)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS.values(), ids=PARAMETERIZATIONS)
@pytest.mark.parametrize("optimizer", [LBFGS, OPTIMIZERS["lbfgs-wolfe"], Adam, partial(RMSprop, 0.02)])
def test_a_run_descends_over_its_scales_and_counts_its_steps(optimizer, parameterization, channels):
    scales = [scale((8, 6), 30, toward(0.6), optimizer), scale((16, 12), 30, toward(0.6), optimizer)]
    steps = list(synthesise(torch.full((1, channels, 8, 6), 0.3), scales, resize, parameterization))
    assert [s.index for s in steps] == list(range(1, 61))
    assert {s.total for s in steps} == {60}
    assert [s.size for s in steps] == [(8, 6)] * 30 + [(16, 12)] * 30
    assert [s.scale for s in steps] == [1] * 30 + [2] * 30
    assert steps[-1].image().shape == (1, channels, 16, 12)
    assert (steps[-1].image() - 0.6).abs().max() < 0.02
    assert steps[0].terms["distance"] == pytest.approx(steps[0].loss)
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(steps))


def test_every_step_holds_the_best_picture_so_far():
    """A loss that only the third point lowers: later, worse points must not replace it."""
    calls = []

    def evaluate(image, step):
        calls.append(image.detach().clone())
        loss = image.square().mean() * 0 + (1.0 if len(calls) == 3 else 2.0)
        return loss + 0 * image.sum(), {}

    steps = list(synthesise(torch.rand(1, 3, 4, 4), [scale((4, 4), 6, evaluate, Adam)], resize))
    torch.testing.assert_close(steps[3].image(), calls[2].clamp(0, 1))


def test_a_run_of_no_steps_gives_the_resized_start():
    start = torch.rand(1, 3, 8, 8)
    (step,) = synthesise(start, [scale((4, 4), 0, toward(0.5))], resize)
    assert step.index == step.total == 0
    torch.testing.assert_close(step.image(), resize(start, (4, 4)).clamp(0, 1))


def test_a_last_scale_of_no_steps_still_gives_its_size():
    scales = [scale((4, 4), 3, toward(0.5)), scale((8, 8), 0, toward(0.5))]
    steps = list(synthesise(torch.zeros(1, 3, 8, 8), scales, resize))
    assert [s.index for s in steps] == [1, 2, 3, 3]
    assert steps[-1].image().shape == (1, 3, 8, 8)


def test_the_same_run_twice_is_the_same_to_the_bit():
    def once():
        scales = [scale((6, 6), 5, toward(0.3)), scale((12, 12), 5, toward(0.3))]
        return list(synthesise(noise((6, 6), generator(3)), scales, resize))[-1].image()

    assert torch.equal(once(), once())


def test_a_loss_that_is_not_a_number_restarts_from_the_best_picture_and_says_so():
    calls = 0

    def evaluate(image, step):
        nonlocal calls
        calls += 1
        loss = (image - 0.5).square().sum()
        return (loss * float("nan") if calls in (4, 7) else loss), {}

    steps = list(synthesise(torch.zeros(1, 3, 4, 4), [scale((4, 4), 60, evaluate)], resize))
    notices = [s.notice for s in steps if s.notice]
    assert len(notices) == 2
    assert "not a number" in notices[0]
    assert "quarter" in notices[0]
    assert "Adam" in notices[1]
    assert torch.isfinite(steps[-1].image()).all()
    assert (steps[-1].image() - 0.5).abs().max() < 0.1


def test_a_loss_that_runs_away_is_caught():
    def evaluate(image, step):
        return (image - 0.5).square().sum() + 1e-3, {}

    class Leap(LBFGS):
        def step(self, point, measure):
            return measure(point.parameters + (9.0 if self.rate == 1.0 else 0.0))

        def slower(self):
            return Leap(rate=0.25)

    steps = list(synthesise(torch.full((1, 3, 4, 4), 0.5), [scale((4, 4), 2, evaluate, Leap)], resize))
    assert "ran away" in steps[0].notice
    torch.testing.assert_close(steps[-1].image(), torch.full((1, 3, 4, 4), 0.5))


def test_a_start_without_a_finite_loss_is_an_error():
    with pytest.raises(ImpastoError, match="starting picture"):
        Descent(torch.zeros(1, 3, 4, 4), measured(lambda image, step: (image.sum() * float("nan"), {})), LBFGS())


def test_an_objective_of_nothing_leaves_the_picture_alone():
    start = torch.rand(1, 3, 4, 4)
    steps = list(synthesise(start, [scale((4, 4), 3, lambda image, step: (torch.zeros(()), {}))], resize))
    torch.testing.assert_close(steps[-1].image(), start)


@pytest.mark.parametrize("optimizer", [LBFGS, OPTIMIZERS["lbfgs-wolfe"], Adam])
def test_every_evaluation_of_a_step_is_told_its_number_over_the_whole_run(optimizer):
    told = []

    def evaluate(image, step):
        told.append(step)
        return (image - 0.5).square().sum(), {}

    scales = [scale((4, 4), 3, evaluate, optimizer), scale((6, 6), 2, evaluate, optimizer)]
    seen = [0]
    for step in synthesise(torch.zeros(1, 3, 4, 4), scales, resize):
        fresh = told[len(seen) :]
        begins = [3] if step.index == 4 else []  # the start of a scale is measured before its first step
        assert fresh[: len(begins)] == begins
        assert set(fresh[len(begins) :]) == {step.index}
        seen = told.copy()
    assert told[0] == 0
    assert told == sorted(told)


def wandering(image, step):
    """A loss whose level says nothing: it differs from step to step by more than it falls."""
    return (image - 0.5).square().mean() + 100 * ((step * 7) % 5), {}


def test_of_a_stochastic_objective_the_last_point_is_the_result_and_no_rise_is_too_much():
    points = []

    def evaluate(image, step):
        points.append(image.detach().clone())
        return wandering(image, step)

    steps = []
    for step in synthesise(
        torch.zeros(1, 3, 4, 4), [Scale((4, 4), 8, lambda: evaluate, LBFGS, stochastic=True)], resize
    ):
        assert torch.equal(step.image(), points[-1].clamp(0, 1))
        steps.append(step)
    assert not any(step.notice for step in steps)
    assert (steps[-1].image() - 0.5).abs().max() < 0.05
    plainly = list(synthesise(torch.zeros(1, 3, 4, 4), [scale((4, 4), 8, wandering)], resize))
    assert any("ran away" in step.notice for step in plainly)


def test_of_a_stochastic_objective_the_average_is_taken_whatever_its_loss():
    descent = Descent(torch.zeros(1, 3, 4, 4), measured(wandering), Adam(keep=0.5), stochastic=True)
    for number in range(1, 8):
        descent.step(number)
    average = descent.optimizer.average()
    descent.finish()
    assert torch.equal(descent.picture, average)


def test_the_average_is_taken_where_it_is_better_than_every_point():
    """Steps to and fro about the goal: their mean is nearer to it than any."""
    descent = Descent(torch.full((1, 3, 4, 4), 0.3), measured(toward(0.5)), Adam(0.2, keep=0.9))
    for number in range(1, 60):
        descent.step(number)
        before = descent.best.loss
    descent.finish()
    assert descent.best.loss <= before


def test_only_pixels_are_clamped_and_only_for_methods_that_bear_it():
    """The goal lies out of range: what is clamped ends at its border."""
    for parameterization, optimizer, end in (
        ("pixels", Adam, 1.0),
        ("pixels", LBFGS, 1.5),
        ("pyramid", partial(Adam, 0.05), 1.5),
        ("fourier", partial(Adam, 0.05), 1.5),
    ):
        descent = Descent(
            PARAMETERIZATIONS[parameterization]((4, 4)).encode(torch.full((1, 3, 4, 4), 0.9)),
            Evaluation(PARAMETERIZATIONS[parameterization]((4, 4)), toward(1.5)),
            optimizer(),
        )
        for number in range(1, 120):
            descent.step(number)
        assert descent.picture.mean().item() == pytest.approx(end, abs=0.05)


def test_a_loss_that_is_never_again_a_number_is_an_error_in_the_end():
    def evaluate(image, step):
        return (image - 0.5).square().sum() * (1.0 if step == 0 else float("nan")), {}

    with pytest.raises(ImpastoError, match="again and again"):
        list(synthesise(torch.zeros(1, 3, 4, 4), [scale((4, 4), 9, evaluate)], resize))


@pytest.mark.parametrize("optimizer", [LBFGS, Adam])
def test_only_one_scales_targets_are_held_at_a_time(optimizer):
    class Targets:
        def __call__(self, image, step):
            return image.square().sum(), {}

    held = []

    def prepare():
        assert all(targets() is None for targets in held)
        targets = Targets()
        held.append(weakref.ref(targets))
        return targets

    scales = [Scale((size, size), 2, prepare, optimizer) for size in (4, 6, 8)]
    steps = list(synthesise(torch.ones(1, 3, 4, 4), scales, resize))
    assert len(held) == 3
    assert len(steps) == 6


def test_a_run_of_no_scales_has_no_steps():
    assert not list(synthesise(torch.zeros(1, 3, 4, 4), [], resize))


def test_a_step_made_by_hand_has_no_state():
    step = Step(1, 1, 1, 1, (4, 4), 0.5, {}, 0.1, "", lambda: torch.zeros(1, 3, 4, 4))
    with pytest.raises(ImpastoError, match="nothing to go on from"):
        step.state()
