"""`impasto train`: flags, files, what is said, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from tests.processes import LONG, free_port

from impasto import networks
from impasto.cli import app, training
from impasto.cli.options import TrainOptions
from impasto.image import load
from impasto.settings.train import TrainStyleSettings

QUICK = ["--size", 64, "--style-size", 64, "--batch", 2, "--width", 4, "--blocks", 0, "--steps", 3, "--recolor", 1]
QUICK += ["--base", "none"]


@pytest.fixture
def photos(folder: Path) -> Path:
    """Five photos."""
    made = folder / "photos"
    made.mkdir()
    for k in range(5):
        values = np.random.default_rng(k).integers(0, 256, (70, 80, 3), dtype=np.uint8)
        Image.fromarray(values).save(made / f"{k}.png")
    return made


@pytest.fixture
def train(cli, photos, tiny_lite):
    def run(*args: object):
        return cli("train", "style", photos, "painting.png", "--weights", tiny_lite, *QUICK, *args)

    return run


@pytest.mark.parametrize("kind", [TrainOptions, TrainStyleSettings])
def test_every_field_is_a_flag(kind):
    command = typer.main.get_command(app).commands["train"].commands["style"]  # type: ignore[attr-defined]
    known = {parameter.name: parameter for parameter in command.params}
    for field in dataclasses.fields(kind):
        assert f"--{field.name.replace('_', '-')}" in known[field.name].opts
        assert known[field.name].default is None
    ours, theirs = ({field.name for field in dataclasses.fields(one)} for one in (TrainOptions, TrainStyleSettings))
    assert not ours & theirs


def test_help_needs_no_torch():
    code = "import sys; from impasto.cli import main; main(['train', 'style', '--help']); "
    code += "assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, done.stderr
    assert "--style-size" in done.stdout


def test_a_network_comes_out_that_paints(train, folder):
    said = train("sample:flow", "-o", "net.safetensors", "--json", "--sheet-every", 2)
    assert said.code == 0, said.err
    events = [json.loads(line) for line in said.out.splitlines()]
    steps = [event for event in events if event["event"] == "step"]
    assert [(event["step"], event["total"]) for event in steps] == [(1, 3), (2, 3), (3, 3)]
    assert [{*event["terms"]} for event in steps] == [
        {"colours"},
        *2 * [{"style", "content", "blotches", "lattice", "repetition", "range", "tv"}],
    ]
    network = networks.load(folder / "net.safetensors")
    assert network.styles == ("painting", "flow")
    photo = torch.rand(1, 3, 40, 50)
    assert not torch.equal(network(photo, network.code({"flow": 1})), network(photo, network.code({"painting": 1})))
    assert load(folder / "net.png").size[1] > 3 * 64


def test_the_same_command_goes_on_and_others_do_not(train, folder):
    assert train("-o", "net.safetensors").code == 0
    whole = (folder / "net.safetensors").read_bytes()
    again = train("-o", "net.safetensors")
    assert again.code == 0
    assert "3 steps already" in again.err
    assert (folder / "net.safetensors").read_bytes() == whole
    longer = train("-o", "net.safetensors", "--steps", 5, "--json")
    assert [json.loads(line)["step"] for line in longer.out.splitlines() if '"step"' in line] == [4, 5]
    fewer = train("-o", "net.safetensors", "--steps", 4)
    assert "made 5 steps already, and --steps is 4; more than 5 go on" in fewer.err
    other = train("-o", "net.safetensors", "--strength", 0.6)
    assert other.code == 2
    assert other.err.rstrip().endswith(
        "other pictures or settings, or of another version of Impasto; delete it, or choose another --output"
    )
    network = train("-o", "far.safetensors", "--resume", "net.safetensors")
    assert network.code == 2
    assert (
        "no checkpoint of a run; give --resume a state of the same run, such as 'net.safetensors.checkpoint'"
        in network.err
    )
    elsewhere = train("-o", "far.safetensors", "--steps", 7, "--resume", "net.safetensors.checkpoint", "--json")
    assert [json.loads(line)["step"] for line in elsewhere.out.splitlines() if '"step"' in line] == [6, 7]


def test_settings_may_be_in_a_file(train, folder):
    (folder / "s.toml").write_text("steps = 2\nema = 0.5\n")
    assert train("-o", "net.safetensors", "--settings", "s.toml", "--steps", 1).code == 0
    origin = networks.describe(folder / "net.safetensors")["provenance"]
    assert (origin["steps"], origin["settings"]["ema"]) == (1, 0.5)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-o", "net.png"], "'net.png' does not end in .safetensors"),
        (["-o", "no/net.safetensors"], "cannot be written"),
        (["--norm", "instanse"], "did you mean 'instance'?"),
        (["--batch", "0"], "batch must be at least 1"),
        (["missing.png"], "missing.png"),
        (["painting.png"], "two paintings are called 'painting'"),
        (["--base", "photo.png"], "photo.png"),
        (["--base", "painting.safetensors"], "painting.safetensors"),
        (["--resume", "gone"], "gone"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(train, folder, words, line):
    said = train(*words)
    assert said.code == 2
    assert len(said.lines) == 1
    assert line in said.err
    assert not list(folder.glob("*.safetensors"))


def test_an_empty_folder_and_none_are_refused(cli, folder):
    (folder / "empty").mkdir()
    said = cli("train", "style", "empty", "painting.png", "-o", "net.safetensors")
    assert (said.code, len(said.lines)) == (2, 1)
    assert "no pictures in 'empty'" in said.err
    assert "is no folder" in cli("train", "style", "photo.png", "painting.png", "-o", "net.safetensors").err


def test_a_broken_photo_is_named_and_left_out(train, photos):
    for path in sorted(photos.iterdir())[:2]:
        path.write_bytes(b"nothing")
    said = train("-o", "net.safetensors", "--steps", 4)
    assert said.code == 0
    told = [line for line in said.lines if "left out" in line]
    assert 1 <= len(told) <= 2
    assert "0.png" in said.err or "1.png" in said.err


def test_a_network_without_a_state_is_not_overwritten(train, folder):
    (folder / "net.safetensors").write_bytes(b"of long ago")
    said = train("-o", "net.safetensors")
    assert said.code == 2
    assert "choose another --output" in said.err
    assert (folder / "net.safetensors").read_bytes() == b"of long ago"


def test_a_sheet_replaces_no_picture(train, folder):
    (folder / "mine.png").write_bytes(b"dear to somebody")
    told = train("-o", "painting.safetensors")
    assert (told.code, len(told.lines)) == (2, 1)
    assert "the output 'painting.png' is also an input" in told.err
    told = train("-o", "mine.safetensors")
    assert (told.code, len(told.lines)) == (2, 1)
    assert "'mine.png' is there, where a sheet would go" in told.err
    assert train("-o", "mine.safetensors", "--sheet-every", 0).code == 0
    assert (folder / "mine.png").read_bytes() == b"dear to somebody"


def test_torchrun_trains_one_network(train, photos, tiny_lite, folder):
    alone = train("-o", "one.safetensors", "--json")
    words = [
        "train",
        "style",
        photos,
        "painting.png",
        "--weights",
        tiny_lite,
        *QUICK,
        "-o",
        "two.safetensors",
        "--json",
    ]
    launched = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    launched += ["-m", "impasto", *words]
    done = subprocess.run([str(w) for w in launched], capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, done.stderr

    def losses(out: str) -> list[float]:
        return [event["loss"] for event in map(json.loads, out.splitlines()) if event["event"] == "step"]

    assert losses(done.stdout) == pytest.approx(losses(alone.out), rel=1e-4)
    assert (folder / "two.safetensors").is_file()


def test_any_and_texture_have_commands_too(cli, photos, tiny_lite, folder):
    quick = ["--size", 64, "--style-size", 64, "--batch", 2, "--steps", 2, "--weights", tiny_lite]
    said = cli("train", "any", photos, photos, *quick)
    assert said.code == 0, said.err
    assert networks.describe(folder / "any.safetensors")["kind"] == "any"
    said = cli("train", "texture", "painting.png", *quick, "--scales", 2, "--channels", 2, "-o", "t.safetensors")
    assert said.code == 0, said.err
    assert networks.describe(folder / "t.safetensors")["kind"] == "texture"
    said = cli("train", "any", photos, photos, *quick, "--base", "any.safetensors", "-o", "more.safetensors", "--json")
    assert said.code == 0, said.err
    assert '"style"' in said.out  # and not the colours alone
    assert networks.describe(folder / "more.safetensors")["provenance"]["base"]["source"] == "any.safetensors"
    said = cli("train", "texture", "painting.png", "--photos", photos, *quick, "--scales", 2, "-o", "p.safetensors")
    assert said.code == 0, said.err
    assert networks.describe(folder / "p.safetensors")["settings"]["texture"]["content"]
    refused = cli("train", "any", photos, "painting.png", *quick, "-o", "other.safetensors")
    assert (refused.code, len(refused.lines)) == (2, 1)
    assert "'painting.png' is no folder" in refused.err


def test_ctrl_c_tells_how_to_go_on(train, folder, monkeypatch):
    real = training.STEPS["style"]

    def interrupted(*args, **kwargs):
        for step in real(*args, **kwargs):
            yield step
            if step.index == 2:
                raise KeyboardInterrupt

    monkeypatch.setitem(training.STEPS, "style", interrupted)
    said = train("-o", "net.safetensors", "--checkpoint-every", 1)
    assert said.code == 130
    assert "stopped after step 2 of 3; the same command goes on from the last checkpoint" in said.lines[-1]
    monkeypatch.setitem(training.STEPS, "style", real)
    again = train("-o", "net.safetensors", "--checkpoint-every", 1, "--json")
    assert [json.loads(line)["step"] for line in again.out.splitlines() if '"step"' in line] == [3]


def test_curves_for_tensorboard_need_it(train, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = train("-o", "net.safetensors", "--log", "log")
    assert (said.code, len(said.lines)) == (2, 1)
    assert "pip install impasto[tensorboard]" in said.err


def test_curves_for_tensorboard_are_those_of_the_steps(train, monkeypatch):
    curves = []

    class Writer:
        def __init__(self, folder):
            assert folder == "log"

        def add_scalars(self, name, values, index):
            curves.append((name, index, {*values}))

        def add_scalar(self, name, value, index):
            curves.append((name, index, value > 0))

        def flush(self):
            pass

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    assert train("-o", "net.safetensors", "--log", "log", "--steps", 1).code == 0
    assert curves == [("loss", 1, {"all", "colours"}), ("rate", 1, True)]
