"""A sweep in the studio: its grid, its page, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import FAST, Visitor

from impasto.studio.server import Server


def grid(photo: str, **axes: list[Any]) -> dict[str, Any]:
    listing = [{"name": name, "values": values} for name, values in axes.items()]
    style = [{"source": "sample:flow"}]
    return {"task": "stylize", "content": photo, "style": style, "settings": FAST, "axes": listing}


def test_a_sweep_has_a_page_with_its_pictures(visitor: Visitor, server: Server) -> None:
    request = grid(visitor.picture(name="my cat.png"), strength=[0.2, 0.8], style=["sample:flow", "sample:ink"])
    plan = visitor.post("/plan", request).json()
    assert plan["steps"] == 4
    run = visitor.wait(visitor.start(request)["id"])
    assert run["state"] == "done", run["error"]
    assert run["step"]["index"] == run["step"]["total"] == 4
    assert run["preview"] == 4
    answer = visitor.get(f"/runs/{run['id']}/page")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.count("data:image/jpeg") >= 4
    assert "my cat.png" in answer.text
    assert str(server.app.state.studio.store.folder) not in answer.text, "no path of this machine"
    policy = answer.headers["content-security-policy"]
    assert "sandbox allow-scripts" in policy
    assert "frame-ancestors 'self'" in policy
    assert "frame-ancestors 'none'" in visitor.get("/about").headers["content-security-policy"]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"strength": [0.5, 2]}, "at most 1"),
        ({"weights": ["/etc/passwd"]}, "no setting 'weights'"),
        ({"style": ["/etc/passwd"]}, "sample:NAME or picture:ID"),
        ({"strength": [k / 20 for k in range(12)], "seed": list(range(5))}, "60 pictures; at most 48"),
    ],
)
def test_a_sweep_that_is_not_possible_is_refused(visitor: Visitor, axes: dict[str, Any], words: str) -> None:
    answer = visitor.post("/runs", grid("sample:chelsea", **axes))
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_a_run_without_axes_has_no_page(visitor: Visitor) -> None:
    run = visitor.wait(visitor.start({"task": "texture", "style": [{"source": "sample:flow"}], "settings": FAST})["id"])
    assert visitor.get(f"/runs/{run['id']}/page").status_code == 404


def test_the_folder_of_a_sweep_goes_with_its_run(visitor: Visitor, server: Server) -> None:
    run = visitor.wait(visitor.start(grid(visitor.picture(), seed=[1, 2]))["id"])
    folder: Path = server.app.state.studio.store.folder
    assert list(folder.glob(f"*/runs/{run['id']}/sweep"))
    visitor.http.delete(f"/runs/{run['id']}")
    assert not list(folder.glob(f"*/runs/{run['id']}"))
