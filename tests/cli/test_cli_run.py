from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from impasto.cli.options import default_output
from impasto.image import load, read_metadata, write
from impasto.image.picture import Picture
from impasto.synthesis import State, Step
from impasto.tasks.run.run import Job

Cli = Callable[..., Any]


def made(path: str = "out.png") -> Picture:
    return load(path)


def test_a_run_writes_the_picture_and_says_so(stylize: Cli) -> None:
    told = stylize("-o", "out.png")
    assert (told.code, told.out) == (0, "")
    assert told.lines[-1].startswith("wrote out.png, 64x48, in ")
    assert told.lines[-2].startswith("step 2/2  64x48  loss ")
    assert made().size == (48, 64)


@pytest.mark.parametrize(
    ("task", "inputs", "name"),
    [
        ("stylize", ["photo.png", "painting.png"], "photo-painting.png"),
        ("reconstruct", ["photo.png"], "photo-reconstruct.png"),
        ("texture", ["painting.png"], "painting-texture.png"),
    ],
)
def test_every_task_has_a_default_output(quick: Cli, folder: Path, task: str, inputs: list[str], name: str) -> None:
    assert quick(task, *inputs).code == 0
    assert (folder / name).is_file()


def test_default_output_of_samples_and_files_elsewhere() -> None:
    assert default_output("stylize", ["../x/a.b.jpg", "sample:flow"]) == "a.b-flow.png"


def test_the_same_command_gives_the_same_bytes(stylize: Cli, folder: Path) -> None:
    for name in ("a", "b"):
        stylize("-o", f"{name}.png", "--init", "noise", "--seed", "3")
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()


def test_an_older_output_is_replaced(stylize: Cli, folder: Path) -> None:
    assert stylize("-o", "out.png", "--size", 32).code == 0
    assert stylize("-o", "out.png").code == 0
    assert made().size == (48, 64)


@pytest.mark.parametrize("there", ["out.png", "out-0001.png", "film.gif"])
def test_a_file_of_others_is_replaced_only_when_asked(stylize: Cli, folder: Path, there: str) -> None:
    (folder / there).write_text("dear to somebody")
    words = ("-o", "out.png", "--save-every", 1, "--timelapse", "film.gif")
    told = stylize(*words)
    assert (told.code, len(told.lines)) == (2, 1)
    assert f"'{there}' is there already" in told.err
    assert "--overwrite" in told.err
    assert (folder / there).read_text() == "dear to somebody"
    assert {path.name for path in folder.iterdir()} == {"photo.png", "painting.png", there}
    assert stylize(*words, "--overwrite").code == 0
    assert (folder / there).read_bytes() != b"dear to somebody"
    assert stylize(*words, "--strength", 0.3).code == 0


def test_default_names_of_other_commands_are_numbered(stylize: Cli, folder: Path) -> None:
    (folder / "photo-painting.png").write_text("dear to somebody")
    for strength, name in ((0.3, "photo-painting-2.png"), (0.6, "photo-painting-3.png"), (0.3, "photo-painting-2.png")):
        told = stylize("--strength", strength)
        assert told.lines[-1].startswith(f"wrote {name}"), told.err
        assert (read_metadata(name) or {})["settings"]["strength"] == strength  # type: ignore[index, call-overload]
    assert (folder / "photo-painting.png").read_text() == "dear to somebody"


def test_alpha_of_the_photo_comes_back(stylize: Cli) -> None:
    alpha = torch.zeros(1, 1, 72, 96)
    alpha[..., 48:] = 1
    write("photo.png", torch.rand(1, 3, 72, 96, generator=torch.Generator().manual_seed(1)), alpha=alpha)
    stylize("-o", "out.png")
    found = made().alpha
    assert found is not None
    assert found.shape == (1, 1, 48, 64)
    assert found[..., :28].max() == 0
    assert found[..., 36:].min() == 1
    assert any("cannot hold it" in line for line in stylize("-o", "out.jpg").lines)


@pytest.mark.usefixtures("without_packages")
def test_a_fine_picture_without_vgg19_says_how_to_get_it(cli: Cli, folder: Path) -> None:
    words = ("stylize", "photo.png", "painting.png", "--steps", 1, "--scales", 1, "--size", 48, "-o", "out.png")
    assert any('pip install "impasto[vgg19]"' in line for line in cli(*words, "--quality", "fine").lines)
    assert not any("vgg19" in line for line in cli(*words, "--quality", "standard").lines)


def test_notices_of_reading_are_shown(stylize: Cli) -> None:
    frames = [Image.new("RGB", (96, 72), color) for color in ("red", "blue")]
    frames[0].save("photo.png", "GIF", save_all=True, append_images=frames[1:])
    assert any("2 frames; the first is used" in line for line in stylize("-o", "out.png").lines)
    assert stylize("-o", "out.png", "--quiet").err == ""


def test_bits_and_quality_of_the_file(stylize: Cli, folder: Path) -> None:
    assert stylize("-o", "deep.png", "--bits", "16").code == 0
    assert made("deep.png").bits == 16
    for quality in ("20", "95"):
        stylize("-o", f"{quality}.jpg", "--output-quality", quality)
    assert (folder / "20.jpg").stat().st_size < (folder / "95.jpg").stat().st_size
    assert (read_metadata("20.jpg") or {})["writing"] == {"output_quality": 20}
    assert "writing" not in (read_metadata("95.jpg") or {})


def test_the_photos_rights_and_resolution_are_kept(stylize: Cli) -> None:
    exif = Image.Exif()
    exif[0x8298] = "(c) Meier"
    Image.new("RGB", (96, 72), "olive").save("photo.png", exif=exif, dpi=(240, 240))
    for flags, rights in ((), "(c) Meier"), (("--photo-metadata", "none"), None):
        assert stylize("-o", "out.jpg", *flags).code == 0
        with Image.open("out.jpg") as picture:
            assert picture.getexif().get(0x8298) == rights
            assert (picture.info.get("dpi") == (240, 240)) == bool(rights)


def test_save_every_writes_snapshots(stylize: Cli, folder: Path) -> None:
    stylize("-o", "out.png", "--steps", "5", "--save-every", "2")
    assert sorted(path.name for path in folder.glob("out*")) == ["out-0002.png", "out-0004.png", "out.png"]
    assert (read_metadata("out-0004.png") or {})["stopped"] == 4
    assert "stopped" not in (read_metadata("out.png") or {})


def test_json_is_all_there_is_on_standard_output(stylize: Cli) -> None:
    told = stylize("-o", "out.png", "--json", "--save-every", "2", "--timelapse", "film.gif")
    events: list[dict[str, Any]] = [json.loads(line) for line in told.out.splitlines()]
    assert [event["event"] for event in events] == ["plan", "step", "step", "snapshot", "result", "timelapse"]
    assert told.err == ""
    plan, first, result = events[0], events[1], events[4]
    assert plan.keys() == {"event", "peak_mb", "seconds"}
    assert {"step": 1, "total": 2, "scale": 1, "scales": 1, "width": 64, "height": 48}.items() <= first.items()
    assert first["loss"] == pytest.approx(sum(first["terms"].values()), rel=1e-4)
    assert result["file"] == "out.png"
    assert result["seconds"] > 0


def test_quiet_says_nothing(stylize: Cli) -> None:
    assert stylize("-o", "out.png", "-q").err == ""


def test_threads_are_set_by_the_flag(stylize: Cli) -> None:
    stylize("-o", "out.png", "-q")
    assert torch.get_num_threads() == 1  # as the tests have set it
    stylize("-o", "out.png", "--threads", "2", "-q")
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", '{"strength": 0.25, "seed": 9, "content_weight": null}'),
        ("s.toml", "strength = 0.25\nseed = 9\n"),
    ],
)
def test_settings_of_a_file_stand_where_no_flag_does(stylize: Cli, folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert stylize("-o", "out.png", "--settings", name, "--seed", "4").code == 0
    settings: Any = (read_metadata("out.png") or {})["settings"]
    assert settings["strength"] == 0.25
    assert settings["seed"] == 4


@pytest.mark.parametrize("error", [RuntimeError("boom"), RuntimeError("can't allocate memory: 9 bytes"), MemoryError()])
def test_a_run_that_breaks_keeps_its_best_picture(
    stylize: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    whole = Job.steps

    def broken(job: Job, resume: State | None = None) -> Iterator[Step]:
        yield next(whole(job, resume))
        raise error

    monkeypatch.setattr(Job, "steps", broken)
    told = stylize("-o", "out.png")
    assert told.code == 1
    assert told.lines[-1].endswith("the best picture so far, 64x48 after step 1 of 2, is in out.png")
    assert ("boom" if "boom" in str(error) else "not enough memory") in told.lines[-1]
    assert (read_metadata("out.png") or {})["stopped"] == 1


def test_a_notice_of_a_step_is_shown(stylize: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(*_: Any) -> Any:
        yield Step(1, 1, 1, 1, (8, 8), 0.5, {}, 0.1, "going on with Adam", lambda: torch.zeros(1, 3, 8, 8))

    monkeypatch.setattr(Job, "steps", steps)
    assert "impasto: going on with Adam" in stylize("-o", "out.png").lines


@pytest.mark.usefixtures("without_packages")
def test_missing_weights_are_fetched_before_the_run(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from impasto.cli import weights as module  # noqa: PLC0415
    from impasto.errors import ImpastoError  # noqa: PLC0415

    def fetch(name: str, *, on_progress: Any) -> None:
        for done in (0, 50, 100):
            on_progress(done * 10**6, 10**8)
        raise ImpastoError("the cable is out")

    monkeypatch.setattr(module, "fetch", fetch)
    told = cli("stylize", "photo.png", "painting.png", "--network", "vgg19", "-o", "out.png")
    assert told.code == 1
    assert told.lines[0].startswith("impasto: fetching the weights of vgg19")
    assert "fetching vgg19: 50 of 100 MB" in told.lines
    assert told.lines[-1] == "impasto: the cable is out"
    assert not (folder / "out.png").exists()
