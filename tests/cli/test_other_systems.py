"""The commands on systems that lack parts of Linux, which `other_systems/sitecustomize.py` imitates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tests.processes import LONG

from impasto.cli import processes, reports
from impasto.errors import UsageError
from impasto.image import write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="imitates other systems on Linux")

COMMANDS = """
import json, os, sys
from impasto.cli import main
from impasto.process import prepare_process
prepare_process()
for words in json.loads(sys.argv[1]):
    print("$", *words, flush=True)
    if code := main(words):
        sys.exit(f"{words} ended with code {code}")
"""
"""Runs several commands in one process, because the import of PyTorch takes longer than all of them."""

HELPS = [
    *([name, "--help"] for name in ("stylize", "reconstruct", "texture", "blend", "compare", "apply", "export")),
    *([name, "--help"] for name in ("sweep", "samples", "losses", "presets", "info", "doctor", "weights", "plan")),
    *(["train", name, "--help"] for name in ("style", "any", "texture")),
    *(["weights", name, "--help"] for name in ("list", "fetch", "verify", "where")),
    *(["plan", name, "--help"] for name in ("stylize", "reconstruct", "texture")),
]

LISTS = [["presets"], ["losses"], ["samples"], ["sweep", "--list"], ["--version"], ["weights", "list"]]
LISTS += [["weights", "where"], ["doctor"]]

FAST = ["--steps", "2", "--scales", "1", "--size", "64", "-o"]

STYLIZE = [
    ["stylize", "photo.png", "painting.png", *FAST, "a.png", "--checkpoint-every", "0", "--timelapse", "a.gif"],
    ["stylize", "photo.png", "painting.png", *FAST, "a.png", "--overwrite"],  # replaces a file that was read
    ["stylize", "photo.png", "painting.png", *FAST, "tiles.png", "--tile", "48"],
    ["apply", "photo.png", "--style", "painting.png", "-o", "e.png", "--tile", "64"],
]

OTHERS = [
    ["plan", "stylize", "photo.png", "painting.png", "--size", "64"],
    ["reconstruct", "photo.png", *FAST, "b.png"],
    ["texture", "painting.png", *FAST, "c.png"],
    ["apply", "photo.png", "--style", "tesserae", "-o", "d.png"],
    ["apply", "photos", "--style", "wave", "-o", "painted"],
    ["blend", "cut.png", "photo.png", "-o", "f.png"],
    ["compare", "a.png", "a.png", "-o", "g.png"],
    ["info", "a.png"],
    ["export", "styles", "-o", "network.onnx"],
]

TRAIN = ["train", "style", "photos", "painting.png", "--base", "none", "--width", "4", "--blocks", "1", "--batch", "1"]
TRAIN += ["--size", "64", "--checkpoint-every", "1", "--sheet-every", "1", "-o", "network.safetensors"]

TRAININGS = [[*TRAIN, "--steps", "1"], [*TRAIN, "--steps", "2"]]  # the second one continues
TRAININGS += [["apply", "photo.png", "--network", "network.safetensors", "--style", "painting", "-o", "h.png"]]

SWEEP = """
task = "texture"
[inputs]
style = "painting.png"
[settings]
size = 64
steps = 2
scales = 1
seed = [1, 2]
"""


@pytest.fixture
def inputs(folder: Path) -> Path:
    """The working folder, with a folder of photos and a cut-out beside the photo and the painting."""
    generator = torch.Generator().manual_seed(2)
    Path("photos").mkdir()
    for name in ("one", "two"):
        write(f"photos/{name}.png", torch.rand(1, 3, 80, 80, generator=generator))
    alpha = torch.zeros(1, 1, 40, 40)
    alpha[..., 10:30, 10:30] = 1
    write("cut.png", torch.rand(1, 3, 40, 40, generator=generator), alpha=alpha)
    return folder


def process(system: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python on this system, with an old code page for the output, as that of a Windows console."""
    paths = os.pathsep.join([str(Path(__file__).parent / "other_systems"), os.environ["PYTHONPATH"]])
    around = os.environ | {"OTHER_SYSTEM": system, "PYTHONPATH": paths, "PYTHONIOENCODING": "cp437"}
    command = [sys.executable, *words]
    return subprocess.run(
        command, env=around, capture_output=True, text=True, encoding="cp437", timeout=LONG, check=False
    )


def commands(system: str, lines: Sequence[list[str]]) -> str:
    """Run these commands, and return their output. All have to end well."""
    done = process(system, "-c", COMMANDS, json.dumps(lines))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_every_command_starts_on_windows(inputs: Path) -> None:
    output = commands("windows", [*HELPS, *LISTS, ["samples", "Łódź"], *STYLIZE, *OTHERS, *TRAININGS])
    assert output.count("Usage:") == len(HELPS)
    assert str(Path("?ód?") / "flow.jpg") in output.splitlines()  # what the code page lacks
    assert "impasto stylize --size 64 --steps 2 --scales 1 --output a.png photo.png painting.png" in output
    assert {path.name for path in (inputs / "painted").iterdir()} == {"one.png", "two.png"}
    written = {path.name for path in inputs.iterdir()}
    assert {"a.gif", "tiles.png", *(f"{name}.png" for name in "abcdefgh"), "network.onnx"} <= written
    assert not [path for path in inputs.rglob("*") if path.suffix in (".part", ".map")]
    assert not (inputs / "a.png.checkpoint").exists()


def test_a_macos_without_torch_distributed_paints_whole_and_in_tiles(inputs: Path) -> None:
    rows = commands("macos", [["doctor"], *STYLIZE]).splitlines()
    assert any(row.startswith("memory") and "GB of it free" in row for row in rows)
    assert {"a.png", "a.gif", "tiles.png", "e.png"} <= {path.name for path in inputs.iterdir()}


def test_a_sweep_starts_its_processes_on_windows(inputs: Path) -> None:
    Path("seeds.toml").write_text(SWEEP, encoding="utf-8")
    done = process("windows", "-m", "impasto", "sweep", "seeds.toml", "-o", "sweep", "--workers", "2", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["status"] for event in events if event["event"] == "cell"] == ["done", "done"]
    assert b"\r" not in (inputs / "sweep" / "results.jsonl").read_bytes()


def test_several_processes_without_torch_distributed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.distributed, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"lacks torch\.distributed"):
        processes.join("cpu")


def test_the_command_of_a_picture_is_quoted_for_the_shells_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "WINDOWS", True)
    words = [r"C:\my photos\a.png", r"D:\a.png", "blend:a.png,b.png?mask=m.png&at=1,2", "--size", "0.5"]
    assert [reports._quoted(word) for word in words] == [f'"{words[0]}"', words[1], f'"{words[2]}"', *words[3:]]
