"""A command line in this process, in a folder of its own, with a network of a few kilobytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from impasto.cli import main
from impasto.encoders import Encoder
from impasto.image import write
from impasto.tasks.run import pace

WIDTHS = ((4, 4), (6, 6), (8, 8, 8, 8), (8, 8, 8, 8), (8,))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """More than one only get in each other's way over pictures of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Impasto keeps for a user is kept here, also by processes that a test starts."""
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def known_pace() -> float:
    """Seconds for a pixel and a step, on the machine of these tests."""
    return 1e-6


@pytest.fixture(autouse=True)
def measured(known_pace: float, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The networks whose pace was asked for in this process: it is known, and takes no time to measure."""
    seen: list[str] = []

    def measure(encoder: Encoder, layers: Sequence[str], device: torch.device) -> float:
        seen.append(f"{encoder.name} {' '.join(layers)} {device}")
        return known_pace

    monkeypatch.setattr(pace, "measure", measure)
    return seen


@dataclass
class Told:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


Cli = Callable[..., Told]


@pytest.fixture(scope="session")
def tiny_lite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as `lite`'s, with heads, and random weights that are the same every time."""
    generator = torch.Generator().manual_seed(0)
    tensors, channels = {}, 3
    for stage, widths in enumerate(WIDTHS, 1):
        for i, width in enumerate(widths, 1):
            spread = (2 / (9 * channels)) ** 0.5
            tensors[f"conv{stage}_{i}.weight"] = torch.randn(width, channels, 3, 3, generator=generator) * spread
            tensors[f"conv{stage}_{i}.bias"] = torch.randn(width, generator=generator) * 0.1
            channels = width
    for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"):
        narrow = tensors[f"{layer.replace('relu', 'conv')}.bias"].numel()
        tensors[f"head.{layer}.weight"] = torch.randn(12, narrow, generator=generator)
        tensors[f"head.{layer}.bias"] = torch.randn(12, generator=generator)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with `photo.png` of 96x72 and `painting.png` of 80x80 in it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    generator = torch.Generator().manual_seed(1)
    write("photo.png", torch.rand(1, 3, 72, 96, generator=generator))
    write("painting.png", torch.rand(1, 3, 80, 80, generator=generator))
    return here


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line and returns its exit code and what it said."""

    def run(*args: object) -> Told:
        capfd.readouterr()
        code = main([str(arg) for arg in args])
        return Told(code, *capfd.readouterr())

    return run


@pytest.fixture
def quick(cli: Cli, folder: Path, tiny_lite: Path) -> Cli:
    """`impasto TASK INPUT...` at its quickest."""

    def run(*args: object) -> Told:
        return cli(*args[:1], "--steps", 2, "--scales", 1, "--size", 64, "--weights", tiny_lite, *args[1:])

    return run


@pytest.fixture
def stylize(quick: Cli) -> Cli:
    """`impasto stylize photo.png painting.png` at its quickest, with more flags."""
    return partial(quick, "stylize", "photo.png", "painting.png")
