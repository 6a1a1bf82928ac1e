"""Runs through the API: plan, events, results, and what a visitor may do on the way."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.studio.conftest import FAST, Visitor, png, serving

import impasto
from impasto.image import read_metadata

LONG = {"size": 96, "quality": "draft", "scales": 1, "steps": 2000}
"""Settings of a run that is stopped by its test."""


def stylize(photo: str, painting: str = "sample:flow", **settings: Any) -> dict[str, Any]:
    return {
        "task": "stylize",
        "content": photo,
        "style": [{"source": painting}],
        "settings": {**FAST, **settings},
    }


def test_a_run_gives_the_picture_of_the_library(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(png())
    run = visitor.wait(visitor.start(stylize(visitor.picture()))["id"])
    assert run["state"] == "done", run["error"]
    settings = impasto.StylizeSettings(**FAST)
    expected = impasto.stylize(tmp_path / "photo.png", "sample:flow", settings)
    levels = (expected[0].permute(1, 2, 0) * 255).round().numpy()
    assert np.abs(visitor.pixels(run["id"]).astype(float) - levels).max() <= 1


@pytest.mark.parametrize("task", ["texture", "reconstruct", "apply", "blend"])
def test_every_task_has_a_result(visitor: Visitor, task: str) -> None:
    photo = visitor.picture()
    request: dict[str, Any] = {"task": task, "content": photo, "style": [{"source": "sample:flow"}], "settings": FAST}
    if task == "texture":
        del request["content"]
    if task == "reconstruct":
        del request["style"]
    if task == "apply":
        request["settings"] = {"size": 64}
    if task == "blend":
        request |= {"settings": {"at": "4,4"}, "style": [{"source": visitor.picture(32, 1)}], "mask": None}
        mask = visitor.post("/masks", {"photo": request["style"][0]["source"], "strokes": [{"tool": "all"}]})
        request["mask"] = mask.json()["source"]
    run = visitor.wait(visitor.start(request)["id"])
    assert run["state"] == "done", run["error"]
    assert max(visitor.pixels(run["id"]).shape[:2]) == 64


def test_a_plan_says_size_steps_time_and_memory(visitor: Visitor) -> None:
    plan = visitor.post("/plan", stylize(visitor.picture())).json()
    assert (plan["width"], plan["height"], plan["steps"]) == (64, 64, 4)
    assert plan["seconds"] > 0
    assert plan["peak_bytes"] > 1e8
    assert plan["fits"]


def test_a_run_beyond_the_memory_is_refused_before_it_is_queued(tmp_path: Path) -> None:
    with serving(tmp_path, memory="600MB") as server, closing(Visitor(server.address)) as visitor:
        request = stylize(visitor.picture(512), size=4096, steps=2)
        assert not visitor.post("/plan", request).json()["fits"]
        answer = visitor.post("/runs", request)
        assert answer.status_code == 400
        assert "memory" in answer.json()["error"] or "GB" in answer.json()["error"]
        assert visitor.get("/runs").json() == []


def test_events_tell_every_state(visitor: Visitor) -> None:
    number = visitor.start(stylize(visitor.picture(), steps=40))["id"]
    states, indices = [], []
    with closing(visitor.events()) as events:
        for kind, run in events:
            assert kind == "run"
            if run["id"] == number:
                states.append(run["state"])
                indices.append(run["step"]["index"] if run["step"] else 0)
                if run["state"] == "done":
                    break
    assert states[-1] == "done"
    assert "running" in states
    assert indices == sorted(indices)
    assert indices[-1] == 40
    curve = visitor.get(f"/runs/{number}").json()["curve"]
    assert [index for index, _ in curve] == list(range(1, 41))
    assert curve[-1][1] < curve[0][1]


def test_a_stopped_run_keeps_its_best_picture_and_goes_on(visitor: Visitor) -> None:
    number = visitor.start(stylize(visitor.picture(), **LONG))["id"]
    visitor.wait(number, lambda run: run["step"] is not None and run["step"]["index"] >= 3)
    assert visitor.post(f"/runs/{number}/stop").status_code == 200
    run = visitor.wait(number)
    assert run["state"] == "stopped"
    assert run["result"]["recipe"]["stopped"] == run["step"]["index"] < 2000
    assert visitor.pixels(number).shape == (96, 96, 3)
    assert visitor.post(f"/runs/{number}/resume").status_code == 200
    later = visitor.wait(number, lambda after: (after["step"] or {"index": 0})["index"] > run["step"]["index"])
    assert later["state"] == "running"
    assert visitor.http.delete(f"/runs/{number}").status_code == 204
    assert visitor.get(f"/runs/{number}").status_code == 404


def test_a_paused_run_ends_with_the_bytes_of_one_that_was_not(visitor: Visitor) -> None:
    photo = visitor.picture(name="p.png")
    plain = visitor.wait(visitor.start(stylize(photo, steps=60))["id"])
    number = visitor.start(stylize(photo, steps=60))["id"]
    visitor.wait(number, lambda run: run["step"] is not None)
    visitor.post(f"/runs/{number}/pause")
    visitor.wait(number, lambda run: run["state"] in {"paused", "done"})
    if visitor.get(f"/runs/{number}").json()["state"] == "paused":
        assert visitor.post(f"/runs/{number}/resume").status_code == 200
    run = visitor.wait(number)
    assert run["state"] == "done"
    assert np.array_equal(visitor.pixels(number), visitor.pixels(plain["id"]))


def test_what_is_not_possible_in_a_state_is_a_conflict(visitor: Visitor) -> None:
    run = visitor.wait(visitor.start(stylize(visitor.picture()))["id"])
    for wish in ("pause", "resume", "stop"):
        answer = visitor.post(f"/runs/{run['id']}/{wish}")
        assert answer.status_code == 409, wish
        assert "done" in answer.json()["error"]


@pytest.mark.parametrize("form", ["png", "jpg", "webp", "tif"])
def test_downloads_carry_the_settings(visitor: Visitor, tmp_path: Path, form: str) -> None:
    run = visitor.wait(visitor.start(stylize(visitor.picture(name="cat.png")))["id"])
    answer = visitor.get(f"/runs/{run['id']}/picture", params={"format": form})
    assert answer.headers["content-disposition"] == f'attachment; filename="cat-flow.{form}"'
    (tmp_path / f"a.{form}").write_bytes(answer.content)
    recipe = read_metadata(tmp_path / f"a.{form}")
    assert recipe is not None
    assert recipe["inputs"] == {"content": "cat.png", "style": "sample:flow"}
    assert recipe["settings"] == FAST


def test_a_picture_of_16_bits(visitor: Visitor, tmp_path: Path) -> None:
    run = visitor.wait(visitor.start(stylize(visitor.picture()))["id"])
    for form in ("png", "tif"):
        (tmp_path / f"a.{form}").write_bytes(
            visitor.get(f"/runs/{run['id']}/picture", params={"format": form, "bits": 16}).content
        )
        assert impasto.load(tmp_path / f"a.{form}").bits == 16
    assert visitor.get(f"/runs/{run['id']}/picture", params={"format": "jpg", "bits": 16}).status_code == 400


def test_strength_after_the_fact_blends_with_the_photo(visitor: Visitor) -> None:
    run = visitor.wait(visitor.start(stylize(visitor.picture()))["id"])
    photo = np.asarray(Image.open(io.BytesIO(png()))).astype(float)
    whole = visitor.pixels(run["id"]).astype(float)
    half = visitor.get(f"/runs/{run['id']}/picture", params={"strength": 0.5}).content
    assert np.abs(np.asarray(Image.open(io.BytesIO(half))) - (photo + whole) / 2).max() <= 1.01


def test_a_result_dropped_on_the_page_gives_its_settings_back(visitor: Visitor) -> None:
    run = visitor.wait(visitor.start(stylize(visitor.picture(), strength=0.25))["id"])
    content = visitor.get(f"/runs/{run['id']}/picture").content
    recipe = visitor.upload(content, "again.png").json()["recipe"]
    assert recipe["task"] == "stylize"
    assert recipe["settings"]["strength"] == 0.25


def test_regions_and_mixtures(visitor: Visitor) -> None:
    photo = visitor.picture(name="photo.png")
    strokes = [{"tool": "polygon", "points": [[0, 0], [32, 0], [32, 64], [0, 64]]}]
    mask = visitor.post("/masks", {"photo": photo, "strokes": strokes}).json()
    assert (mask["width"], mask["height"], mask["kind"]) == (64, 64, "mask")
    request = stylize(photo) | {
        "style": [{"source": "sample:flow", "share": 3}, {"source": "sample:ink", "share": 1}],
        "regions": [{"mask": mask["source"], "style": "sample:glass", "weight": 0.5}],
    }
    run = visitor.wait(visitor.start(request)["id"])
    assert run["state"] == "done", run["error"]
    settings = run["result"]["recipe"]["settings"]
    assert settings["mix"] == ["sample:ink=0.25"]
    assert settings["region"] == ["mask.png:sample:glass:0.5"]
    command = visitor.get(f"/runs/{run['id']}/command").json()["command"]
    assert "--mix sample:ink=0.25" in command
    assert "--region mask.png:sample:glass:0.5" in command


def test_a_run_starts_from_a_picture(visitor: Visitor) -> None:
    photo = visitor.picture()
    first = visitor.wait(visitor.start(stylize(photo))["id"])
    request = stylize(photo, steps=1) | {"init": first["result"]["source"]}
    second = visitor.wait(visitor.start(request)["id"])
    assert second["state"] == "done", second["error"]
    change = np.abs(visitor.pixels(second["id"]).astype(float) - visitor.pixels(first["id"]))
    assert change.mean() < 12, "one step from the first result"


def test_the_python_of_a_run_makes_its_picture(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(png())
    run = visitor.wait(visitor.start(stylize(visitor.picture()))["id"])
    exec(visitor.get(f"/runs/{run['id']}/command").json()["python"], {})
    made = np.asarray(Image.open(tmp_path / "photo-flow.png")).astype(float)
    assert np.abs(made - visitor.pixels(run["id"])).max() <= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": {"strenght": 1}}, "did you mean 'strength'"),
        ({"settings": {"strength": 2}}, "at most 1"),
        ({"settings": {"weights": "/etc/passwd"}}, "no setting 'weights'"),
        ({"settings": {"init": "/etc/passwd"}}, "unknown start"),
        ({"settings": {"mix": ["/etc/passwd=0.5"]}}, "no setting 'mix'"),
        ({"settings": {"region": ["a:b"]}}, "no setting 'region'"),
        ({"settings": {"size": 100_000}}, "at most 8192"),
        ({"settings": {"steps": 1_000_000}}, "at most 5000"),
        ({"settings": {"style_loss": "sliced(samples=99999999)"}}, "above 65536"),
        ({"settings": {"style_loss": "nosuch"}}, "nosuch"),
        ({"style": []}, "painting"),
        ({"style": [{"source": "/etc/passwd"}]}, "sample:NAME or picture:ID"),
        ({"style": [{"source": "blend:a.png,b.png"}]}, "sample:NAME or picture:ID"),
        ({"style": [{"source": "sample:nosuch"}]}, "unknown sample"),
        ({"content": None}, "photo"),
        ({"mask": "sample:flow"}, "takes no mask"),
    ],
)
def test_bad_requests_are_one_clear_line(visitor: Visitor, change: dict[str, Any], words: str) -> None:
    answer = visitor.post("/runs", stylize(visitor.picture()) | change)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_previews_do_not_wait_for_a_run(visitor: Visitor) -> None:
    photo = visitor.picture()
    number = visitor.start(stylize(photo, **LONG))["id"]
    visitor.wait(number, lambda run: run["state"] == "running")
    answer = visitor.post("/preview", {"content": photo, "style": "starry", "size": 64})
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (64, 64)
    assert visitor.get(f"/runs/{number}").json()["state"] == "running"
    visitor.http.delete(f"/runs/{number}")


def test_a_preview_is_the_picture_of_apply(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(png(96))
    source = visitor.picture(96)
    for style in ("wave", "sample:flow"):
        answer = visitor.post("/preview", {"content": source, "style": style, "size": 96})
        shown = torch.from_numpy(np.asarray(Image.open(io.BytesIO(answer.content))).copy()).float() / 255
        expected = impasto.apply(tmp_path / "photo.png", style=style)[0].permute(1, 2, 0)
        assert (shown - expected).abs().mean() < 0.02, "a JPEG of it"
