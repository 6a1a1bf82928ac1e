"""What memory there is, and what the way back through a network takes of it."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from mmap import mmap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from impasto import process
from impasto.encoders import Encoder, Segment, segments
from impasto.encoders.resnet import ResNet
from impasto.encoders.vgg import VGG
from impasto.errors import UsageError
from impasto.tasks.tiling import memory
from impasto.tasks.tiling.memory import activations, free_memory, parse_memory, resident

WIDTHS = ((4, 5), (6, 7), (8, 9, 10, 11), (12, 13, 14, 15), (16,))

linux = pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="the system does not say in this way")

FLOAT, INDEX = 4, 8
"""Bytes of a number, and of the place of a maximum."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4GB", 4e9),
        ("4 gb", 4e9),
        (" 1500 MB ", 1.5e9),
        ("1.5Gb", 1.5e9),
        ("2TB", 2e12),
        ("64KB", 64e3),
        ("2GiB", 2 * 1024**3),
        ("0.5mib", 512 * 1024),
        ("3KiB", 3072),
        ("100B", 100),
        ("100", 100),
        ("0", 0),
    ],
)
def test_amounts_of_memory(text, expected):
    assert parse_memory(text) == expected


@pytest.mark.parametrize(
    "text", ["", "GB", "4 XB", "-1GB", "4GB more", "1e9", "4,5GB", ".5GB", "4.GB", "inf", "nan", "4 G B", "4GBB", "4G"]
)
def test_what_is_no_amount_is_refused_with_what_it_was(text):
    with pytest.raises(UsageError, match=rf"such as 4GB or 1500MB, not '{text}'"):
        parse_memory(text)


@linux
def test_free_memory_of_this_machine():
    """Some of it is free, and no more than there is."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines())
    assert 0 < free_memory(torch.device("cpu")) < float(lines["MemTotal"].split()[0]) * 1024


class Text:
    """In place of `Path`: files of one text, or none at all."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def __call__(self, name: str) -> Text:
        return self

    def read_text(self, encoding: str = "", errors: str = "") -> str:
        if self.text is None:
            raise FileNotFoundError("no such file")
        return self.text


def test_free_memory_is_what_the_system_calls_available(monkeypatch):
    text = "MemTotal:  9000 kB\nMemFree:   1000 kB\nMemAvailable:   2048 kB\nBuffers:   5 kB\n"
    monkeypatch.setattr(process, "Path", Text(text))
    assert free_memory(torch.device("cpu")) == 2048 * 1024


@pytest.mark.parametrize("text", [None, "", "MemTotal: 9000 kB", "MemAvailable: much"])
def test_a_system_without_that_is_asked_for_its_free_pages(monkeypatch, text):
    for module in (memory, process):
        monkeypatch.setattr(module, "Path", Text(text))
    pages = {"SC_PHYS_PAGES": 5000, "SC_AVPHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}

    def count(name: str) -> int:
        if name not in pages:
            raise ValueError("unrecognized configuration name")
        return pages[name]

    monkeypatch.setattr(memory.os, "sysconf", count, raising=False)
    assert free_memory(torch.device("cpu")) == 4096_000
    del pages["SC_AVPHYS_PAGES"]  # as on macOS, where half of the memory counts as free
    assert free_memory(torch.device("cpu")) == 2500 * 4096
    pages.clear()
    assert free_memory(torch.device("cpu")) == float("inf")
    assert resident() == 0


@pytest.mark.parametrize(("answers", "expected"), [(1, (16e9, 5e9)), (0, (float("inf"), float("inf")))])
def test_windows_tells_its_memory(monkeypatch, answers, expected):
    def tell(pointer: Any) -> int:
        status = pointer._obj
        assert status.length == ctypes.sizeof(status) == 64
        status.total, status.free = 16 * 10**9, 5 * 10**9
        return answers

    library = SimpleNamespace(kernel32=SimpleNamespace(GlobalMemoryStatusEx=tell))
    monkeypatch.setattr(ctypes, "windll", library, raising=False)
    assert process.machine_memory() == expected


def test_the_free_memory_of_a_gpu_is_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: asked.append(device) or (5, 10))
    assert free_memory(torch.device("cuda", 1)) == 5
    assert asked == [torch.device("cuda", 1)]


KEPT = """
import platform
import numpy
from impasto.process import keep_freed_memory
from impasto.process import give_back
from impasto.tasks.tiling.memory import resident
keep_freed_memory()
low = numpy.ones(50_000_000, numpy.uint8)
top = numpy.ones(1000, numpy.uint8)  # what is above it, the heap cannot shrink by itself
before = resident()
del low
kept = resident()
done = give_back()
print(platform.libc_ver()[0] == "glibc", done, before - kept, before - resident())
"""


def test_freed_memory_that_is_kept_can_be_given_back():
    """In a process of its own: the settings are the process's."""
    told = subprocess.run([sys.executable, "-c", KEPT], check=True, capture_output=True, text=True).stdout.split()
    glibc, done, at_first, later = told[0] == "True", told[1] == "True", float(told[2]), float(told[3])
    assert done == glibc
    if glibc:
        assert at_first < 1e6
        assert later > 45e6


@linux
def test_what_the_process_has_grows_by_what_it_takes():
    """Pages of the system's own: what this process freed before may serve any other block."""
    before, size = resident(), 2**26
    with mmap(-1, size) as block:
        assert resident() - before < 0.1 * size
        for start in range(0, size, 4096):
            block[start] = 1
        taken = resident() - before
    assert taken == pytest.approx(size, rel=0.1)
    assert resident() - before < 0.1 * size


def randomised(network: Encoder) -> Encoder:
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.normal_(0, 0.1, generator=generator)
    return network


def narrow(pooling: str = "max", scale: int = 1) -> VGG:
    return randomised(VGG("narrow", [[scale * width for width in stage] for stage in WIDTHS], pooling))


def by_hand(encoder: VGG, segment: Segment) -> float:
    """Bytes for each position that the segment starts from: what it starts from (of the picture, what normalisation
    makes of it), every convolution's output, whose ReLU takes its place, and every pooled map with its indices."""
    names = list(encoder.layers)
    start = names.index(segment.after) + 1 if segment.after else 0
    deepest = max(names.index(name) for name in segment.wanted)
    stride = encoder.layers[segment.after].stride if segment.after else 1
    total = float(FLOAT * (encoder.layers[segment.after].channels if segment.after else 3))
    indexed = encoder.pool is torch.nn.functional.max_pool2d
    for name in names[start : deepest + 1]:
        about = encoder.layers[name]
        area = (stride / about.stride) ** 2
        if name.startswith("conv"):
            total += FLOAT * about.channels * area
        elif name.startswith("pool"):
            total += (FLOAT + (INDEX if indexed else 0)) * about.channels * area
        elif name in segment.wanted and name.replace("relu", "conv") in segment.wanted:
            total += FLOAT * about.channels * area  # both are wanted, and neither may overwrite the other
    return total


def every_layer_of(encoder: Encoder) -> list[tuple[str, ...]]:
    names = tuple(encoder.layers)
    return [encoder.default_style, encoder.default_content, names, ("relu2_2",), ("pool1", "conv3_1"), ("pool3",)]


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_activations_are_what_a_hand_counts(pooling):
    encoder = narrow(pooling)
    for layers in every_layer_of(encoder):
        for segment in segments(encoder, layers):
            assert activations(encoder, segment) == pytest.approx(by_hand(encoder, segment), rel=1e-9), segment


def test_the_first_segment_in_numbers():
    """Picture 12; conv1 16 and 20; pool1 5 and 10; conv2 6 and 7; pool2 7/4 and 14/4."""
    encoder = narrow()
    first = segments(encoder, encoder.default_style)[0]
    assert (first.after, first.end) == (None, "pool2")
    assert activations(encoder, first) == 12 + 16 + 20 + 5 + 10 + 6 + 7 + 1.75 + 3.5


def test_the_stem_of_a_residual_network_in_numbers():
    """Picture 12; a convolution at stride 2, 4 channels: 4; a pooled map and its indices at stride 4: 1 and 2."""
    encoder = randomised(ResNet("narrow", (2, 2, 2, 1), 4))
    stem = segments(encoder, encoder.default_style)[0]
    assert (stem.after, stem.end) == (None, "pool1")
    assert activations(encoder, stem) == 12 + 4 + 1 + 2


def test_the_parameters_do_not_count():
    """They are there anyway: 1 x 1 positions of a last convolution need far less than its filters."""
    encoder = randomised(VGG("wide", ((2, 2), (2, 2), (2, 2, 2, 2), (2, 2, 2, 2), (512,))))
    last = segments(encoder, ["relu5_1"])[-1]
    assert activations(encoder, last) == FLOAT * (2 + 512)


def test_double_precision_takes_twice_as_much_but_for_indices():
    encoder = narrow("average")
    first = segments(encoder, ["relu3_1"])[0]
    once = activations(encoder, first)
    assert activations(narrow("average").double(), first) == 2 * once


def test_a_segment_is_measured_once_for_each_network(monkeypatch):
    encoder, wide = narrow(), narrow(scale=2)
    calls: list[Encoder] = []
    features = VGG.features

    def counted(self: VGG, *arguments: object) -> dict[str, torch.Tensor]:
        calls.append(self)
        return features(self, *arguments)

    monkeypatch.setattr(VGG, "features", counted)
    first, second = segments(encoder, encoder.default_style)[:2]
    found = [activations(encoder, first) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert len(calls) == 1
    activations(encoder, second)
    assert len(calls) == 2
    # The same segment of another network is another one.
    assert first == segments(wide, wide.default_style)[0]
    assert activations(wide, first) == by_hand(wide, first) > 1.5 * found[0]
    assert [network is wide for network in calls] == [False, False, True]


def test_what_was_measured_goes_with_its_network():
    encoder = narrow()
    activations(encoder, segments(encoder, ["relu1_1"])[0])
    assert encoder in memory.MEASURED
    count = len(memory.MEASURED)
    del encoder
    gc.collect()
    assert len(memory.MEASURED) < count


def test_measuring_leaves_no_trace():
    """No draw of anybody's is taken, gradients may be off, and parameters get none."""
    encoder, other = narrow(), narrow()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    segment = segments(encoder, ["relu3_1"])[0]
    with torch.no_grad():
        off = activations(encoder, segment)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(3), expected)
    assert off == activations(other, segment)
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in encoder.parameters())


HAD = """
import numpy
from impasto.tasks.tiling.memory import reached, resident
before = resident()
taken = numpy.ones(100_000_000, numpy.uint8)
del taken
print(reached() - before, resident() - before)
"""


@linux
def test_the_most_that_was_had_stays_when_it_is_freed():
    """In a process of its own, which has not had more before."""
    told = subprocess.run([sys.executable, "-c", HAD], check=True, capture_output=True, text=True).stdout.split()
    most, left = map(float, told)
    assert most > 95e6
    assert left < 10e6
