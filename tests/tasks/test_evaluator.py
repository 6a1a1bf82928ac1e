"""What an objective does where memory runs out, and what it tells of it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from test_tiled import SIZE, at_once, check_equal, everything, network, picture, randomised
from torch import Tensor

from impasto.encoders.vgg import VGG
from impasto.errors import ImpastoError
from impasto.losses import Term, total_variation
from impasto.settings.synthesis import StylizeSettings
from impasto.synthesis import Step
from impasto.tasks.objective.context import Context
from impasto.tasks.run import run as module
from impasto.tasks.run.evaluator import Evaluator, OutOfMemory, evaluation
from impasto.tasks.stylize import stylize_job
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.tiling.stages import halve_tiles, stages

WIDTHS = ((4, 4), (6, 6), (8, 8, 8, 8), (8, 8, 8, 8), (8,))


class Small(VGG):
    """A network on a device without memory for more than so many activations at a time, whose error it raises."""

    most = 0
    seen: list[int]

    def features(self, x: Tensor, layers: frozenset[str], after: str | None = None) -> dict[str, Tensor]:
        self.seen.append(x.shape[-1] * x.shape[-2] * (4 if after else 1))
        if self.most and self.seen[-1] > self.most:
            raise OutOfMemory("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().features(x, layers, after)


@pytest.fixture
def small() -> Small:
    encoder = Small("small", WIDTHS)
    encoder.seen = []
    randomised(encoder)
    return encoder


def measured(evaluate: Evaluator, x: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    leaf = x.clone().requires_grad_()
    value, parts = evaluate(leaf, 0)
    return value.detach(), dict(parts), torch.autograd.grad(value, leaf)[0]


@pytest.mark.parametrize("cut", [(0,), (140, 0), (0, 16)])
@pytest.mark.parametrize("most", [100 * 97, 90 * 90])
def test_out_of_memory_makes_tiles_smaller_and_changes_nothing(small, most, cut):
    size = (150, 131)
    x, terms = picture(5, *size), everything(small, size)
    expected = at_once(small, terms, x)
    evaluate = evaluation(Context(small, tile_sizes=lambda *_: cut), terms)
    small.most = most
    small.seen.clear()
    check_equal(measured(evaluate, x), expected)
    assert small.seen[0] > most
    assert small.seen[-1] <= most
    assert evaluate.pop_notice().startswith("the memory of the cpu device was not enough; the run continues in ")
    assert evaluate.pop_notice() == ""
    small.seen.clear()
    check_equal(measured(evaluate, x), expected)  # it knows from now on
    assert max(small.seen) <= most
    assert evaluate.pop_notice() == ""


def test_the_error_and_what_it_held_are_gone_before_another_try(small, monkeypatch):
    """An exception keeps the frames that it came through, and all their tensors."""
    seen: list[Any] = []
    plain = Evaluator._smaller

    def smaller(self: Evaluator, size: tuple[int, int]) -> Any:
        seen.append(sys.exc_info()[0])
        return plain(self, size)

    monkeypatch.setattr(Evaluator, "_smaller", smaller)
    evaluate = evaluation(Context(small), everything(small, SIZE))
    small.most = 90 * 90
    measured(evaluate, picture(5, *SIZE))
    assert seen == [None] * len(seen) != []


def test_whole_segments_are_cut_first(small):
    cut = stages(small, small.default_style, (400, 300), (64, 0))
    evaluate = Evaluator(Context(small), evaluation(Context(small), everything(small, SIZE)).objective)
    evaluate._stages[400, 300] = cut
    once = evaluate._smaller((400, 300))
    assert once[0] == cut[0]
    assert all(
        not after.whole for before, after in zip(cut[1:], once[1:], strict=True) if halve_tiles(before) != before
    )
    assert any(before.whole and not after.whole for before, after in zip(cut, once, strict=True))


@pytest.mark.parametrize("grid", [(1000, 700), (64, 900), (101, 97)])
def test_tiles_are_halved_until_they_are_the_least(small, grid):
    for stage in stages(small, small.default_style, grid, (0,)):
        seen, one = [], stage
        while (other := halve_tiles(one)) is not one:
            assert not other.whole
            assert not other.kept_graphs
            seen.append(other.side)
            one = other
        assert seen == sorted(set(seen), reverse=True)
        for side in seen:
            stride = small.layers[stage.segment.after].stride if stage.segment.after else 1
            assert side * stride >= 64
            assert side % stage.segment.step == 0


def test_where_the_smallest_tiles_do_not_fit_it_says_so_in_one_line(small):
    evaluate = evaluation(Context(small), everything(small, SIZE))
    small.most = 100
    with pytest.raises(ImpastoError) as caught:
        measured(evaluate, picture(5, *SIZE))
    text = str(caught.value)
    assert "a result of 97x101 does not fit into the memory of this cpu device even in the smallest tiles" in text
    assert all(name in text for name in ("--memory", "--tile", "--size"))
    assert "\n" not in text


def test_what_may_not_be_cut_is_not(small):
    terms = everything(small, SIZE)
    whole = Term("edges", "relu2_1", 0.25, total_variation)
    for context, given in ((Context(small), [*terms, whole]), (Context(small, may_tile=False), terms)):
        evaluate = evaluation(context, given)
        small.most = 100
        with pytest.raises(ImpastoError, match=r"without tiles; .*--size.*--tile.*--memory"):
            measured(evaluate, picture(5, *SIZE))
        small.most = 0


def test_in_a_team_it_ends_the_run_for_the_others_wait(small):
    evaluate = evaluation(Context(small, group=ProcessGroup(0, 2)), everything(small, SIZE))
    small.most = 100
    with pytest.raises(ImpastoError, match=r"--tile or --size, or less --memory for each process"):
        measured(evaluate, picture(5, *SIZE))


def test_a_step_tells_of_it_once(monkeypatch):
    job = stylize_job("sample:chelsea", "sample:flow", StylizeSettings(size=128, steps=3, scales=1))
    plain, calls = Evaluator._evaluate, []

    def evaluate(self: Evaluator, *given: Any) -> Any:
        calls.append(len(calls))
        if len(calls) == 3:
            raise OutOfMemory("CUDA out of memory.")
        return plain(self, *given)

    expected = list(job.steps())
    monkeypatch.setattr(Evaluator, "_evaluate", evaluate)
    steps = list(job.steps())
    assert [bool(step.notice) for step in steps] == [False, True, False]
    assert steps[1].notice == "the memory of the cpu device was not enough; the run continues in tiles of 64 px"
    assert [step.loss for step in steps] == pytest.approx([step.loss for step in expected], rel=1e-4)


def test_notices_of_the_search_and_of_the_objective_stand_beside_each_other():
    step = Step(1, 1, 1, 1, (1, 1), 0.0, {}, 0.0, "the loss ran away", lambda: torch.zeros(1))
    evaluate = evaluation(Context(network("lite")), [])
    evaluate._notice = "less memory"
    assert module._noticed(step, [evaluate]).notice == "the loss ran away; less memory"
    assert module._noticed(step, [evaluate]) is not None
    assert module._noticed(step, [lambda *_: None]).notice == "the loss ran away"


def test_the_objective_of_before_goes_before_another_is_made():
    """Its targets are as large as the picture."""
    job = stylize_job("sample:chelsea", "sample:flow", StylizeSettings(size=64, steps=1, scales=1))
    (planned,), kept = job.plan(), [evaluation(Context(network("lite")), [])]
    seen: list[int] = []
    planned = module.replace(planned, prepare=lambda size: seen.append(len(kept)) or job.prepare(size))
    assert job._prepared(planned, kept) is kept[0]
    assert (seen, len(kept)) == ([0], 1)
