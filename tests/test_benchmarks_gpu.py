"""The GPU benchmark's own code, on the processor and at a small size."""

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmarks import gpu

from impasto.encoders.vgg import VGG19


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("gpu") / "vgg19.safetensors"
    gpu.write_weights(path)
    return path


@pytest.fixture
def small(weights):
    return replace(gpu.plan("cpu", True, weights), side=32, steps=3, sides=(32, 48), large=64, backend="eager")


def table(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("|") and not line.startswith("|---")][1:]


def test_a_step_is_two_passes_through_the_convolutions(small):
    side = 64
    content, style = small.pictures(side)
    found = gpu.count_flops(gpu.objective(small.load(torch.float32), content, style), content)
    expected, channels = 0, 3
    for stage, widths in enumerate(VGG19):
        for width in widths if stage < 4 else widths[:1]:
            expected += 2 * 2 * 9 * channels * width * (side >> stage) ** 2
            channels = width
    assert expected <= found < 1.1 * expected  # the rest are Gram matrices


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_every_way_has_its_row(small):
    rows = table(gpu.speed(small))
    assert not [row for row in rows if "failed" in row]
    assert [row.split("|")[1].strip() for row in rows] == [
        "textbook loop, float32 (TF32)",
        "Impasto, bfloat16",
        "Impasto, float32",
        "Impasto, bfloat16, cudnn.benchmark",
        "Impasto, bfloat16, compiled",
        "Impasto, float32, compiled",
    ]
    for row in rows:
        assert 0 < float(row.split("|")[5]) < 1, "the loss, relative to the start"


def test_a_way_that_fails_costs_its_row_alone(small, monkeypatch):
    load = gpu.Plan.load

    def broken(self, kind):
        if kind == torch.bfloat16:
            raise RuntimeError("out of\nmemory")
        return load(self, kind)

    monkeypatch.setattr(gpu.Plan, "load", broken)
    monkeypatch.setattr(gpu, "compile_network", lambda encoder, backend: encoder)
    monkeypatch.setattr(gpu, "textbook_row", lambda *_: "| textbook |")
    rows = table(gpu.speed(small))
    assert [("failed: RuntimeError: out of memory" in row) for row in rows] == [False, True, False, True, True, False]


def test_large_pictures_sizes_and_kernels(small):
    whole = table(gpu.large(small))
    assert len(whole) == 2
    assert not [row for row in whole if "failed" in row]
    assert [row.split("|")[1].strip() for row in table(gpu.pixels(small))] == ["32", "48"]
    assert "convolution" in "".join(gpu.profile(small))


def test_a_part_without_time_loses_nothing_else(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "BUDGETS", dict.fromkeys(gpu.PARTS, 0.01))
    args = argparse.Namespace(out=tmp_path, parts=["speed", "pixels"], device="cpu", small=True)
    assert gpu.run_all(args, weights) == 2
    written = (tmp_path / "gpu.md").read_text()
    assert re.findall(r"^## (\w+)", written, re.MULTILINE) == ["speed", "pixels"]
    assert written.count("stopped after 0.01 s") == 2


def test_without_a_gpu_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["gpu", "--out", str(tmp_path)])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="there is no CUDA device here"):
        gpu.main()


def test_all_parts_fit_into_ten_minutes():
    assert set(gpu.BUDGETS) == set(gpu.PARTS)
    assert sum(gpu.BUDGETS.values()) <= 560
