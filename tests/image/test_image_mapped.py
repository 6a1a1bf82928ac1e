"""Tensors in memory-mapped files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from impasto.errors import ImpastoError
from impasto.image import mapped

CPU = torch.device("cpu")


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def mappings(folder: Path) -> list[str]:
    """Files of `folder` that this process has in its memory."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("the system does not say what is mapped")
    return [line for line in maps.read_text(encoding="utf-8").splitlines() if str(folder) in line]


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.float64, torch.int64])
def test_a_tensor_keeps_what_is_written(kind, tmp_path):
    made = mapped(tmp_path)((3, 5, 7), kind, CPU)
    assert (made.shape, made.dtype, made.device) == ((3, 5, 7), kind, CPU)
    assert made.is_contiguous()
    written = torch.arange(105).view(3, 5, 7).to(kind)
    made.copy_(written)
    assert torch.equal(made, written)


def test_tensors_do_not_share_anything(tmp_path):
    allocate = mapped(tmp_path)
    first, second = (allocate((4, 4), torch.float32, CPU) for _ in range(2))
    first.fill_(1)
    second.fill_(2)
    assert (first == 1).all()


def test_the_file_has_no_name_while_the_tensor_lives_and_is_gone_with_it(tmp_path):
    made = mapped(tmp_path)((1000, 1000), torch.float32, CPU)
    assert files(tmp_path) == []
    assert len(mappings(tmp_path)) == 1
    made.fill_(3)
    part = made[10:20]
    del made
    assert len(mappings(tmp_path)) == 1  # a view holds it
    assert (part == 3).all()
    del part
    assert mappings(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="blocks cannot be reserved here")
def test_all_blocks_are_reserved_before_anything_is_written(tmp_path, monkeypatch):
    """A hole of a sparse file is found to have no room only when it is written, and the process is killed."""
    reserve, seen = os.posix_fallocate, []

    def reserving(file: int, offset: int, size: int) -> None:
        reserve(file, offset, size)
        result = os.fstat(file)
        seen.append((offset, size, result.st_size, result.st_blocks * 512 >= size))

    monkeypatch.setattr(os, "posix_fallocate", reserving)
    mapped(tmp_path)((500, 300), torch.float16, CPU)
    assert seen == [(0, 300_000, 300_000, True)]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_full_disk_is_told_and_nothing_stays(code, tmp_path, monkeypatch):
    def full(file: int, offset: int, size: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(ImpastoError) as caught:
        mapped(tmp_path)((1000, 1000, 600), torch.float32, CPU)
    assert str(caught.value).startswith(f"no room for 2.4 GB in '{tmp_path}': ")
    assert os.strerror(code) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert files(tmp_path) == []


def test_where_blocks_cannot_be_reserved_the_file_is_long_enough_all_the_same(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    made = mapped(tmp_path)((300, 300), torch.float32, CPU)
    made.fill_(1)
    assert float(made.sum()) == 90_000
    assert files(tmp_path) == []


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ImpastoError, match="no such folder"):
        mapped(tmp_path / "no such folder")((2, 3), torch.float32, CPU)


def test_a_tensor_of_nothing_is_one(tmp_path):
    assert mapped(tmp_path)((0, 3), torch.float32, CPU).shape == (0, 3)


def test_tensors_of_other_devices_are_not_in_files(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", None, raising=False)
    made = mapped(tmp_path / "not there")((2, 3), torch.float32, torch.device("meta"))
    assert made.device.type == "meta"
    assert made.shape == (2, 3)
