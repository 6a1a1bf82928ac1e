"""A resumed run has the same results as an uninterrupted one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.processes import LONG

from impasto.errors import ImpastoError, UsageError
from impasto.image import resize
from impasto.synthesis import OPTIMIZERS, PARAMETERIZATIONS, Adam, Scale, checkpoint, generator, noise, synthesise

SIZES = [(6, 8), (9, 12)]


def blurred(size, step_of=None):
    """A loss that couples neighbours; with `step_of`, one that draws anew at each step."""
    target = resize(noise((12, 16), generator(1)), size)

    def evaluate(picture, step):
        goal = target if step_of is None else target + 0.1 * noise(size, generator(step_of + step))
        near = (torch.nn.functional.avg_pool2d(picture - goal, 3, 1) ** 2).mean()
        far = (picture - goal).square().mean()
        return 4 * near + far, {"near": near, "far": far}

    return evaluate


def steps_of(optimizer, parameterization, counts=(4, 4), resume=None, *, evaluate=blurred, stochastic=False):
    scales = [
        Scale(size, count, lambda size=size: evaluate(size), optimizer, stochastic)
        for size, count in zip(SIZES, counts, strict=False)
    ]
    return synthesise(noise((6, 8), generator(0)), scales, resize, parameterization, resume)


def record(step):
    return step.index, step.total, step.scale, step.scales, step.size, step.loss, dict(step.terms), step.notice


def check(make, tmp_path):
    """Stop after every step in turn, through a file, and compare all that follows."""
    whole = []
    for step in make(None):
        checkpoint.save_state(tmp_path / f"{len(whole)}", step.state(), "")
        whole.append((record(step), step.image(), step.seconds))
    for k in range(len(whole)):
        resumed = list(make(checkpoint.load_state(tmp_path / f"{k}", "")))
        expected = whole[k + 1 :] or whole[-1:]
        assert [record(step) for step in resumed] == [known for known, _, _ in expected]
        assert all(torch.equal(step.image(), image) for step, (_, image, _) in zip(resumed, expected, strict=True))
        assert all(step.seconds >= whole[k][2] for step in resumed)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS.values(), ids=PARAMETERIZATIONS)
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS.values(), lambda: Adam(carry=True)], ids=[*OPTIMIZERS, "carried"])
def test_a_resumed_run_is_the_same_to_the_bit_wherever_it_was_stopped(optimizer, parameterization, tmp_path):
    check(lambda resume: steps_of(optimizer, parameterization, resume=resume), tmp_path)


@pytest.mark.parametrize("counts", [(3, 0), (0, 3), (0, 0), (25, 2)])
def test_it_is_so_with_scales_without_steps_and_with_more_steps_than_are_remembered(counts, tmp_path):
    check(lambda resume: steps_of(OPTIMIZERS["lbfgs"], PARAMETERIZATIONS["pixels"], counts, resume), tmp_path)


def test_it_is_so_with_an_objective_that_draws_at_every_step(tmp_path):
    def make(resume):
        return steps_of(
            Adam, PARAMETERIZATIONS["pixels"], (4, 4), resume, evaluate=lambda size: blurred(size, 10), stochastic=True
        )

    check(make, tmp_path)


def test_it_is_so_after_a_rescue(tmp_path):
    """The loss is no number at the third and fourth step: first slower, then Adam."""

    def spoiled(size):
        sound = blurred(size)

        def evaluate(picture, step):
            loss, terms = sound(picture, step)
            return (loss * float("nan") if step in (3, 4) else loss), terms

        return evaluate

    def make(resume):
        return steps_of(OPTIMIZERS["lbfgs"], PARAMETERIZATIONS["pixels"], (7, 3), resume, evaluate=spoiled)

    assert sum(bool(step.notice) for step in make(None)) == 2
    check(make, tmp_path)


def test_a_state_serves_more_than_once_and_is_not_changed_by_what_follows():
    steps = steps_of(OPTIMIZERS["lbfgs"], PARAMETERIZATIONS["pixels"])
    for _ in range(2):
        step = next(steps)
    state = step.state()
    rest = [record(step) for step in steps]
    for _ in range(2):
        assert [record(s) for s in steps_of(OPTIMIZERS["lbfgs"], PARAMETERIZATIONS["pixels"], resume=state)] == rest


def test_the_objective_of_a_scale_that_had_ended_is_not_made_again():
    made = []

    def counted(size):
        made.append(size)
        return blurred(size)

    for step in steps_of(Adam, PARAMETERIZATIONS["pixels"], evaluate=counted):
        if step.index == 4:
            state = step.state()
            break
    made.clear()
    list(steps_of(Adam, PARAMETERIZATIONS["pixels"], evaluate=counted, resume=state))
    assert made == [SIZES[1]]


def test_a_step_that_was_left_behind_has_no_state():
    steps = steps_of(Adam, PARAMETERIZATIONS["pixels"])
    first = next(steps)
    next(steps)
    with pytest.raises(ImpastoError, match="gone on"):
        first.state()


@pytest.mark.parametrize("counts", [(2, 6), (9, 4), (4,)])
def test_the_state_of_another_schedule_is_refused(counts):
    *_, step = steps_of(Adam, PARAMETERIZATIONS["pixels"], (4, 4))
    with pytest.raises(UsageError, match="another schedule"):
        list(steps_of(Adam, PARAMETERIZATIONS["pixels"], counts, step.state()))


def test_a_run_killed_ten_times_at_any_moment_ends_in_the_same_bytes(tmp_path):
    script = Path(__file__).with_name("killed.py")
    report = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, check=False, timeout=LONG
    )
    assert report.returncode == 0, report.stderr
    stood = [int(word) for word in report.stdout.split()]
    assert len(stood) == 10
    assert sorted(stood) == stood
    assert stood[0] > 0
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "undisturbed").read_bytes()
