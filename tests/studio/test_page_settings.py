"""The page, in Chromium: paintings with shares, a part of a painting, and all settings."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from tests.painters import picture
from tests.studio.window import Window, fixtures, needed

from impasto.image import write
from impasto.settings.recipe import recipe
from impasto.settings.synthesis import StylizeSettings

chromium, window, photo = fixtures()


@pytest.fixture
def ready(window: Window, photo: Path) -> Window:
    """A window with a photo."""
    window.start()
    window.upload(photo)
    return window


@needed
def test_two_paintings_with_shares(ready: Window) -> None:
    window = ready
    window.painting("sample:flow")
    window.find("#mix").check()
    window.painting("sample:ink")
    shares = window.find("#mixture output")
    expect(shares).to_have_text(["50 %", "50 %"])
    window.find("#mixture input").nth(1).fill("0.25")
    window.find("#mixture input").nth(0).fill("0.75")
    expect(shares).to_have_text(["75 %", "25 %"])
    window.previewed(r"Flow \+ Ink")
    window.shorten(steps=2)
    request = window.get(f"/runs/{window.paint()}")["request"]
    assert request["style"] == [{"source": "sample:flow", "share": 0.76}, {"source": "sample:ink", "share": 0.26}]
    window.painting("sample:flow")  # a second press takes it out
    expect(window.find("#mixture input")).to_have_count(0)
    window.find("#mix").uncheck()
    assert window.text(".chosen") == "Ink"


@needed
def test_a_part_of_a_painting(ready: Window) -> None:
    window = ready
    window.painting("sample:points")
    window.click("#crop")
    expect(window.find("#crop-done")).to_be_visible()
    whole = window.pixels("#crop-dialog .cropper img")
    left, top, width, height = window.box("#crop-dialog .cropper img")
    mouse = window.page.mouse
    mouse.move(left + 0.02 * width, top + 0.02 * height)  # beside the box: a new one
    mouse.down()
    mouse.move(left + 0.52 * width, top + 0.27 * height, steps=4)
    mouse.up()
    numbers = window.find("#crop-dialog .numbers input")
    box = [int(numbers.nth(index).input_value()) for index in range(4)]
    wanted = np.array([0.02, 0.02, 0.5, 0.25]) * [whole.shape[1], whole.shape[0], whole.shape[1], whole.shape[0]]
    assert np.abs(np.array(box) - wanted).max() <= 3
    numbers.nth(2).fill("96")
    numbers.nth(2).press("Tab")
    with window.page.expect_response(re.compile("/crops$")) as made:
        window.click("#crop-done")
    part = made.value.json()
    assert (part["width"], part["height"]) == (96, box[3])
    pixels = window.fetch(f"/pictures/{part['id']}/image")[..., :3].astype(float)
    assert np.abs(pixels - whole[box[1] : box[1] + box[3], box[0] : box[0] + 96, :3]).mean() < 6
    expect(window.find(f"#paintings [aria-pressed=true]:has(img[src*='{part['id']}'])")).to_be_visible()
    window.says("#caption", "Preview")
    window.shorten(steps=2)
    assert window.get(f"/runs/{window.paint()}")["request"]["style"] == [{"source": part["source"], "share": 1}]


@needed
def test_advanced_settings_search_marks_and_reset(ready: Window) -> None:
    window = ready
    window.painting("sample:flow")
    window.click("#stylize-advanced summary")
    fields = window.find("#stylize-advanced .field[data-field]:visible")
    everything = fields.count()
    assert everything > 20
    window.find("#stylize-search").fill("tv weight")
    assert {"tv_weight", "tv_chroma_weight"} <= set(fields.evaluate_all("list => list.map(e => e.dataset.field)"))
    assert fields.count() < 8
    window.find("#stylize-search").fill("nosuchword")
    expect(fields).to_have_count(0)
    window.says("#stylize-advanced", "No setting has these words.")
    window.find("#stylize-search").fill("")
    expect(fields).to_have_count(everything)
    mark = window.find("#stylize-advanced summary .count")
    expect(mark).to_have_text("")
    window.type("#stylize-tv_weight", 7)
    window.find("#stylize-optimizer").select_option("adam")
    expect(mark).to_have_text("2 changed")
    changed = window.find("#stylize-advanced .field.changed")
    assert changed.evaluate_all("list => list.map(e => e.dataset.field).sort()") == ["optimizer", "tv_weight"]
    window.page.get_by_role("button", name="Reset TV weight", exact=True).click()
    expect(changed).to_have_count(1)
    expect(mark).to_have_text("1 changed")
    window.type("#stylize-seed", -1)
    expect(window.find("#stylize-seed")).to_have_attribute("aria-invalid", "true")
    window.says("[data-field=seed] .wrong", "At least 0.")
    window.type("#stylize-strength-number", 0.8)
    window.click("#stylize-reset")
    expect(changed).to_have_count(0)
    assert window.find("#stylize-strength-number").input_value() == "0.5"
    window.find("#stylize-preset").select_option("strotss")
    expect(changed.first).to_be_visible()
    preset = next(preset for preset in window.get("/presets") if preset["name"] == "strotss")["tasks"]["stylize"]
    for name in ("style_loss", "optimizer"):
        assert window.find(f"#stylize-{name}").input_value() == preset[name]


@needed
def test_a_value_that_the_server_refuses_shows_its_line(ready: Window) -> None:
    window = ready
    window.allowed.append("status of 400")
    window.painting("sample:flow")
    window.click("#stylize-advanced summary")
    window.type("#stylize-style_layers", "relu9_1")
    window.says("#plan", "relu9_1")
    assert "\n" not in window.text("#plan")
    expect(window.find("#paint")).to_be_disabled()
    window.click("#stylize-reset")
    window.says("#plan", " × ")
    expect(window.find("#paint")).to_be_enabled()


@needed
def test_settings_of_a_dropped_picture_made_by_impasto(ready: Window, photo: Path, tmp_path: Path) -> None:
    window = ready
    settings = StylizeSettings(size=64, steps=2, scales=1, strength=0.8, keep_color="ycbcr")
    about = recipe("stylize", {"content": str(photo), "style": "sample:flow"}, settings)
    write(tmp_path / "made.png", picture(72, 96), metadata=about)
    window.drop("#viewer", tmp_path / "made.png")
    window.says("#notice", "Impasto made made.png.")
    assert window.find("#stylize-strength-number").input_value() == "0.5"
    window.click("#use-recipe")
    expect(window.find("#notice")).to_be_hidden()
    assert window.find("#stylize-strength-number").input_value() == "0.8"
    expect(window.find("#stylize-keep")).to_be_checked()
    assert window.find("#stylize-size-typed").input_value() == "64"
    assert window.find("#stylize-steps").input_value() == "2"
    window.painting("sample:ink")
    window.paint()


@needed
def test_one_pass_and_texture(ready: Window) -> None:
    window = ready
    window.click("#tab-onepass")
    window.by("style-starry").click()
    expect(window.by("style-starry")).to_have_attribute("aria-pressed", "true")
    window.find("#apply-size").select_option("typed")
    window.type("#apply-size-typed", 96)
    number = window.paint()
    run = window.get(f"/runs/{number}")
    assert (run["task"], run["request"]["style"]) == ("apply", [{"source": "starry", "share": 1}])
    assert (run["result"]["width"], run["result"]["height"]) == (96, 72)
    window.click("#tab-texture")
    window.painting("sample:tesserae")
    window.shorten(task="texture")
    window.find("#texture-tileable").check()
    window.type("#texture-width", 128)
    window.type("#texture-height", 64)
    number = window.begin()
    assert window.state("done", "error") == "done"
    run = window.get(f"/runs/{number}")
    assert (run["task"], run["request"]["content"]) == ("texture", None)
    assert (run["result"]["width"], run["result"]["height"]) == (128, 64)
    window.click("#tile")
    window.until("() => document.querySelector('#viewer .repeat').style.backgroundSize.startsWith('33')")
