"""The queue: places, fair turns, limits, and a crowd of visitors at once."""

from __future__ import annotations

import io
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.studio.conftest import FAST, Visitor, png, serving

import impasto
from impasto.studio import scheduler

CROWD = 20
OPTIMISING = 5


def texture(seed: int = 0, **settings: Any) -> dict[str, Any]:
    values = {**FAST, "seed": seed, **settings}
    return {"task": "texture", "style": [{"source": "sample:flow"}], "settings": values}


def test_turns_are_fair(tmp_path: Path) -> None:
    with serving(tmp_path) as server, closing(Visitor(server.address)) as one, closing(Visitor(server.address)) as two:
        first = one.start(texture(steps=400))["id"]
        one.wait(first, lambda run: run["state"] == "running")
        own = [one.start(texture(seed))["id"] for seed in (1, 2)]
        other = two.start(texture(3))["id"]
        assert [one.get(f"/runs/{number}").json()["place"] for number in own] == [2, 3]
        waiting = two.get(f"/runs/{other}").json()
        assert waiting["place"] == 1
        assert waiting["wait_seconds"] > 0
        one.http.delete(f"/runs/{first}")
        order: list[str] = []
        with closing(one.events()) as events:
            for _, run in events:
                if run.get("state") == "done" and run["id"] not in order:
                    order.append(run["id"])
                if len(order) == 2:
                    break
        assert two.get(f"/runs/{other}").json()["state"] == "done"
        assert order == own


def test_a_long_run_lets_others_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "TURN", 0.2)
    with serving(tmp_path) as server, closing(Visitor(server.address)) as one, closing(Visitor(server.address)) as two:
        long = one.start(texture(steps=60))["id"]
        one.wait(long, lambda run: run["step"] is not None)
        short = two.wait(two.start(texture(1))["id"])
        assert short["state"] == "done"
        waiting = one.get(f"/runs/{long}").json()
        assert waiting["state"] in {"queued", "running"}
        assert one.wait(long)["state"] == "done"
        alone = one.wait(one.start(texture(steps=60))["id"])
        assert np.array_equal(one.pixels(long), one.pixels(alone["id"])), "the interruption changed nothing"


def test_the_queue_of_a_visitor_and_of_all_is_bounded(tmp_path: Path) -> None:
    with serving(tmp_path, queue_each=2, queue=3) as server:
        visitors = [Visitor(server.address) for _ in range(3)]
        running = visitors[0].start(texture(steps=2000))["id"]
        visitors[0].wait(running, lambda run: run["state"] == "running")
        for _ in range(2):
            visitors[0].start(texture())
        full = visitors[0].post("/runs", texture())
        assert full.status_code == 429
        assert "your queue is full with 2 runs" in full.json()["error"]
        visitors[1].start(texture())
        full = visitors[2].post("/runs", texture())
        assert full.status_code == 429
        assert "the queue is full with 3 runs" in full.json()["error"]
        for visitor in visitors:
            for run in visitor.get("/runs").json():
                visitor.http.delete(f"/runs/{run['id']}")
            visitor.close()


def test_a_crowd_gets_each_its_own_picture(tmp_path: Path) -> None:
    """20 visitors upload and paint at once, 5 of them by optimisation."""
    results: dict[int, Any] = {}

    def visit(k: int) -> None:
        with closing(Visitor(server.address)) as visitor:
            photo = visitor.picture(64, seed=k)
            request: dict[str, Any] = {"task": "apply", "content": photo, "style": [{"source": "starry"}]}
            if k < OPTIMISING:
                request |= {"task": "stylize", "style": [{"source": "sample:flow"}], "settings": FAST}
            run = visitor.wait(visitor.start(request)["id"])
            results[k] = visitor.pixels(run["id"]) if run["state"] == "done" else run["error"]

    with serving(tmp_path) as server:
        threads = [threading.Thread(target=visit, args=(k,)) for k in range(CROWD)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == list(range(CROWD)), "none is lost"
    for k, pixels in results.items():
        assert not isinstance(pixels, str), pixels
        photo = np.asarray(Image.open(io.BytesIO(png(64, k))))
        if k < OPTIMISING:
            expected = impasto.stylize(photo, "sample:flow", impasto.StylizeSettings(**FAST))
        else:
            expected = impasto.apply(photo, style="starry")
        levels = (expected[0].permute(1, 2, 0) * 255).round().numpy()
        assert np.abs(pixels - levels).max() <= 1, k


def test_a_cancelled_run_leaves_no_file(tmp_path: Path) -> None:
    with serving(tmp_path) as server, closing(Visitor(server.address)) as visitor:
        number = visitor.start(texture(steps=2000))["id"]
        visitor.wait(number, lambda run: run["step"] is not None)
        assert visitor.http.delete(f"/runs/{number}").status_code == 204
        visitor.wait(visitor.start(texture())["id"])  # its turn begins when that of the other one is over
        assert not list(tmp_path.glob(f"*/runs/{number}"))


def test_a_picture_that_a_run_needs_cannot_be_deleted(visitor: Visitor) -> None:
    photo = visitor.picture()
    request = {"task": "reconstruct", "content": photo, "settings": FAST | {"steps": 2000}}
    number = visitor.start(request)["id"]
    answer = visitor.http.delete(f"/pictures/{photo.removeprefix('picture:')}")
    assert answer.status_code == 400
    assert "cancel the run first" in answer.json()["error"]
    visitor.http.delete(f"/runs/{number}")
    assert visitor.get(f"/runs/{number}").status_code == 404
    assert visitor.http.delete(f"/pictures/{photo.removeprefix('picture:')}").status_code == 204
