"""What fits into memory: how pictures are cut, and what the optimiser remembers, as there is room."""

from __future__ import annotations

import gc
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor

import impasto
from impasto import encoders
from impasto.encoders import Encoder
from impasto.encoders.resnet import ResNet
from impasto.encoders.vgg import VGG
from impasto.errors import ImpastoError, UsageError
from impasto.image import Size, in_memory
from impasto.settings.synthesis import StylizeSettings
from impasto.synthesis import LBFGS, OPTIMIZERS, Step
from impasto.synthesis.optimizer import Point
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms
from impasto.tasks.run import memory_plan as module
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.run.memory_plan import (
    FEWEST,
    IMAGES,
    MAPPED,
    PAIRS,
    REMEMBERED,
    SMALLEST_TILE,
    MemoryBudget,
    MemoryPlan,
)
from impasto.tasks.scene.areas import Area, StyleImage
from impasto.tasks.tiling import memory as remembering
from impasto.tasks.tiling import tile_sizes as sizing
from impasto.tasks.tiling.memory import activations, limits
from impasto.tasks.tiling.stages import Stage, stages
from impasto.tasks.tiling.tile_sizes import SURE, TileSizes

PHOTO, PAINTING = "sample:chelsea", "sample:flow"

BIG = (2000, 1500)


def layers_of(encoder: Encoder) -> frozenset[str]:
    return frozenset([*encoder.default_style, *encoder.default_content])


@cache
def network(name: str) -> Encoder:
    if name == "lite":
        return encoders.load("lite")
    network = ResNet(name, (2, 4, 2, 1), 8) if name == "resnet" else VGG(name, ((8, 8), (16, 16), *[(32,) * 4] * 3))
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.normal_(0, 0.1, generator=generator)
    return network


every = pytest.mark.parametrize("name", ["lite", "vgg", "resnet"])


def strides(encoder: Encoder, found: list[Stage]) -> list[int]:
    """Pixels in a step of what each stage starts from."""
    return [encoder.layers[stage.segment.after].stride if stage.segment.after else 1 for stage in found]


def bytes_of(stage: Stage, height: float, width: float) -> float:
    """Activations of a window on what the stage starts from, by the model."""
    return sizing.SLACK * activations(stage.encoder, stage.segment) * height * width


def everything(encoder: Encoder, size: Size, layers: Iterable[str] = ()) -> float:
    """Activations of the whole network, as if all sides were whole steps."""
    found = stages(encoder, frozenset(layers) or layers_of(encoder), size, (0,))
    steps = strides(encoder, found)
    return sum(bytes_of(stage, size[0] / step, size[1] / step) for stage, step in zip(found, steps, strict=True))


def most(found: list[Stage]) -> float:
    """What stages take at any time: those that are whole all together, and of the others the largest window."""
    whole = sum(bytes_of(stage, *stage.grid) for stage in found if stage.whole)
    return whole + max((window(stage) for stage in found if not stage.whole), default=0.0)


def window(stage: Stage) -> float:
    """The largest window of a stage in tiles."""
    return max(
        bytes_of(stage, tile.rows.last - tile.rows.first, tile.columns.last - tile.columns.first)
        for tile in stage.tiles()
    )


def kept(found: list[Stage]) -> float:
    """Of that what autograd keeps: a window only on the way back, when the whole stages behind it have gone."""
    whole, largest = 0.0, 0.0
    for stage in found:
        whole += bytes_of(stage, *stage.grid) if stage.whole else 0.0
        largest = max(largest, whole if stage.whole else whole + window(stage))
    return largest


# The cut


def test_a_tile_that_was_asked_for_is_in_steps_of_each_grid():
    """The stages of `lite` start from strides of 1, 4, 8 and 16, and go on in steps of 4, 2, 2 and 1."""
    encoder = network("lite")
    for tile, sides in {
        0: [0, 0, 0, 0],
        64: [64, 16, 8, 4],
        100: [100, 24, 12, 6],
        127: [124, 30, 14, 7],
        500: [500, 124, 62, 31],
        1: [4, 2, 2, 1],
    }.items():
        for budget in (float("inf"), 1.0):  # whatever there is
            assert list(TileSizes(budget, tile)(encoder, layers_of(encoder), BIG)) == sides
    resnet = network("resnet")
    assert list(TileSizes(0, 100)(resnet, layers_of(resnet), BIG)) == [100, 24, 12]


@every
@pytest.mark.parametrize("size", [BIG, (64, 3000), (333, 77)])
def test_everything_is_whole_where_there_is_room_and_not_with_less(name, size):
    encoder = network(name)
    enough = everything(encoder, size)
    for budget in (float("inf"), SURE * size[0] * size[1], 1.001 * enough):
        assert not any(TileSizes(budget)(encoder, layers_of(encoder), size))
    assert any(TileSizes(0.999 * enough)(encoder, layers_of(encoder), size))


def test_no_network_has_more_activations_than_is_sure():
    """At all layers at once, in float32. Networks of an eighth of the width have an eighth, or more: the picture."""
    vgg19 = VGG("vgg19", ((8, 8), (16, 16), (32,) * 4, (64,) * 4, (64,) * 4))
    resnet50, lite = ResNet("resnet50", width=8), network("lite")
    needs = [8 * everything(encoder, (1, 1), encoder.layers) for encoder in (vgg19, resnet50)]
    needs.append(everything(lite, (1, 1), lite.layers))
    assert 0.5 * SURE < max(needs) < SURE


def rooms(encoder: Encoder, size: Size) -> Iterator[float]:
    """From all that there is to nothing."""
    enough = everything(encoder, size)
    for k in range(120):
        yield enough * 1.1 * 0.93**k


@every
def test_less_room_makes_smaller_tiles_and_the_deepest_segments_stay_whole_longest(name, monkeypatch):
    monkeypatch.setattr(sizing, "TILE_BYTES", 2e7)
    encoder, before, seen = network(name), None, set()
    for budget in rooms(encoder, BIG):
        found = stages(encoder, layers_of(encoder), BIG, TileSizes(budget)(encoder, layers_of(encoder), BIG))
        whole = [stage.whole for stage in found]
        assert whole == sorted(whole)
        sides = [float("inf") if stage.whole else stage.side for stage in found]
        assert before is None or all(a >= b for a, b in zip(before, sides, strict=True))
        before = sides
        seen.add(sum(whole))
    assert seen >= {0, 1, len(found)}


@every
@pytest.mark.parametrize("size", [BIG, (400, 3000), (999, 1001)])
def test_what_is_cut_fits_into_its_room(name, size, monkeypatch):
    """But for a tile's last step, and as far as the smallest tiles allow."""
    monkeypatch.setattr(sizing, "TILE_BYTES", 2e7)
    encoder = network(name)
    for budget in rooms(encoder, size):
        if budget > 2 * sizing.TILE_BYTES:
            assert most(
                stages(encoder, layers_of(encoder), size, TileSizes(budget)(encoder, layers_of(encoder), size))
            ) < (1.02 * budget)


@every
def test_tiles_are_never_below_the_least(name):
    encoder = network(name)
    for budget in (1.0, 0.0, 1e5, 1e6):
        cut = TileSizes(budget)(encoder, layers_of(encoder), BIG)
        found = stages(encoder, layers_of(encoder), BIG, cut)
        assert all(cut)
        assert all(
            side * stride >= SMALLEST_TILE and side % stage.segment.step == 0
            for side, stride, stage in zip(cut, strides(encoder, found), found, strict=True)
        )
    assert cut[0] < 200  # nor much longer


class Meter:
    """Bytes that autograd has saved, and the most that it ever had: each storage once, parameters not at all."""

    def __init__(self, encoder: Encoder) -> None:
        own = (*encoder.parameters(), *encoder.buffers())
        self.not_counted = {tensor.untyped_storage().data_ptr() for tensor in own}
        self.holders: dict[int, int] = {}
        self.now = self.peak = 0

    def save(self, tensor: Tensor) -> Saved:
        return Saved(self, tensor)


class Saved:
    """A saved tensor that tells the meter when it goes."""

    def __init__(self, meter: Meter, tensor: Tensor) -> None:
        self.meter, self.tensor, self.key = meter, tensor, tensor.untyped_storage().data_ptr()
        self.bytes = 0 if self.key in meter.not_counted else tensor.untyped_storage().nbytes()
        count = meter.holders.get(self.key, 0)
        meter.holders[self.key] = count + 1
        meter.now += 0 if count else self.bytes
        meter.peak = max(meter.peak, meter.now)

    def __del__(self) -> None:
        self.meter.holders[self.key] -= 1
        if not self.meter.holders[self.key]:
            self.meter.now -= self.bytes


@every
def test_an_evaluation_takes_what_the_model_says(name, monkeypatch):
    """What autograd keeps at a time is all of the segments that are whole, or the largest window of the others and
    what is whole before it, and little more: of a tile's own positions the losses keep a copy."""
    monkeypatch.setattr(sizing, "TILE_BYTES", 2e6)
    monkeypatch.setattr(sizing, "SLACK", 1.25)
    encoder, size = network(name), (330, 270)
    draw = torch.Generator().manual_seed(0)
    photo, painting, x = (torch.rand(1, 3, *size, generator=draw) for _ in range(3))
    enough = everything(encoder, size)
    layers = dict.fromkeys(encoder.default_style, 1.0)
    for budget in (float("inf"), 0.6 * enough, 0.2 * enough):
        context = Context(encoder, tile_sizes=TileSizes(budget))
        terms = style_terms(context, [Area("picture", (StyleImage(painting),))], layers, 1.0)
        terms += content_terms(context, photo, dict.fromkeys(encoder.default_content, 1.0), 1.0)
        found, meter = context.stages(layers_of(encoder), size), Meter(encoder)
        evaluate, leaf = evaluation(context, terms), x.clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(meter.save, lambda saved: saved.tensor):
            value, _ = evaluate(leaf, 0)
            torch.autograd.grad(value, leaf)
        expected = kept(found) / sizing.SLACK
        assert 0.95 * expected < meter.peak < sizing.SLACK * expected
        assert meter.now == 0
        assert meter.peak < min(budget, enough)
        assert any(not stage.whole for stage in found) == (budget < enough)


# What a run takes


def settled(total: float, **changes: object) -> MemoryBudget:
    encoder = network("lite")
    own = {"base": 0.0, "layers": layers_of(encoder), "target_layers": frozenset(encoder.default_content)} | changes
    return MemoryBudget(total=total, encoder=encoder, **own)


def outcome(total: float, size: Size, **changes: object) -> MemoryPlan | UsageError:
    try:
        return settled(total, **changes).plan(size)
    except UsageError as error:
        return error


def least(wanted: Callable[[MemoryPlan | UsageError], bool], size: Size, **changes: object) -> float:
    """The fewest bytes with which what comes out is as wanted."""
    below, enough = 0.0, 1e12
    assert wanted(outcome(enough, size, **changes))
    while enough - below > 1e-6 * enough:
        middle = (below + enough) / 2
        below, enough = (below, middle) if wanted(outcome(middle, size, **changes)) else (middle, enough)
    return enough


def fits(found: MemoryPlan | UsageError) -> bool:
    return not isinstance(found, UsageError)


def fits_without_files(found: MemoryPlan | UsageError) -> bool:
    return fits(found) and not found.mapped


def test_the_peak_of_a_run_that_fits_is_the_sum_of_its_parts():
    """Pictures, features of the content (lite's relu4_2 at stride 8), pairs, activations: of 2000x1600 pixels what
    1000x800 do not take; the process does not grow."""
    encoder, sizes = network("lite"), ((2000, 1600), (1000, 800))
    about = encoder.layers["relu4_2"]
    assert encoder.default_content == ("relu4_2",)
    assert (about.stride, PAIRS) == (8, 20)

    def more(**changes: object) -> float:
        here, there = (settled(1e11, **changes).plan(size).peak for size in sizes)
        return here - there

    pixels = 2000 * 1600 - 1000 * 800
    picture, content = 12 * pixels, 4 * about.channels * pixels / 64
    network_alone = everything(encoder, sizes[0]) - everything(encoder, sizes[1])
    expected = 7 * picture + content + network_alone
    assert more() == pytest.approx(expected + 40 * picture, rel=1e-9)
    for optimizer, pictures in {"adam": 3, "adam-carried": 3, "rmsprop": 2}.items():
        assert more(optimizer=optimizer) == pytest.approx(expected + pictures * picture, rel=1e-9)
    assert more(target_layers=frozenset()) == pytest.approx(more() - content, rel=1e-9)
    assert more(base=5e8) == pytest.approx(more(), rel=1e-9)
    full = settled(1e11).plan(BIG)
    assert settled(1e11, base=5e8).plan(BIG).peak == pytest.approx(full.peak + 5e8, rel=1e-9)
    assert (full.pairs, full.half, list(full.tile_sizes(encoder, layers_of(encoder), BIG))) == (20, False, [0])
    barely = settled(full.peak).plan(BIG)
    assert barely == replace(full, tile_sizes=barely.tile_sizes)
    assert list(barely.tile_sizes(encoder, layers_of(encoder), BIG)) == [0]
    assert barely.tile_sizes.budget == pytest.approx(everything(encoder, BIG), rel=1e-9)
    assert full.tile_sizes.budget == pytest.approx(
        1e11 - full.peak + everything(encoder, BIG), rel=1e-9
    )  # all that is left
    less = settled(full.peak * 0.999).plan(BIG)
    assert less.half or not less.whole


def test_what_is_remembered_is_what_the_optimisers_have():
    """The default of L-BFGS is the most; of every other optimiser, the images in its state after two steps."""
    assert LBFGS().memory == PAIRS == 20
    assert set(OPTIMIZERS) - set(REMEMBERED) == {"lbfgs", "lbfgs-wolfe"}
    point = Point(torch.rand(1, 3, 8, 8), 1.0, {}, torch.ones(1, 3, 8, 8))
    for name, pictures in REMEMBERED.items():
        optimizer = OPTIMIZERS[name]()
        for _ in range(2):
            optimizer.step(point, lambda x: Point(x, 1.0, {}, torch.ones_like(x)))
        held = [value.numel() for value in optimizer.state().values() if isinstance(value, Tensor)]
        kept = sum(held) / point.parameters.numel()
        assert pictures - 1 <= kept <= pictures, name  # and at most one temporary


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("tile", [None, 0, 200, 2000])
def test_less_memory_never_takes_more(optimizer, tile):
    draw = random.Random(0)
    for _ in range(40):
        size, base = (draw.randint(64, 4000), draw.randint(64, 4000)), draw.choice([0.0, 4e8])
        totals = sorted((base + 10 ** draw.uniform(6.5, 11) for _ in range(15)), reverse=True)
        found = [outcome(total, size, base=base, optimizer=optimizer, tile=tile) for total in totals]
        refused = [not fits(one) for one in found]
        assert refused == sorted(refused), size  # what is refused is so with less, too
        arranged = [one for one in found if fits(one)]
        assert all(one.peak <= total * (1 + 1e-12) for one, total in zip(arranged, totals, strict=False)), size
        peaks = [one.peak for one in arranged]
        assert peaks == sorted(peaks, reverse=True), size
        assert [one.mapped for one in arranged] == sorted(one.mapped for one in arranged), size
        memories = [(not one.half, one.pairs) for one in arranged if not one.mapped]
        assert memories == sorted(memories, reverse=True), size


def test_full_then_half_then_fewer_then_files_then_none():
    encoder, totals = network("lite"), [2e10 * 0.97**k for k in range(150)]
    found = [outcome(total, BIG) for total in totals]
    arranged = [one for one in found if fits(one)]
    kinds = [(one.mapped, one.half, one.pairs) for one in arranged]
    half, fewer = kinds.index((False, True, PAIRS)), kinds.index((False, True, PAIRS - 1))
    files = kinds.index((True, True, MAPPED))
    assert set(kinds[:half]) == {(False, False, PAIRS)}
    assert set(kinds[half:fewer]) == {(False, True, PAIRS)}
    assert all(not mapped and is_half and pairs < PAIRS for mapped, is_half, pairs in kinds[fewer:files])
    assert {pairs for _, _, pairs in kinds} >= set(range(FEWEST, PAIRS + 1, 3))
    assert set(kinds[files:]) == {(True, True, MAPPED)}
    assert isinstance(found[-1], UsageError)
    cuts = [list(one.tile_sizes(encoder, layers_of(encoder), BIG)) for one in arranged]
    assert cuts[0] == [0]
    assert all(cuts[-1][:2])
    assert all(one.whole == (not any(cut)) for one, cut in zip(arranged, cuts, strict=True))


def test_in_files_are_all_pictures_but_two():
    """In memory is what an evaluation works on, a tile, and the ends of segments with their gradients: no pairs."""
    lite, picture = network("lite"), 12 * BIG[0] * BIG[1]
    total = least(fits, BIG) * 1.001
    full, arranged = (settled(total).plan(BIG) for total in (1e11, total))
    assert (full.mapped, arranged.mapped) == (False, True)
    ends = sum(
        2 * 4 * lite.layers[name].channels * (BIG[0] // stride) * (BIG[1] // stride)
        for name, stride in (("pool2", 4), ("pool3", 8), ("pool4", 16))
    )
    saved = (IMAGES - 2 + 40) * picture + everything(lite, BIG) - ends
    tile = saved - (full.peak - arranged.peak)
    assert 0.4 * sizing.TILE_BYTES < tile <= sizing.TILE_BYTES * (1 + 1e-9)


def test_pictures_are_in_files_where_they_have_to_be(tmp_path):
    little, cpu = least(fits, BIG) * 1.001, torch.device("cpu")
    assert settled(1e11, scratch=str(tmp_path)).allocate(BIG) is in_memory
    assert settled(least(fits_without_files, BIG) * 1.001, scratch=str(tmp_path)).allocate(BIG) is in_memory
    allocate = settled(little, scratch=str(tmp_path)).allocate(BIG)
    assert allocate is not in_memory
    assert allocate((2, 3), torch.float32, cpu).shape == (2, 3)
    with pytest.raises(ImpastoError, match="no such folder"):
        settled(little, scratch=str(tmp_path / "no such folder")).allocate(BIG)((2, 3), torch.float32, cpu)


def test_no_run_remembers_fewer_pairs_than_the_fewest():
    total = least(fits_without_files, BIG)
    found = [settled(total * 1.001**k).plan(BIG) for k in range(1, 500)]
    assert max(one.pairs for one in found) > FEWEST
    assert min(one.pairs for one in found) == FEWEST


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_other_optimisers_have_no_pairs_to_give_up(optimizer):
    found = [outcome(2e10 * 0.97**k, BIG, optimizer=optimizer) for k in range(150)]
    arranged = [one for one in found if fits(one)]
    assert not any(one.half for one in arranged)
    assert isinstance(found[-1], UsageError)
    least = min(one.peak for one in arranged)
    picture = 12 * BIG[0] * BIG[1]
    assert least > (IMAGES + REMEMBERED[optimizer]) * picture + sizing.TILE_BYTES


def amount(text: str) -> tuple[float, float]:
    """Bytes of `3.2 GB` or `870 MB`, and half of the last digit."""
    number, unit = text.split()
    return float(number) * {"GB": 1e9, "MB": 1e6}[unit], {"GB": 0.51e8, "MB": 0.51e6}[unit]


@pytest.mark.parametrize(
    "changes", [{}, {"tile": 200}, {"tile": 2000}, {"optimizer": "adam"}, {"optimizer": "adam", "tile": 0}], ids=str
)
@pytest.mark.parametrize("base", [0.0, 6e8])
@pytest.mark.parametrize("size", [(5000, 4000), (700, 500), (200, 180)], ids=str)
def test_a_refusal_says_the_size_both_amounts_and_what_to_do(changes, base, size):
    enough = least(fits, size, base=base, **changes)
    for share in (0.2, 0.7, 0.99):
        total = base + share * (enough - base)
        with pytest.raises(UsageError) as caught:
            settled(total, base=base, **changes).plan(size)
        line = str(caught.value)
        match = re.fullmatch(
            r"a result of (\d+)x(\d+) needs about (\d+\.\d GB|\d+ MB) of memory, "
            r"and (\d+\.\d GB|\d+ MB) may be taken; .*",
            line,
        )
        assert match is not None, line
        assert (int(match[1]), int(match[2])) == size[::-1]  # width first, as people say it
        for text, expected in ((match[3], enough), (match[4], total)):
            said, half = amount(text)
            assert said == pytest.approx(expected, abs=half)
            assert text.endswith("GB") == (expected >= 1e9)  # small amounts in a unit that shows them
        assert "ask for a smaller result" in line
        assert "--memory" in line


def test_a_tile_that_was_asked_for_is_taken_whatever_there_is():
    encoder = network("lite")
    for total in (1.1 * least(fits, BIG, tile=200), 1e11):
        arranged = settled(total, tile=200).plan(BIG)
        assert list(arranged.tile_sizes(encoder, layers_of(encoder), BIG)) == [200, 50, 24, 12]
        assert arranged.peak <= total
    assert not settled(1e11, tile=200).plan(BIG).half


@pytest.mark.parametrize("tile", [0, max(BIG), 5000])
def test_the_peak_of_what_is_whole_at_a_persons_wish_counts_all_of_it(tile):
    picture = 12 * BIG[0] * BIG[1]
    arranged = settled(1.01 * least(fits, BIG, tile=tile), tile=tile).plan(BIG)
    assert arranged.peak > IMAGES * picture + everything(network("lite"), BIG)
    assert arranged.whole
    encoder = network("lite")
    seen = stages(encoder, layers_of(encoder), BIG, arranged.tile_sizes(encoder, layers_of(encoder), BIG))
    assert all(stage.whole for stage in seen)


@pytest.mark.parametrize("size", [BIG, (205, 210)])
def test_a_run_in_tiles_that_were_asked_for_is_not_called_whole(size):
    assert not settled(1e11, tile=200).plan(size).whole
    assert settled(1e11, tile=210).plan((205, 210)).whole


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("tile", [None, 0, 130, 200, 1000, 2000])
def test_what_is_arranged_is_what_is_cut_and_counted(tile, optimizer):
    """To the last digit: what just fits as a whole is not cut. The peak has room for the pictures, for what is
    remembered, and for all that the cut leaves of the network at any time."""
    encoder, draw, kinds = network("lite"), random.Random(2), set()
    for _ in range(60):
        size = draw.randint(64, 2600), draw.randint(64, 2600)
        picture, full = 12 * size[0] * size[1], settled(1e12, tile=0, optimizer=optimizer).plan(size).peak
        for share in (1, 0.9, 0.8, 0.7, 0.5, 0.3, 0.2, 0.1):
            arranged = outcome(share * full, size, tile=tile, optimizer=optimizer)
            if not fits(arranged):
                continue
            seen = stages(encoder, layers_of(encoder), size, arranged.tile_sizes(encoder, layers_of(encoder), size))
            whole = all(stage.whole for stage in seen)
            assert whole or not arranged.whole, size
            assert arranged.whole == whole or tile, size  # a tile may happen to hold each grid but the picture's
            remembered = REMEMBERED.get(optimizer, arranged.pairs * (1 if arranged.half else 2))
            pictures = 2 if arranged.mapped else IMAGES + remembered
            assert arranged.peak >= pictures * picture + most(seen) / 1.02, (size, share)
            kinds.add((arranged.whole, arranged.mapped))
    assert (True, False) in kinds or tile in {130, 200}
    assert (False, False) in kinds or tile == 0


def test_a_small_picture_needs_no_more_room_in_tiles_than_as_a_whole():
    """All of it, in half precision, would fit; and without pairs the whole is the least there is."""
    size = (200, 200)
    picture, full = 12 * size[0] * size[1], settled(1e11).plan(size).peak
    arranged = settled(0.9 * full).plan(size)
    assert arranged.half
    assert arranged.whole
    for pairs in (PAIRS // 2, FEWEST):
        fewer = settled(full - (2 * PAIRS - 2 * pairs - 0.01) * picture).plan(size)
        assert (fewer.pairs, fewer.half, fewer.mapped) == (pairs, True, False)
        # With pairs in half precision a step holds three pictures less.
        assert fewer.peak == pytest.approx(full - (2 * PAIRS - pairs + 3) * picture, rel=1e-9)
    assert least(fits, size, optimizer="adam") == pytest.approx(full - (2 * PAIRS - 3) * picture, rel=1e-2)


def test_paintings_larger_than_the_result_fit_as_well():
    """Strokes may be up to eight times as large (`style_scale`), and paintings are cut as the result is."""
    encoder, size, painting = network("lite"), (512, 384), (4096, 3072)
    full = settled(1e11).plan(size).peak
    cut = settled(1.01 * full).plan(size).tile_sizes(encoder, layers_of(encoder), painting)
    assert most(stages(encoder, layers_of(encoder), painting, cut)) < 3 * full


def test_limits_are_what_is_allowed_or_most_of_what_is_free(monkeypatch):
    monkeypatch.setattr(remembering, "resident", lambda: 3e8)
    monkeypatch.setattr(remembering, "free_memory", lambda device: 1e10)
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert limits(StylizeSettings(), cpu) == (3e8 + 0.8e10, 3e8)
    assert limits(StylizeSettings(), cuda) == (0.8e10, 0)  # the process lies elsewhere
    assert limits(StylizeSettings(memory="2GB"), cpu) == (2e9, 3e8)
    assert limits(StylizeSettings(memory="2GB"), cuda) == (2e9, 0)


# End to end


SMALL = (133, 200)
"""What the photo comes out at, height first."""


def small(**changes: object) -> StylizeSettings:
    seen = {"style_loss": "gram", "style_layers": "usual", "content_loss": "features"}  # the layers of `layers_of`
    return StylizeSettings(**({"size": 200, "steps": 3, "scales": 1} | seen | changes))


class Watch:
    """Which L-BFGS a run makes, and which stages it sees."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.optimizers: list[LBFGS] = []
        self.sides: list[tuple[int, ...]] = []
        make, cut = LBFGS.__init__, TileSizes.__call__

        def making(optimizer: LBFGS, *arguments: object, **named: object) -> None:
            make(optimizer, *arguments, **named)
            self.optimizers.append(optimizer)

        def sizing(own: TileSizes, *arguments: object) -> object:
            found = cut(own, *arguments)
            self.sides.append(tuple(found))
            return found

        patch.setattr(LBFGS, "__init__", making)
        patch.setattr(TileSizes, "__call__", sizing)


def steps_of(settings: StylizeSettings) -> list[Step]:
    return list(impasto.stylize_steps(PHOTO, PAINTING, settings))


def check_as_good(found: list[Step], expected: list[Step]) -> None:
    """A run is as good as another, whatever the processor.

    Rounding and half precision grow with each step, and a line search may try other steps, so that pictures differ by
    more on one processor than on another. But both descend as far, toward the same picture.
    """
    first, last = expected[0].loss, min(step.loss for step in expected)
    assert last < 0.8 * first
    assert min(step.loss for step in found) < last + 0.1 * (first - last)
    start = impasto.stylize(PHOTO, PAINTING, small(steps=0))
    ours, theirs = found[-1].image(), expected[-1].image()
    assert 0 < float((ours - theirs).abs().mean()) < 0.3 * float((theirs - start).abs().mean())


@pytest.mark.parametrize("optimizer", ["lbfgs", "lbfgs-wolfe", "adam"])
def test_a_run_with_little_memory_makes_nearly_the_same_picture(optimizer, monkeypatch):
    """Tiles and half precision; tiles of 1 MB instead of 256, so that so small a picture has some."""
    settings = small(optimizer=optimizer, steps=6)
    expected = steps_of(settings)
    monkeypatch.setattr(sizing, "TILE_BYTES", 1e6)
    monkeypatch.setattr(remembering, "resident", lambda: 0.0)
    little = least(lambda one: fits_without_files(one) and one.pairs > 5, SMALL, optimizer=optimizer)
    watch = Watch(monkeypatch)
    found = steps_of(replace(settings, memory=f"{1.01 * little:.0f}B"))
    assert any(sides[0] for sides in watch.sides)
    if optimizer != "adam":
        assert {made.precision for made in watch.optimizers} == {"half"}
        assert all(FEWEST <= made.memory < PAIRS for made in watch.optimizers)
    check_as_good(found, expected)


def test_a_run_that_does_not_fit_works_in_files(tmp_path, monkeypatch):
    """With 8 pairs, of which the first six steps need no more; the files go with it."""
    settings = small(steps=6)
    expected = steps_of(settings)
    monkeypatch.setattr(sizing, "TILE_BYTES", 1e6)
    monkeypatch.setattr(remembering, "resident", lambda: 0.0)
    memory = f"{1.01 * least(fits, SMALL):.0f}B"
    watch, made = Watch(monkeypatch), []
    mapped = module.mapped
    monkeypatch.setattr(module, "mapped", lambda folder: made.append(folder) or mapped(folder))
    found = steps_of(replace(settings, memory=memory, scratch=str(tmp_path)))
    assert made
    assert set(made) == {str(tmp_path)}
    assert [optimizer.memory for optimizer in watch.optimizers] == [MAPPED]
    assert watch.optimizers[0].allocate is not in_memory
    check_as_good(found, expected)
    del found, expected
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changes", [{}, {"scales": 2}, {"optimizer": "adam"}])
def test_too_little_memory_is_told_before_any_step(changes, monkeypatch):
    """Also where a smaller size would fit."""
    monkeypatch.setattr(remembering, "resident", lambda: 0.0)
    memory = f"{1.01 * settled(1e11).plan((67, 100)).peak:.0f}B" if changes == {"scales": 2} else "1MB"
    evaluated: list[object] = []
    features = VGG.features

    def seen(self: VGG, x: Tensor, *arguments: object) -> dict[str, Tensor]:
        if x.shape[-2:] != (64, 64):  # on which activations are measured
            evaluated.append(x.shape)
        return features(self, x, *arguments)

    monkeypatch.setattr(VGG, "features", seen)
    with pytest.raises(UsageError, match=r"a result of 200x\d+ needs about .* --memory"):
        next(impasto.stylize_steps(PHOTO, PAINTING, small(**changes, memory=memory)))
    assert evaluated == []


@pytest.mark.parametrize("text", ["much", "4XB"])
def test_memory_that_is_no_amount_is_refused(text):
    with pytest.raises(UsageError, match="memory is an amount such as 4GB"):
        next(impasto.stylize_steps(PHOTO, PAINTING, small(memory=text)))
    with pytest.raises(UsageError, match="memory is an empty text"):
        small(memory="")
