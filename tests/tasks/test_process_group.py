"""Processes that share the tiles of a picture come to what one comes to, all of them to the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from member import FEW, SIDES, cases, found
from test_tiled import SIZE, network
from tests.processes import LONG, free_port
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.tasks.tiling.process_group import ProcessGroup
from impasto.tasks.tiling.stages import share_tiles, stages

MEMBER = Path(__file__).with_name("member.py")


def together(folder: Path, size: int) -> list[dict[str, Tensor]]:
    """What each of so many processes finds."""
    around = os.environ | {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, MEMBER, folder]
    running = [subprocess.Popen(command, env=around | {"RANK": str(k)}, stderr=subprocess.PIPE) for k in range(size)]
    try:
        told = [process.communicate(timeout=LONG)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * size, told
    return [torch.load(folder / f"{k}.pt") for k in range(size)]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    return together(tmp_path_factory.mktemp("two"), 2)


def apart(ours: Tensor, right: Tensor) -> float:
    """How far value and parts, and then the gradient, are apart: each relative to the largest of its kind."""
    assert ours.shape == right.shape
    pairs = [(ours[:10], right[:10]), (ours[10:], right[10:])]
    return max(float((own - other).abs().max() / other.abs().max()) for own, other in pairs)


@pytest.fixture(scope="module")
def alone() -> dict[str, Tensor]:
    """What one process finds."""
    return cases(ProcessGroup())


@pytest.fixture(scope="module")
def rounding(alone: dict[str, Tensor]) -> float:
    """How far results are apart that only the order of their sums tells apart: one process's, in different tiles.

    In any order, a float64 sum of n terms with a rounding error of u = 1.1e-16 in each is off by about sqrt(n) u
    (Higham and Mary 2019). The longest sums are those over 13,231 positions and over 13 convolutions of up to 4,608
    terms each: 1e-13 in all, where little cancels.
    """
    whole, *tiled = (alone[f"lite {sides}"] for sides in SIDES)
    found = max(apart(each, whole) for each in tiled)
    assert 0 < found < 1e-10
    return found


def test_two_processes_find_what_one_finds(two, alone, rounding):
    """Regions and mixtures of paintings, content, variation and the photo's Laplacian, whole and in tiles."""
    for name, right in alone.items():
        for ours in two:
            assert apart(ours[name], right) <= 100 * rounding, name


def test_what_one_of_two_processes_leaves_out_is_found(alone, rounding):
    """The bound above is far below the part of a single tile or term."""
    whole = alone["lite (0,)"]
    more = alone["in one piece"]  # value, parts, gradient: here with a part more, which the value holds as well
    assert len(more) == len(whole) + 1
    assert float((more[0] - whole[0]).abs() / whole[0]) > 1e6 * rounding
    less = whole.clone()
    less[10 : 10 + 3 * SIZE[1]] = 0  # three of all rows
    assert apart(less, whole) > 1e6 * rounding


def test_both_find_the_same_bits(two):
    first, second = two
    assert first.keys() == second.keys()
    for name in first:
        if name != "share":
            assert torch.equal(first[name], second[name]), name


def test_a_process_without_a_tile_adds_nothing(tmp_path, rounding):
    """Two tiles, three processes."""
    cut = stages(network("lite"), network("lite").default_style, SIZE, FEW)
    assert [len(list(stage.tiles())) for stage in cut] == [2, 2, 1, 1]
    right = found(ProcessGroup(), "lite", FEW)
    for ours in together(tmp_path, 3):
        assert apart(ours["lite"], right) <= 100 * rounding


def test_sums_and_agreements_keep_the_layout(two):
    for ours in two:
        assert torch.equal(ours["sum"], torch.ones(1, 3, 3, 5))
        assert torch.equal(ours["agreed"], torch.full((1, 3, 4, 5), 7.0))


def test_each_has_its_share(two):
    assert [ours["share"].tolist() for ours in two] == [[0, 2, 4, 6], [1, 3, 5]]


def test_all_plan_with_the_least_room_of_any(two):
    """Of what is free on a machine each takes half; what was asked for is each one's own."""
    for ours in two:
        assert ours["budget False"].tolist() == pytest.approx([5e8, 1e8])
        assert ours["budget True"].tolist() == pytest.approx([1e9, 1e8])


def test_one_process_alone_sends_nothing():
    group, numbers = ProcessGroup(), torch.arange(3.0)
    assert group.single
    assert not torch.distributed.is_initialized()
    assert group.all_reduce_(numbers) is group.broadcast_(numbers) is numbers
    assert group.minimum(4.0, torch.device("cpu")) == 4.0
    assert list(group.share(range(3))) == [0, 1, 2]
    group.check_same("anything", torch.device("cpu"))


def test_a_team_that_is_not_there_is_told_in_one_line(monkeypatch):
    def gone(tensor: Tensor) -> None:
        raise RuntimeError("[pair.cc:534] Connection closed by peer")

    monkeypatch.setattr(torch.distributed, "all_reduce", gone)
    with pytest.raises(ImpastoError, match="another process of this run has ended"):
        ProcessGroup(0, 2).all_reduce_(torch.zeros(1))


@pytest.mark.parametrize("members", [2, 3, 4, 8])
def test_shared_stages_leave_no_process_much_more_than_its_part(members):
    """Of the segment with the most to see; one that is small is not worth its borders."""
    encoder = network("lite")
    for size in ((1000, 1500), (700, 700), (512, 340)):
        found = stages(encoder, encoder.default_style, size, (0,))
        cut = [share_tiles(stage, members) for stage in found]
        first = cut[0]
        assert first.kept_graphs
        assert len(list(first.tiles())) >= members
        loads = [0] * members
        for k, tile in enumerate(first.tiles()):
            loads[k % members] += (tile.rows.last - tile.rows.first) * (tile.columns.last - tile.columns.first)
        assert max(loads) < 1.7 * size[0] * size[1] / members
    for stage in stages(encoder, encoder.default_style, (64, 64), (0,))[1:]:
        assert share_tiles(stage, members) is stage


def test_stages_in_tiles_that_are_enough_stay_as_they_are_and_few_are_cut_again():
    encoder = network("lite")
    (many, *_), (few, *_) = (stages(encoder, encoder.default_style, (512, 512), (side,)) for side in (64, 256))
    assert share_tiles(many, 2) is many
    again = share_tiles(few, 16)
    assert again.side < 256
    assert not again.kept_graphs
