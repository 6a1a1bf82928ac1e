"""Pictures that live elsewhere than where the network computes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from test_tiled import SIZE, network, picture, whole
from torch import Tensor

import impasto
from impasto import encoders
from impasto.cli.plan import _row
from impasto.errors import UsageError
from impasto.losses import IMAGE, Additive, Term
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.objective import terms
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.parse_losses import style_losses
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms, laplacian_terms
from impasto.tasks.run import build
from impasto.tasks.run import memory_plan as module
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.run.memory_plan import FEWEST, IMAGES, MAPPED, MemoryBudget
from impasto.tasks.run.run import Job
from impasto.tasks.stylize import stylize_job
from impasto.tasks.tiling import memory, stages
from impasto.tasks.tiling import tile_sizes as sizing
from impasto.tasks.tiling.tiled_objective import TiledObjective

HOME = torch.device("meta")
"""Stands for another device: what mixes it with the CPU fails, as it would with a GPU; it has no numbers."""


@pytest.fixture
def travels(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, int]]:
    """Tensors may leave that device, as noise: from where, and how many positions at a time."""
    plain: Any = Tensor.to
    seen: Counter[tuple[str, int]] = Counter()

    def to(self: Tensor, *args: Any, **named: Any) -> Tensor:
        wanted = args[0].device if args and isinstance(args[0], Tensor) else args[0] if args else None
        if isinstance(wanted, torch.device) and wanted != self.device:
            seen[self.device.type, self.shape[-1] * self.shape[-2] if self.ndim > 1 else 1] += 1
            if self.is_meta:
                generator = torch.Generator().manual_seed(0)
                return torch.rand(self.shape, dtype=self.dtype, generator=generator)
        return plain(self, *args, **named)

    monkeypatch.setattr(Tensor, "to", to)
    monkeypatch.setattr(terms, "_energy", lambda target, space: 1.0)  # a number, of which there is none
    return seen


def away(x: Tensor) -> Tensor:
    return torch.empty_like(x, device=HOME)


@pytest.mark.parametrize("kind", ["lite", "vgg-max", "resnet-max"])
@pytest.mark.parametrize("sides", [(0,), (32, 8, 4), (0, 8), (64, 0)], ids=str)
def test_only_windows_of_pictures_and_targets_go_to_where_the_network_is(kind, sides, travels):
    encoder = network(kind)
    context, photo = Context(encoder, tile_sizes=lambda *_: sides), away(picture(4, *SIZE))
    layers, content = dict.fromkeys(encoder.default_style, 1.0), {encoder.default_style[2]: 1.0}
    given = style_terms(context, whole(away(picture(1, 80, 90))), layers, 1.0, style_losses("gram,w2=0.5"))
    given += content_terms(context, photo, content, 1.0)
    given += laplacian_terms(photo, 0.2)
    given += [Term("square", IMAGE, 0.3, Additive(lambda image, part: image.square().mean() * part.share))]
    leaf = away(picture(5, *SIZE)).requires_grad_()
    travels.clear()
    value, parts = evaluation(context, given)(leaf, 0)
    (gradient,) = torch.autograd.grad(value, leaf)
    assert {found.device for found in (value, gradient, *parts.values())} == {HOME}
    assert gradient.shape == leaf.shape
    largest = max(positions for _, positions in travels)
    assert largest == SIZE[0] * SIZE[1] if not sides[0] else largest < 0.8 * SIZE[0] * SIZE[1]


def test_a_tensor_in_the_wrong_place_would_fail():
    """What the test above rests on."""
    with pytest.raises((RuntimeError, NotImplementedError)):
        network("lite")(away(picture(1, 64, 64)), ["relu1_1"])
    with pytest.raises(RuntimeError):
        picture(1, 64, 64) + away(picture(1, 64, 64))


def test_features_are_put_together_where_the_picture_is(travels):
    encoder = network("lite")
    for sides in ((0,), (32, 8)):
        found = Context(encoder, tile_sizes=lambda *_, sides=sides: sides).features(
            away(picture(1, *SIZE)), ["relu2_1"]
        )
        assert found["relu2_1"].device == HOME
        assert found["relu2_1"].shape == encoder(picture(1, *SIZE), ["relu2_1"])["relu2_1"].shape


def test_what_is_at_home_does_not_move():
    x = picture(1, 8, 8)
    assert stages.to_device(x, x.device) is x


# Where pictures live

BIG = (3000, 4000)

PICTURE = 12.0 * BIG[0] * BIG[1]


@pytest.fixture
def budget() -> MemoryBudget:
    """A device of 2 GB, beside a CPU of 16."""
    lite = encoders.load("lite")
    layers, kept = frozenset(lite.default_style), frozenset(lite.default_content)
    return MemoryBudget(2e9, 0.0, lite, layers | kept, kept, host=(16e9, 1e9))


def test_pictures_live_on_the_device_while_they_fit(budget):
    plain = replace(budget, host=None)
    for size in ((300, 400), (1000, 1500)):
        assert budget.plan(size) == plain.plan(size)
        assert not budget.plan(size).offloaded
    large = replace(budget, total=20e9)
    assert large.plan(BIG) == replace(plain, total=20e9).plan(BIG)


def test_and_with_the_cpu_where_they_do_not(budget):
    assert replace(budget, host=None).plan(BIG).mapped
    with pytest.raises(UsageError, match="needs about"):
        replace(budget, host=None).plan((6000, 8000))
    found = budget.plan(BIG)
    assert found.offloaded
    assert not found.mapped
    assert found.peak < budget.total
    cut = found.tile_sizes(budget.encoder, budget.layers, BIG)
    assert 0 < cut[0] < 4000
    assert budget.image_device(BIG) == torch.device("cpu")


def test_the_cpus_memory_says_how_much_is_remembered(budget):
    """From all pairs as they are, over some in half precision, to files."""
    seen = []
    for total in (60e9, 20e9, 12e9, 8e9, 6e9, 4e9, 3e9):
        found = replace(budget, host=(total, 1e9)).plan(BIG)
        assert found.offloaded
        seen.append((found.pairs, found.half, found.mapped))
        if not found.mapped:
            pairs = found.pairs * (1 if found.half else 2) * PICTURE
            assert 1e9 + IMAGES * PICTURE + pairs < total
    assert seen[0] == (20, False, False)
    assert seen[-1] == (MAPPED, True, True)
    assert any(half and FEWEST <= pairs < 20 and not mapped for pairs, half, mapped in seen)
    assert [pairs for pairs, half, mapped in seen if not mapped] == sorted(
        (pairs for pairs, half, mapped in seen if not mapped), reverse=True
    )


def test_other_optimizers_go_there_too(budget):
    adam = replace(budget, optimizer="adam")
    assert adam.plan(BIG).offloaded
    assert not adam.plan(BIG).half
    with pytest.raises(UsageError, match="needs about"):
        replace(adam, host=None).plan(BIG)


def test_a_device_without_room_for_a_tile_is_refused(budget):
    with pytest.raises(UsageError, match=r"needs about .*--memory"):
        replace(budget, total=1e8).plan(BIG)


def test_pictures_in_one_piece_may_live_there_as_well(budget):
    lite = budget.encoder
    need = replace(budget, tile=0, total=1e12, host=None).plan(BIG).peak
    found = replace(budget, tile=0, total=0.9 * need).plan(BIG)
    assert found.offloaded
    assert not any(found.tile_sizes(lite, budget.layers, BIG))


def test_only_gpus_have_memory_of_their_own(monkeypatch):
    assert memory.host_limits(torch.device("cpu")) is None
    assert memory.host_limits(torch.device("mps")) is None
    monkeypatch.setattr(memory, "free_memory", lambda device: 10e9 if device.type == "cpu" else 1e9)
    total, base = memory.host_limits(torch.device("cuda"))
    assert base > 0
    assert total == pytest.approx(base + memory.SPARE * 10e9)


def test_a_run_with_pictures_away_makes_the_same_picture(monkeypatch):
    """In tiles; the device is the CPU, too, here."""
    settings = StylizeSettings(size=256, steps=6, scales=1)
    expected = impasto.stylize("sample:chelsea", "sample:flow", settings)
    monkeypatch.setattr(sizing, "TILE_BYTES", 2e6)
    monkeypatch.setattr(module, "THREADS", 0.0)
    monkeypatch.setattr(memory, "resident", lambda: 0.0)
    monkeypatch.setattr(build, "host_limits", lambda device: (8e9, 1e9))
    tiled, plain = [], TiledObjective.__call__

    def call(self: TiledObjective, x: Tensor) -> Any:
        tiled.append(tuple(x.shape[-2:]))
        return plain(self, x)

    monkeypatch.setattr(TiledObjective, "__call__", call)
    jobs = (stylize_job("sample:chelsea", "sample:flow", replace(settings, memory=f"{m}MB")) for m in range(60, 5, -3))
    job: Job = next(job for job in jobs if job.plan()[-1].memory_plan.offloaded)
    assert not job.plan()[0].memory_plan.half
    *_, last = job.steps()
    assert set(tiled) >= {last.size}
    start = impasto.stylize("sample:chelsea", "sample:flow", replace(settings, steps=0))
    to_device = float((expected - start).abs().mean())
    assert 0 < float((last.image() - expected).abs().mean()) < 0.02 * to_device


def test_the_plan_tells_what_is_away(budget):
    job = stylize_job("sample:chelsea", "sample:flow", StylizeSettings(size=64, scales=1))
    for total, told in ((60e9, "20, in the CPU's memory"), (3e9, f"{MAPPED}, half precision, in files")):
        there = replace(job, full=BIG, budget=replace(budget, host=(total, 1e9)))
        (planned,) = there.plan()
        assert _row(planned)[4] == told


def test_moments_of_another_device_are_not_carried_over(budget):
    job = stylize_job("sample:chelsea", "sample:flow", StylizeSettings(size=64, optimizer="adam-carried", scales=1))
    (planned,) = job.plan()
    there = replace(planned, memory_plan=replace(planned.memory_plan, offloaded=True))
    assert job._optimizer(planned)().carry
    assert not job._optimizer(there)().carry
