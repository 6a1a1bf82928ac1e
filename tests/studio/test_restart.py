"""A server that is killed in the middle of a run, and one that is started again on the same folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.studio.conftest import FAST, Visitor, serving

from impasto.studio import painting

REQUEST = {"task": "texture", "style": [{"source": "sample:flow"}], "settings": FAST | {"size": 96, "steps": 150}}

PROGRAM = """
import sys
from impasto.settings.studio import StudioSettings
from impasto.studio import painting
from impasto.studio.server import Server
painting.CHECKPOINT_SECONDS, painting.SHARE = 0.1, 1.0
server = Server(StudioSettings(port=0, folder=sys.argv[1]), {})
print(server.address, flush=True)
server.run()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_server_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout, closing(Visitor(process.stdout.readline().strip())) as visitor:
        number = visitor.start(REQUEST)["id"]
        visitor.wait(number, lambda run: run["step"] is not None and run["step"]["index"] >= 20)
        token = visitor.http.cookies["impasto_visitor"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list(tmp_path.glob("*/runs/*/checkpoint")), "the run was saved on the way"
    with serving(tmp_path) as server, closing(Visitor(server.address, Authorization=f"Bearer {token}")) as again:
        run = again.wait(number)
        assert run["state"] == "done", run["error"]
        assert run["step"]["index"] == 150
        plain = again.wait(again.start(REQUEST)["id"])
        assert np.array_equal(again.pixels(number), again.pixels(plain["id"]))


def test_a_server_that_ends_saves_its_run(tmp_path: Path) -> None:
    with serving(tmp_path) as server, closing(Visitor(server.address)) as visitor:
        number = visitor.start(REQUEST)["id"]
        before = visitor.wait(number, lambda run: run["step"] is not None)["step"]["index"]
        token = visitor.http.cookies["impasto_visitor"]
    with serving(tmp_path) as server, closing(Visitor(server.address, Authorization=f"Bearer {token}")) as again:
        states = again.wait(number, lambda run: run["step"] is not None)
        assert states["step"]["index"] > before - 1
        assert again.wait(number)["state"] == "done"


def test_results_are_found_again(tmp_path: Path) -> None:
    with serving(tmp_path) as server, closing(Visitor(server.address)) as visitor:
        run = visitor.wait(visitor.start(REQUEST | {"settings": FAST})["id"])
        pixels, token = visitor.pixels(run["id"]), visitor.http.cookies["impasto_visitor"]
        curve = visitor.get(f"/runs/{run['id']}").json()["curve"]
    with serving(tmp_path) as server, closing(Visitor(server.address, Authorization=f"Bearer {token}")) as again:
        (found,) = again.get("/runs").json()
        assert found["state"] == "done"
        assert found["curve"] is None
        assert len(curve) == FAST["steps"]
        assert again.get(f"/runs/{run['id']}").json()["curve"] == curve
        assert np.array_equal(again.pixels(run["id"]), pixels)


def test_forget_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, forget=True) as server, closing(Visitor(server.address)) as visitor:
        visitor.wait(visitor.start(REQUEST | {"settings": FAST})["id"])
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_damaged_run_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    with serving(tmp_path) as server, closing(Visitor(server.address)) as visitor:
        visitor.wait(visitor.start(REQUEST | {"settings": FAST})["id"])
        token = visitor.http.cookies["impasto_visitor"]
    (file,) = tmp_path.glob("*/runs/*/run.json")
    file.write_text('{"state": "done"')
    with serving(tmp_path) as server, closing(Visitor(server.address, Authorization=f"Bearer {token}")) as again:
        assert again.get("/runs").json() == []


def test_checkpoints_take_a_small_share_of_the_time() -> None:
    assert painting.SHARE <= 0.05
