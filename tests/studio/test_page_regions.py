"""The page, in Chromium: masks drawn by hand, against the masks that the server makes, and regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from tests.studio.window import Window, fixtures, needed, saved

chromium, window, _ = fixtures()

STILL = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const place = () => JSON.stringify(['#viewer .world', 'canvas.overlay'].map(name =>
    document.querySelector(name).getBoundingClientRect()));
  for (let still = 0, old = ''; still < 4; old = place()) { await frame(); still = place() === old ? still + 1 : 0; }
}"""
"""Wait until the picture and the overlay have been at one place for some frames."""

SHARE = 0.01
"""Share of the pixels that may differ: the edge of a stroke is soft on the screen, and a flood is of a copy there."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return saved(tmp_path / "harbour.png", 120, 160)


@pytest.fixture
def editor(window: Window, photo: Path) -> Window:
    """A window with the mask editor open on the photo."""
    window.start()
    window.upload(photo)
    window.painting("sample:flow")
    window.previewed("Flow")
    window.click("#regions summary")
    window.click("#region-add")
    expect(window.find("canvas.overlay")).to_be_visible()
    drawn_or_none(window)
    return window


def at(window: Window, x: float, y: float) -> tuple[float, float]:
    """Return the place in the window of a point of the picture, both in shares."""
    window.run("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # layout
    left, top, width, height = window.box("#viewer .world")
    return left + x * width, top + y * height


def stroke(window: Window, *points: tuple[float, float]) -> None:
    mouse = window.page.mouse
    mouse.move(*at(window, *points[0]))
    mouse.down()
    for point in points[1:]:
        mouse.move(*at(window, *point), steps=4)
    mouse.up()


def drawn_or_none(window: Window) -> np.ndarray[Any, Any]:
    """Return where the overlay, once at its place, has colour: `(H, W)` at the size of the picture on the screen."""
    window.run(STILL)
    overlay = window.pixels("canvas.overlay")[..., 3] >= 128
    left, top, width, height = window.box("#viewer .world")
    x, y, *_ = window.box("canvas.overlay")
    rows, columns = round(top - y), round(left - x)
    return overlay[rows : rows + round(height), columns : columns + round(width)]


def drawn(window: Window) -> np.ndarray[Any, Any]:
    found = drawn_or_none(window)
    assert 0.002 < found.mean() < 0.998
    return found


def mask(window: Window) -> np.ndarray[Any, Any]:
    """Use the mask; return where the server's is white, `(H, W)` at the size of the photo."""
    made = window.answer("/masks", lambda: window.click("#mask-done")).json()
    return window.fetch(f"/pictures/{made['id']}/image")[..., 0] >= 128


def differs(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> float:
    """Return the share of the pixels of the screen that differ from a mask."""
    size = (found.shape[1], found.shape[0])
    return float((found != (np.asarray(Image.fromarray(wanted).resize(size))).astype(bool)).mean())


@needed
def test_brush_and_eraser_make_the_mask_of_the_screen(editor: Window) -> None:
    window = editor
    stroke(window, (0.2, 0.2), (0.5, 0.3), (0.7, 0.8))
    first = drawn(window)
    window.click("#mask-eraser")
    stroke(window, (0.1, 0.5), (0.9, 0.5))
    second = drawn(window)
    assert second.sum() < first.sum()
    assert not (second & ~first).any()
    window.page.keyboard.press("Control+z")
    assert (drawn(window) == first).all()
    window.click("#mask-redo")
    assert (drawn(window) == second).all()
    window.click("#mask-brush")
    radius = window.text(".tool-range:has(#mask-radius) output")
    for _ in range(4):
        window.page.keyboard.press("]")
    assert float(window.text(".tool-range:has(#mask-radius) output").split()[0]) > 1.8 * float(radius.split()[0])
    stroke(window, (0.15, 0.85))
    third = drawn(window)
    for _ in range(8):
        window.page.keyboard.press("[")
    stroke(window, (0.85, 0.15))
    fourth = drawn(window)
    assert 0 < 3 * (fourth & ~third).sum() < (third & ~second).sum()
    assert differs(fourth, mask(window)) < SHARE


@needed
def test_polygon_and_inversion(editor: Window) -> None:
    window = editor
    window.click("#mask-polygon")
    for corner in ((0.2, 0.2), (0.8, 0.3), (0.5, 0.9)):
        window.page.mouse.click(*at(window, *corner))
    window.page.keyboard.press("Enter")
    found = drawn(window)
    assert abs(found.mean() - 0.195) < 0.01, "the area of the triangle"
    centre = np.argwhere(found).mean(0) / found.shape
    assert np.abs(centre - (1.4 / 3, 0.5)).max() < 0.004, "where the pointer was"
    window.click("#mask-invert")
    inverse = drawn(window)
    assert differs(inverse, ~found) < SHARE
    assert differs(inverse, mask(window)) < SHARE


@needed
def test_an_area_of_similar_colour(editor: Window, tmp_path: Path) -> None:
    window = editor
    rows, columns = np.mgrid[:120, :160]
    disc = np.hypot(rows - 60, columns - 80)[..., None]
    colours = np.where(disc < 25, (220, 60, 40), np.where(disc < 45, (220, 110, 90), (30, 60, 140)))
    Image.fromarray(colours.astype(np.uint8)).save(tmp_path / "disc.png")
    window.page.keyboard.press("Escape")
    window.drop("#photo", tmp_path / "disc.png")
    window.previewed("Flow")
    window.says("#photo", "disc")
    window.click("#region-add")
    window.click("#mask-flood")
    window.find("#mask-tolerance").fill("0.05")
    window.page.mouse.click(*at(window, 0.5, 0.5))
    expect(window.find("#mask-undo")).to_be_enabled()
    assert abs(drawn(window).mean() - np.pi * 25**2 / (120 * 160)) < 0.01, "the inner disc"
    window.page.keyboard.press("Control+z")
    assert not drawn_or_none(window).any()
    window.find("#mask-tolerance").fill("0.15")
    window.page.mouse.click(*at(window, 0.5, 0.5))
    expect(window.find("#mask-undo")).to_be_enabled()
    both = drawn(window)
    assert abs(both.mean() - np.pi * 45**2 / (120 * 160)) < 0.01, "both discs"
    assert differs(both, mask(window)) < SHARE


@needed
def test_everything_nothing_feather_and_a_file(editor: Window, tmp_path: Path) -> None:
    window = editor
    window.click("#mask-done")
    window.says("#trouble", "The mask is empty.")
    expect(window.find("#editor")).to_be_visible()
    window.click("#mask-all")
    assert drawn_or_none(window).all()
    window.click("#mask-clear")
    assert not drawn_or_none(window).any()
    given = np.zeros((60, 80, 3), np.uint8)
    given[10:30, 20:70] = 255
    Image.fromarray(given).save(tmp_path / "mask.png")
    window.answer("name=mask.png", lambda: window.find("#mask-file").set_input_files(tmp_path / "mask.png"))
    window.click("#mask-undo")
    window.click("#mask-undo")
    window.until(
        "() => { const e = document.querySelector('canvas.overlay');"
        "return e.getContext('2d').getImageData(0, 0, e.width, e.height).data.some(value => value > 0); }"
    )
    assert abs(drawn(window).mean() - given.mean() / 255) < 0.01
    window.find("#mask-feather").fill("3")
    window.until("() => document.querySelector('canvas.overlay').style.filter.startsWith('blur(')")
    made = window.answer("/masks", lambda: window.click("#mask-done")).json()
    soft = window.fetch(f"/pictures/{made['id']}/image")[..., 0].astype(float) / 255
    assert abs(soft.mean() - given.mean() / 255) < 0.01
    assert ((soft > 0.1) & (soft < 0.9)).mean() > 0.02


@needed
def test_a_region_has_its_own_painting(editor: Window) -> None:
    window = editor
    stroke(window, (0.2, 0.5), (0.3, 0.5))
    window.page.keyboard.press("Escape")
    expect(window.find("#editor")).to_be_hidden()
    expect(window.by("region-1")).to_have_count(0)
    window.click("#region-add")
    for _ in range(6):
        window.page.keyboard.press("]")
    stroke(window, (0.15, 0.1), (0.15, 0.9))
    area = mask(window)
    window.by("pick-sample:ink").click()
    card = window.by("region-1")
    expect(card).to_contain_text("Ink")
    expect(card.locator("img")).to_have_count(2)
    card.get_by_role("button", name="Edit the mask").click()
    assert differs(drawn(window), area) < SHARE, "the strokes are there again"
    window.click("#mask-cancel")
    card.get_by_role("slider").fill("2")
    window.shorten(steps=3)
    window.says("#plan", "64 × 48, ")
    number = window.paint()
    request = window.get(f"/runs/{number}")["request"]
    assert [(region["style"], region["weight"]) for region in request["regions"]] == [("sample:ink", 2)]
    assert request["style"] == [{"source": "sample:flow", "share": 1}]
    with_region = window.pixels("#viewer .after img").astype(float)
    card.get_by_role("button", name="Remove region 1").click()
    expect(card).to_have_count(0)
    assert window.get(f"/runs/{window.paint()}")["request"]["regions"] == []
    change = np.abs(with_region - window.pixels("#viewer .after img"))[..., :3].mean(-1)
    inside = np.asarray(Image.fromarray(area).resize((64, 48))).astype(bool)
    assert change[inside].mean() > 2 * change[~inside].mean()
