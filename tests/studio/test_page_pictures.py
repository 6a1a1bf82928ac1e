"""The page, in Chromium: pictures that come in, the strip of styles, and the first preview."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
from playwright.sync_api import expect
from tests.studio.window import Window, fixtures, needed, saved

chromium, window, photo = fixtures()


@needed
def test_a_photo_by_the_file_button_fills_the_strip_of_styles(window: Window, photo: Path) -> None:
    window.start()
    expect(window.find("#paint")).to_be_disabled()
    window.says("#plan", "Choose a photo")
    window.upload(photo)
    assert "96 × 72" in window.text("#photo")
    assert np.abs(window.seen().mean((0, 1)) - window.pixels("#viewer .before img")[..., :3].mean((0, 1))).max() < 3
    window.says("#plan", "Choose a painting.")
    first = window.find("#styles .tile").first
    expect(first.locator("img")).to_be_visible()
    window.until(
        "() => { const box = document.querySelector('#styles').getBoundingClientRect();"
        "return [...document.querySelectorAll('#styles .tile')].filter(e => e.getBoundingClientRect().left < box.right)"
        ".every(e => e.querySelector('img').naturalWidth === 96 && !e.querySelector('img').hidden); }"
    )
    painted = [window.pixels(f"#styles .tile:nth-child({n}) img")[..., :3].astype(float) for n in (1, 2, 3)]
    for one, other in itertools.pairwise(painted):
        assert np.abs(one - other).mean() > 5, "each style paints another picture"


@needed
def test_the_first_preview_comes_at_once(window: Window, photo: Path) -> None:
    window.start()
    window.upload(photo)
    window.painting("sample:ink")
    window.previewed("Ink")
    before, after = (window.pixels(f"#viewer .{name} img")[..., :3].astype(float) for name in ("before", "after"))
    assert before.shape == after.shape == (72, 96, 3)
    assert np.abs(before - after).mean() > 10
    assert np.abs(window.seen().mean((0, 1)) - after.mean((0, 1))).max() < 3, "the painted one is in sight"
    assert window.get("/runs") == []
    with window.page.expect_download() as saving:
        window.click("#save-preview")
    assert saving.value.suggested_filename == "harbour-preview.jpg"
    window.by("style-wave").click()
    window.previewed("Katsushika Hokusai, The Great Wave")
    expect(window.find("#tab-onepass")).to_have_attribute("aria-selected", "true")
    assert np.abs(after - window.pixels("#viewer .after img")[..., :3]).mean() > 5


@needed
def test_dropped_files(window: Window, photo: Path, tmp_path: Path) -> None:
    window.start()
    window.drop("h1", photo)
    window.says("#photo", "harbour")
    window.drop("#paintings", saved(tmp_path / "mine.png", 90, 90, seed=5))
    window.previewed("mine")
    assert "harbour" in window.text("#photo")
    window.drop("#viewer", saved(tmp_path / "second.png", 80, 100, seed=6))
    window.says("#photo", "100 × 80")
    assert {picture["name"] for picture in window.get("/pictures")} == {"harbour.png", "mine.png", "second.png"}


@needed
def test_a_pasted_picture(window: Window) -> None:
    window.start()
    window.run(
        "async () => { const c = new OffscreenCanvas(90, 60); const d = c.getContext('2d');"
        "d.fillStyle = 'teal'; d.fillRect(0, 0, 60, 60); const blob = await c.convertToBlob({ type: 'image/png' });"
        "await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]); }"
    )
    window.find("#viewer").focus()
    window.page.keyboard.press("Control+v")
    window.says("#photo", "90 × 60")
    (picture,) = window.get("/pictures")
    shown = window.fetch(f"/pictures/{picture['id']}/image")
    assert shown[30, 20, :3].tolist() == [0, 128, 128]


@needed
def test_files_that_are_no_pictures_lose_nothing(window: Window, photo: Path, tmp_path: Path) -> None:
    window.allowed.append("status of 4")
    window.start()
    window.upload(photo)
    window.painting("sample:flow")
    window.previewed("Flow")
    bad = tmp_path / "broken.jpg"
    bad.write_bytes(b"no picture")
    for work in (lambda: window.find("#photo-file").set_input_files(bad), lambda: window.drop("#paintings", bad)):
        work()
        window.says("#trouble", "broken.jpg")
        assert "\n" not in window.text("#trouble").strip()
        assert "harbour" in window.text("#photo")
        expect(window.by("painting-sample:flow")).to_have_attribute("aria-pressed", "true")
        assert window.text("#caption").startswith("Preview · Flow")
        window.painting("sample:flow")  # the next action takes the line away
        expect(window.find("#trouble")).to_be_empty()
    notes = tmp_path / "notes.txt"
    notes.write_text("no picture")
    window.drop("h1", notes)
    window.says("#trouble", "This is no picture. Allowed: JPEG, PNG, WebP, TIFF.")
    window.painting("sample:ink")
    window.previewed("Ink")


@needed
def test_a_sample_and_the_picker(window: Window, photo: Path) -> None:
    window.start()
    window.by("sample-coffee").click()
    window.says("#photo", re.compile(r"Coffee\s*600 × 400"))
    window.until("() => document.querySelector('#viewer .before img')?.naturalWidth === 600")
    window.click("#photo")
    window.find("#picker-file").set_input_files(photo)
    window.says("#photo", "harbour")
    expect(window.find("#picker")).to_have_count(0)
    window.click("#photo")
    window.by("pick-sample:rocket").click()
    window.says("#photo", re.compile(r"Rocket\s*640 × 427"))
    window.page.reload()
    window.says("#photo", "Rocket")
