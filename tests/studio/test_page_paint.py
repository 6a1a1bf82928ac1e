"""The page, in Chromium: a run from the button to the file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from tests.studio.window import Window, fixtures, needed, saved

from impasto.image import load
from impasto.image.metadata import read_metadata

chromium, window, photo = fixtures()


@pytest.fixture
def ready(window: Window, photo: Path) -> Window:
    """A window with a photo, a painting, and the settings of a short run."""
    window.start()
    window.upload(photo)
    window.painting("sample:flow")
    window.previewed("Flow")
    window.shorten()
    return window


@needed
def test_the_picture_changes_while_it_paints(ready: Window) -> None:
    window = ready
    window.type("#stylize-steps", 3000)
    window.says("#plan", "64 × 48, ")
    number = window.begin()
    window.until("() => document.querySelector('#viewer .after img')?.src.includes('/preview?version=1')")
    first = window.pixels("#viewer .after img").astype(float)
    window.says(".progress strong", re.compile(r"^\d+ %, (about .* left|under 1 s left)$"))
    window.says(".progress small", re.compile(r"^Step \d+ of 3000 · 64 × 48 · loss [\d.e+]+$"))
    assert window.text("#caption") == "Painting · 64 × 48"
    assert window.page.title().endswith("% – Impasto studio")
    expect(window.find(".progress canvas.curve")).to_be_visible()
    drawn = window.pixels(".progress canvas.curve")[..., 3] > 0
    assert drawn.sum() > 10, "the curve is drawn"
    window.until("() => /preview.version=([2-9]|\\d\\d)/.test(document.querySelector('#viewer .after img').src)")
    assert np.abs(window.pixels("#viewer .after img") - first).mean() > 1
    share = window.run("() => { const e = document.querySelector('#progress'); return e.value / e.max; }")
    assert 0 < share < 1
    window.click("#stop")
    window.finished()
    window.says("#status", "Stopped. The best picture so far is kept.")
    assert window.text("#caption") == "Painting · 64 × 48"
    assert window.page.title() == "Impasto studio"
    expect(window.find(".progress")).to_be_hidden()
    run = window.get(f"/runs/{number}")
    assert run["request"]["settings"] == {"size": 64, "steps": 3000, "scales": 1}
    result = window.fetch(f"/pictures/{run['result']['id']}/image")
    assert np.abs(window.pixels("#viewer .after img")[..., :3] - result.astype(float)).max() <= 1


@needed
def test_pause_resume_and_stop(ready: Window) -> None:
    window = ready
    window.type("#stylize-steps", 3000)
    number = window.begin()
    window.says(".progress small", "Step ")
    window.click("#pause")
    expect(window.find("#resume")).to_be_visible()
    window.says(".progress strong", "Paused")
    paused = window.get(f"/runs/{number}")
    assert paused["state"] == "paused"
    assert int(window.text(".progress small").split()[1]) == paused["step"]["index"]
    window.click("#resume")
    window.until(
        "step => Number(document.querySelector('.progress small').textContent.split(' ')[1]) > step",
        paused["step"]["index"],
    )
    window.click("#stop")
    window.finished()
    run = window.get(f"/runs/{number}")
    assert run["state"] == "stopped"
    assert run["step"]["index"] < 3000
    assert window.pixels("#viewer .after img").shape == (48, 64, 4)
    expect(window.find("#save")).to_be_visible()
    window.click("#more")
    window.by("resume").click()
    window.state("painting")
    window.says(".progress small", f"of {3000}")
    window.click("#stop")
    window.finished()
    assert window.get(f"/runs/{number}")["step"]["index"] >= run["step"]["index"]


@needed
def test_before_and_after_zoom_and_strength(ready: Window) -> None:
    window = ready
    window.find("#stylize-size-typed").fill("96")
    window.paint()
    split = window.find("#split")
    expect(split).to_be_visible()  # at the end of a run
    window.click("#compare")
    expect(split).to_be_hidden()
    after = window.seen()
    window.page.keyboard.down("b")
    before = window.seen()
    window.page.keyboard.up("b")
    assert np.abs(before - after).mean() > 5
    window.page.keyboard.press("c")

    def halves(share: float) -> None:
        """Check that the photo is left of the slider, and the painted one right of it."""
        expect(split).to_have_attribute("aria-valuenow", str(round(100 * share)))
        seen, column = window.seen(), round(share * after.shape[1])
        assert np.abs(seen[:, : column - 3] - before[:, : column - 3]).mean() < 1
        assert np.abs(seen[:, column + 3 :] - after[:, column + 3 :]).mean() < 1

    halves(0.5)
    left, top, width, height = window.box("#viewer .world")
    window.page.mouse.move(left + width / 2, top + height / 2)
    window.page.mouse.down()
    window.page.mouse.move(left + 0.25 * width, top + height / 2, steps=4)
    window.page.mouse.up()
    halves(0.25)
    split.focus()
    for key, share in (("ArrowRight", 0.27), ("PageUp", 0.37), ("End", 1), ("Home", 0)):
        window.page.keyboard.press(key)
        expect(split).to_have_attribute("aria-valuenow", str(round(100 * share)))
    assert np.abs(window.seen() - after).mean() < 1
    window.click("#compare")
    window.find("#blend").fill("40")
    assert window.text("#blend-value") == "40 %"
    assert np.abs(window.seen() - (0.4 * after + 0.6 * before)).mean() < 1.5


@needed
def test_zoom_to_one_pixel_and_pan(window: Window, tmp_path: Path) -> None:
    window.start()
    window.upload(saved(tmp_path / "large.png", 800, 1200))
    window.until("() => document.querySelector('#actual').textContent !== '100 %'")
    whole = window.pixels("#viewer .before img")[..., :3].astype(float)
    window.find("#viewer").focus()
    window.page.keyboard.press("1")
    window.says("#actual", re.compile("^100 %$"))

    def part() -> tuple[float, float]:
        """Check that the viewer shows pixel for pixel; return its corner in the picture."""
        x, y, width, height = window.box("#viewer")
        left, top, *size = window.box("#viewer .world")
        assert size == [1200, 800]
        corner = (round(x - left), round(y - top))
        shot = window.shot((x + 20, y + 20, width - 40, height - 40))
        wanted = whole[corner[1] + 20 :, corner[0] + 20 :][: shot.shape[0], : shot.shape[1]]
        assert np.abs(shot - wanted).mean() < 1
        return corner

    start = part()
    x, y, width, height = window.box("#viewer")
    window.page.mouse.move(x + width / 2, y + height / 2)
    window.page.mouse.down()
    window.page.mouse.move(x + width / 2 - 60, y + height / 2 - 30, steps=5)
    window.page.mouse.up()
    moved = part()
    assert (moved[0] - start[0], moved[1] - start[1]) == (60, 30)
    window.find("#viewer").focus()
    window.page.keyboard.press("ArrowLeft")
    window.until("left => document.querySelector('.world').getBoundingClientRect().left > left", 1 - moved[0])
    assert part()[0] == moved[0] - 60
    window.page.mouse.wheel(0, -200)
    window.until("() => parseInt(document.querySelector('#actual').textContent) > 110")
    window.page.keyboard.press("0")
    window.until("() => parseInt(document.querySelector('#actual').textContent) < 100")
    assert window.box("#viewer .world")[2] < width


FORMATS = {"PNG8 bit": ".png", "PNG16 bit": ".png", "JPEGsmall": ".jpg", "WebPsmallest": ".webp", "TIFF16 bit": ".tif"}


@needed
def test_downloads_of_all_formats_carry_the_settings(ready: Window, tmp_path: Path) -> None:
    window = ready
    number = window.paint()
    window.says("#status", "Done")
    assert re.fullmatch(r"Painting · 64 × 48 · [\d.]+ s", window.text("#caption"))
    result = window.fetch(f"/pictures/{window.get(f'/runs/{number}')['result']['id']}/image") / 255
    window.click("#save")
    entries = window.find("#save-menu [role=menuitem]")
    assert entries.all_text_contents() == [*FORMATS, "TimelapseGIF"]
    window.page.keyboard.press("Escape")
    for index, ending in enumerate(FORMATS.values()):
        window.click("#save")
        with window.page.expect_download() as saving:
            entries.nth(index).click()
        assert saving.value.suggested_filename == f"harbour-flow{ending}"
        file = tmp_path / f"{index}{ending}"
        saving.value.save_as(file)
        picture = load(file)
        assert picture.size == (48, 64)
        assert np.abs(picture.pixels[0].permute(1, 2, 0).numpy() - result).mean() < 0.02
        recipe = read_metadata(file)
        assert recipe is not None
        assert recipe["task"] == "stylize"
        assert recipe["settings"]["steps"] == 4
    window.find("#blend").fill("0")
    window.click("#save")
    with window.page.expect_download() as saving:
        entries.first.click()
    saving.value.save_as(tmp_path / "none.png")
    small = Image.fromarray(window.pixels("#viewer .before img")[..., :3]).resize((64, 48), Image.Resampling.BICUBIC)
    found = load(tmp_path / "none.png").pixels[0].permute(1, 2, 0).numpy()
    assert np.abs(found - np.asarray(small) / 255).mean() < 0.01 < np.abs(found - result).mean()
    window.click("#save")
    with window.page.expect_download() as saving:
        entries.last.click()
    assert Path(saving.value.path()).read_bytes()[:4] == b"GIF8"
