"""Allocation of tensors as large as a picture."""

import sys
from pathlib import Path

import pytest
import torch

from impasto.image import in_memory, in_range
from impasto.image.allocation import LARGE

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.float64, torch.uint8])
@pytest.mark.parametrize("count", [0, 1, 1000, LARGE // 8 + 3])
def test_memory_is_what_was_asked_for(kind, count):
    result = in_memory((1, count, 3), kind, CPU)
    assert (result.shape, result.dtype, result.device) == ((1, count, 3), kind, CPU)
    assert result.is_contiguous()
    result.fill_(7)
    assert (result == 7).all()
    assert result.data_ptr() % 64 == 0, "on which the rounding of products depends"


def test_large_blocks_do_not_overlap_and_live_as_long_as_a_view_of_them():
    first, second = (in_memory((LARGE,), torch.uint8, CPU).fill_(value) for value in (1, 2))
    view = first[100:200].view(10, 10)
    del first
    third = in_memory((LARGE,), torch.uint8, CPU).fill_(3)
    assert (view == 1).all()
    assert (second == 2).all()
    assert (third == 3).all()


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
def test_the_system_has_large_blocks_back_at_once():
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * 4096

    before = resident()
    result = in_memory((4 * LARGE,), torch.uint8, CPU).fill_(1)
    assert resident() - before > 3.9 * LARGE
    del result
    assert resident() - before < 0.5 * LARGE


def test_other_devices_have_their_own_memory():
    assert in_memory((LARGE,), torch.uint8, torch.device("meta")).device.type == "meta"


@pytest.mark.parametrize("side", [5, 1800])
def test_a_copy_in_range(side):
    given = torch.linspace(-1, 2, 3 * side * side).view(1, 3, side, side)
    result = in_range(given)
    assert result is not given
    assert torch.equal(result, given.clip(0, 1))
