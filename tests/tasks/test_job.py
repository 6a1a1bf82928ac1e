"""A run that is ready to begin: its plan, what it will take, and steps that keep to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto import encoders
from impasto.encoders.vgg import VGG
from impasto.errors import UsageError
from impasto.settings.synthesis import (
    QUALITIES,
    ReconstructSettings,
    StylizeSettings,
    SynthesisSettings,
    TextureSettings,
)
from impasto.synthesis import OPTIMIZERS, Scale, Step
from impasto.tasks.reconstruct import reconstruct_job
from impasto.tasks.run import run as module
from impasto.tasks.run.build import POLISH, starting_point
from impasto.tasks.run.memory_plan import MemoryBudget
from impasto.tasks.run.run import TILED, Job
from impasto.tasks.run.schedule import schedule
from impasto.tasks.stylize import stylize_job, stylize_steps
from impasto.tasks.texture import texture_job

PHOTO, PAINTING = "sample:chelsea", "sample:flow"

FULL = (192, 256)

LAYERS = frozenset(["relu1_1", "relu3_1"])


COARSE = QUALITIES["draft"].unaided[0]
"""Steps of a draft at its smallest size, but of `stylize`."""


class Nearby:
    """A job with the simplest objective, the distance to grey, that writes down what is asked of it."""

    def __init__(self, tiny: VGG, total: float = 1e12, **settings: Any) -> None:
        self.seen: list[Any] = []
        chosen = SynthesisSettings(**({"steps": 3, "scales": 2, "quality": "draft", "optimizer": "lbfgs"} | settings))
        self.job = Job(chosen, FULL, self._start, self._prepare, MemoryBudget(total, 0.0, tiny, LAYERS, LAYERS))

    def _start(self) -> Tensor:
        self.seen.append("start")
        return torch.rand(1, 3, *FULL, generator=torch.Generator().manual_seed(0))

    def _prepare(self, size: tuple[int, int]) -> Callable[[Tensor, int], tuple[Tensor, dict[str, Tensor]]]:
        self.seen.append(size)

        def evaluate(x: Tensor, _: int) -> tuple[Tensor, dict[str, Tensor]]:
            loss = ((x - 0.5) ** 2).mean() + ((x - 0.3) ** 4).mean()
            return loss, {"grey": loss}

        return evaluate


def of(job: Job) -> list[tuple[tuple[int, int], int]]:
    return [(planned.size, planned.steps) for planned in job.plan()]


@pytest.mark.usefixtures("without_packages")
def test_the_plan_is_the_schedule() -> None:
    photo = torch.rand(3, 384, 512, generator=torch.Generator().manual_seed(0))
    settings, (first, then) = StylizeSettings(size=512, scales=3, steps=7, quality="draft"), QUALITIES["draft"].steps
    assert of(stylize_job(photo, PAINTING, settings)) == [((96, 128), first), ((192, 256), then), ((384, 512), 7)]
    for size, quality in [(0, "standard"), (300, "fine"), (96, "draft")]:
        settings = StylizeSettings(size=size, quality=quality)
        full = (round(384 * (size or 512) / 512), size or 512)
        assert of(stylize_job(photo, PAINTING, settings)) == schedule(settings, full)


def test_vgg19_polishes_a_fine_picture_of_lite() -> None:
    photo = torch.rand(3, 96, 128, generator=torch.Generator().manual_seed(0))

    def networks(**settings: Any) -> list[tuple[tuple[int, int], int, str]]:
        job = stylize_job(photo, PAINTING, StylizeSettings(size=128, scales=1, **settings))
        return [(planned.size, planned.steps, planned.budget.encoder.name) for planned in job.plan()]

    assert networks(quality="fine", steps=7) == [((96, 128), 7, "lite"), ((96, 128), POLISH, "vgg19")]
    assert networks(quality="standard", steps=7) == [((96, 128), 7, "lite")]
    assert networks(quality="fine", network="vgg19", steps=7) == [((96, 128), 7, "vgg19")]


def test_the_last_steps_lower_vgg19s_own_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.tasks.run.build.POLISH", 3)
    photo = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))
    settings = StylizeSettings(size=64, scales=1, steps=4, quality="fine")
    steps = list(stylize_job(photo, PAINTING, settings).steps())
    assert [(step.scale, step.scales) for step in steps] == [(1, 2)] * 4 + [(2, 2)] * 3
    losses = [step.loss for step in steps[4:]]
    assert losses[-1] < losses[0]


def test_every_task_has_a_plan() -> None:
    assert of(reconstruct_job(PHOTO, ReconstructSettings(size=64, steps=5))) == [((43, 64), 5)]
    settings = TextureSettings(width=200, height=100, steps=5, quality="draft")
    assert of(texture_job(PAINTING, settings)) == [((50, 100), COARSE), ((100, 200), 5)]


def test_seconds_are_pixels_times_steps_times_the_pace(tiny: VGG) -> None:
    def seconds(pace: float = 1e-6, **settings: Any) -> float:
        return Nearby(tiny, **settings).job.seconds(pace)

    assert seconds() == pytest.approx(1e-6 * (COARSE * 96 * 128 + 3 * 192 * 256))
    assert seconds(3e-6) == pytest.approx(3 * seconds())
    whole = seconds(scales=1, steps=10)
    assert seconds(scales=1, steps=30) == pytest.approx(3 * whole)
    assert seconds(scales=1, steps=0) == 0
    assert seconds(steps=30) - seconds(steps=20) == pytest.approx(whole)


def test_sizes_in_tiles_take_longer(tiny: VGG) -> None:
    """Room for the coarse size as a whole, and for the full one in tiles."""
    lite = encoders.load("lite")
    budget = MemoryBudget(6e9, 0.0, lite, frozenset(lite.default_style), frozenset())
    job = replace(Nearby(tiny).job, full=(3000, 4000), budget=budget)
    assert [planned.memory_plan.whole for planned in job.plan()] == [True, False]
    assert job.seconds(1.0) == pytest.approx(COARSE * 1500 * 2000 + TILED * 3 * 3000 * 4000)


def test_the_peak_is_that_of_the_largest_size(tiny: VGG) -> None:
    job = Nearby(tiny).job
    assert job.peak == job.plan()[-1].memory_plan.peak > job.plan()[0].memory_plan.peak > 0


def test_what_does_not_fit_is_said_by_the_plan_and_before_the_first_step(tiny: VGG) -> None:
    nearby = Nearby(tiny, total=1000.0)
    for ask in (nearby.job.plan, lambda: nearby.job.peak, lambda: nearby.job.seconds(1.0)):
        with pytest.raises(UsageError, match=r"needs about .* (GB|MB) of memory"):
            ask()
    with pytest.raises(UsageError, match=r"needs about .* (GB|MB) of memory"):
        next(nearby.job.steps())
    assert nearby.seen == []


def test_asking_computes_nothing_and_steps_prepare_each_size_as_it_comes(tiny: VGG) -> None:
    nearby = Nearby(tiny)
    assert nearby.job.plan()
    assert nearby.job.seconds(1.0) > 0
    assert nearby.job.peak > 0
    assert nearby.seen == []
    steps = nearby.job.steps()
    next(steps)
    assert nearby.seen == ["start", (96, 128)]
    assert [step.index for step in steps] == list(range(2, COARSE + 4))
    assert nearby.seen == ["start", (96, 128), FULL]


def test_steps_keep_to_the_plan_and_every_one_is_finished(tiny: VGG) -> None:
    finished: list[int] = []

    def finish(step: Step) -> Step:
        finished.append(step.index)
        return replace(step, notice="seen")

    job = replace(Nearby(tiny).job, finish=finish)
    steps = list(job.steps())
    assert [step.size for step in steps] == [size for size, count in of(job) for _ in range(count)]
    assert {step.total for step in steps} == {COARSE + 3}
    assert finished == list(range(1, COARSE + 4))
    assert {step.notice for step in steps} == {"seen"}


@pytest.mark.parametrize("after", [5, COARSE, COARSE + 1])
def test_a_job_goes_on_from_a_state_to_the_same_bits(tiny: VGG, after: int) -> None:
    whole, state = None, None
    for step in Nearby(tiny).job.steps():
        whole = step.image()
        if step.index == after:
            state = step.state()
    again = Nearby(tiny)
    steps = list(again.job.steps(state))
    assert steps[0].index == after + 1
    assert torch.equal(steps[-1].image(), whole)


def scales_of(job: Job, monkeypatch: pytest.MonkeyPatch) -> list[Scale]:
    """What a job hands to the synthesis."""
    seen: list[Scale] = []

    def synthesise(_: Tensor, scales: list[Scale], *__: Any, **___: Any) -> Iterator[Step]:
        seen.extend(scales)
        return iter(())

    with monkeypatch.context() as patch:
        patch.setattr(module, "synthesise", synthesise)
        assert list(job.steps()) == []
    return seen


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_values_of_a_stochastic_objective_compare_only_where_its_draws_stay(
    tiny: VGG, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    for stochastic in (False, True):
        job = replace(Nearby(tiny, optimizer=optimizer).job, stochastic=stochastic)
        found = {scale.stochastic for scale in scales_of(job, monkeypatch)}
        assert found == {stochastic and optimizer == "adam"}


def test_the_optimizer_is_made_as_the_settings_and_the_arrangement_say(
    tiny: VGG, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setitem(OPTIMIZERS, "lbfgs", lambda **given: made.append(given))
    job = Nearby(tiny).job
    for scale in scales_of(job, monkeypatch):
        scale.optimizer()
    assert made == [{}, {}]

    made.clear()
    budget, plain = job.budget, MemoryBudget.plan

    def halved(self: MemoryBudget, size: tuple[int, int]) -> Any:
        arranged = plain(self, size)
        return replace(arranged, pairs=7, half=True) if size == FULL else arranged

    monkeypatch.setattr(MemoryBudget, "plan", halved)
    job = replace(job, budget=budget, settings=replace(job.settings, rate=0.5))
    for scale in scales_of(job, monkeypatch):
        scale.optimizer()
    assert made[0] == {"rate": 0.5}
    assert {"rate": 0.5, "memory": 7, "precision": "half"}.items() <= made[1].items()


def test_a_start_is_looked_up_at_once_and_made_when_it_is_needed() -> None:
    made: list[str] = []
    starts = {"photo": lambda: made.append("photo") or torch.zeros(1)}

    def start_of(init: str, seed: int = 0) -> Callable[[], Tensor]:
        return starting_point(ReconstructSettings(init=init, seed=seed), starts, (4, 5))

    start = start_of("photo")
    assert made == []
    start()
    assert made == ["photo"]
    noise = start_of("noise", 3)
    assert noise().shape == (1, 3, 4, 5)
    assert torch.equal(noise(), noise())
    assert not torch.equal(noise(), start_of("noise", 4)())
    with pytest.raises(UsageError, match=r"init must be photo, noise, pink or a picture.*did you mean 'photo'"):
        start_of("phot")


def test_a_job_with_a_start_that_does_not_exist_is_none() -> None:
    with pytest.raises(UsageError, match="init must be"):
        stylize_job(PHOTO, PAINTING, StylizeSettings(size=64, init="nothing.png"))


def test_the_steps_of_a_task_are_those_of_its_job() -> None:
    settings = StylizeSettings(size=64, steps=2, scales=1)
    one, other = (
        list(steps)
        for steps in (stylize_job(PHOTO, PAINTING, settings).steps(), stylize_steps(PHOTO, PAINTING, settings))
    )
    assert [step.loss for step in one] == [step.loss for step in other]
    assert torch.equal(one[-1].image(), other[-1].image())
