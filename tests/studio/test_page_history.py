"""The page, in Chromium: earlier results, their comparison, their command, and runs after a reload and a restart."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect
from tests.processes import free_port
from tests.studio.conftest import serving
from tests.studio.window import Window, fixtures, needed, opened

chromium, window, photo = fixtures()


@pytest.fixture
def ready(window: Window, photo: Path) -> Window:
    """A window with a photo, a painting and the settings of a short run."""
    return prepare(window, photo)


def prepare(window: Window, photo: Path) -> Window:
    window.start()
    window.upload(photo)
    window.painting("sample:flow")
    window.previewed("Flow")
    window.shorten(steps=2)
    return window


@needed
def test_earlier_results_and_their_comparison(ready: Window) -> None:
    window = ready
    first = window.paint()
    before = window.pixels("#viewer .after img").astype(float)
    window.painting("sample:ink")
    second = window.paint()
    window.find("#film-results").check(force=True)
    tiles = window.find("#results .tile")
    assert tiles.evaluate_all("list => list.map(e => e.dataset.testid)") == [f"run-{second}", f"run-{first}"]
    expect(tiles).to_have_text(["Ink", "Flow"])
    expect(tiles.nth(0)).to_have_attribute("aria-pressed", "true")
    tiles.nth(1).click()
    window.until("() => document.querySelectorAll('#results .tile')[1].ariaPressed === 'true'")
    source = window.get(f"/runs/{first}")["result"]["id"]
    window.until("id => document.querySelector('#viewer .after img').src.includes(id)", source)
    assert np.abs(window.pixels("#viewer .after img") - before).max() == 0
    window.click("#more")
    window.by("useSettings").click()
    window.previewed("Flow")
    tiles.nth(1).click()
    window.until("id => document.querySelector('#viewer .after img').src.includes(id)", source)
    window.click("#more")
    window.by("compareWith").click()
    compared = window.answer("/compare", lambda: window.click("#compare-dialog .tile")).json()
    window.says("#numbers", "PSNR {:.3g} dB".format(compared["psnr"]))
    assert window.text("#caption") == "Flow and Ink"
    assert np.abs(window.pixels("#viewer .before img") - before).max() == 0
    assert np.abs(window.pixels("#viewer .after img") - before).mean() > 2
    expect(window.find("#split")).to_be_visible()
    window.click("#numbers button")
    window.says("#numbers-dialog table", "relu3_1")
    window.page.keyboard.press("Escape")
    window.page.keyboard.press("m")
    window.until("() => document.querySelector('#caption').textContent.startsWith('Painting · ')")
    window.click("#more")
    window.by("remove").click()
    expect(tiles).to_have_count(1)
    assert len(window.get("/runs")) == 1


@needed
def test_the_command_and_the_details(ready: Window) -> None:
    window = ready
    number = window.paint()
    texts = window.get(f"/runs/{number}/command")
    for entry, name in (("copyCommand", "command"), ("copyPython", "python")):
        window.click("#more")
        window.by(entry).click()
        window.until("words => navigator.clipboard.readText().then(found => found === words)", texts[name])
        window.says("#status", "Copied")
    assert texts["command"].startswith("impasto stylize ")
    assert "--steps 2" in texts["command"]
    window.click("#more")
    window.by("details").click()
    window.says("#details", texts["command"])
    window.says("#details table", re.compile(r"64 × 48.*2 / 2", re.DOTALL))


@needed
def test_a_result_is_where_the_next_run_starts(ready: Window) -> None:
    window = ready
    first = window.paint()
    result = window.get(f"/runs/{first}")["result"]["source"]
    window.click("#more")
    window.by("startHere").click()
    window.says(".init", "Starts from ")
    assert window.get(f"/runs/{window.paint()}")["request"]["init"] == result
    window.click("#init-clear")
    window.click("#more")
    window.by("asPhoto").click()
    window.says("#photo", "64 × 48")
    assert window.get("/pictures")[0]["kind"] in {"upload", "result"}


@needed
def test_a_reload_finds_the_run_again(ready: Window) -> None:
    window = ready
    window.type("#stylize-steps", 3000)
    number = window.begin()
    window.says(".progress small", "Step ")
    window.page.reload()
    window.state("painting")
    window.says("#photo", "harbour")
    assert window.find("#stylize-steps").input_value() == "3000"
    window.says(".progress small", re.compile(r"^Step \d+ of 3000"))
    window.until("() => document.querySelector('#viewer .after img')?.src.includes('/preview')")
    assert window.get(f"/runs/{number}")["state"] == "running"
    window.click("#stop")
    window.finished()
    window.page.reload()
    expect(window.by(f"run-{number}")).to_have_count(1)
    window.find("#film-results").check(force=True)
    window.by(f"run-{number}").click()
    window.finished()


@needed
def test_a_restart_of_the_server_in_the_middle_of_a_run(chromium: Browser, photo: Path, tmp_path: Path) -> None:
    folder, port = tmp_path / "studio", free_port()
    with opened(chromium, f"http://127.0.0.1:{port}/", forget=False) as window:
        window.allowed += ["ERR_", "net::"]
        with serving(folder, port=port):
            prepare(window, photo)
            window.type("#stylize-steps", 300)
            number = window.begin()
            window.says(".progress small", "Step ")
        assert window.state("painting", "done") == "painting"
        assert window.text("#photo").startswith("Photo:harbour")
        with serving(folder, port=port):
            window.finished()  # which the page may hear of only when it is connected again
            run = window.get(f"/runs/{number}")
            assert (run["state"], run["step"]["index"]) == ("done", 300)
