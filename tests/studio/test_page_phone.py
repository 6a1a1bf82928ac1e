"""The page, in Chromium: on a phone, in the dark, and without motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect
from tests.studio.window import Window, fixtures, needed, opened

from impasto.studio.server import Server

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

chromium, window, photo = fixtures(**PHONE)


def narrow(window: Window) -> None:
    """Check that nothing is wider than the screen."""
    wide, screen = window.run("() => [document.documentElement.scrollWidth, innerWidth]")
    assert wide == screen == 360


@needed
def test_all_of_it_fits_a_phone(window: Window, photo: Path) -> None:
    window.start()
    narrow(window)
    window.upload(photo)
    window.by("painting-sample:flow").tap()
    window.previewed("Flow")
    narrow(window)
    paint = window.find("#paint")
    expect(paint).to_be_enabled()
    expect(paint).to_be_in_viewport(ratio=0.9)  # without scrolling
    for summary in ("#stylize-advanced summary", "#regions summary"):
        window.find(summary).tap()
    narrow(window)
    window.shorten(steps=3)
    expect(paint).to_be_in_viewport(ratio=0.9)
    expect(paint).to_be_enabled()
    paint.tap()
    window.finished()
    expect(window.find("#save")).to_be_visible()
    narrow(window)
    window.find("#save").tap()
    left, _, width, _ = window.box("#save-menu")
    assert left >= 0
    assert left + width <= 360
    window.page.keyboard.press("Escape")
    first, *others = window.tabs()
    for tab in (*others, first):
        tab.tap()
        expect(tab).to_be_in_viewport(ratio=0.9)
        narrow(window)
    window.find("#photo").tap()
    expect(window.find("#picker")).to_be_visible()
    narrow(window)


@needed
def test_a_mask_by_touch(window: Window, photo: Path) -> None:
    window.start()
    window.upload(photo)
    window.find("#regions summary").tap()
    window.find("#region-add").tap()
    expect(window.find("canvas.overlay")).to_be_in_viewport(ratio=0.9)
    narrow(window)
    left, top, width, height = window.box("#viewer .world")
    window.page.touchscreen.tap(left + 0.5 * width, top + 0.5 * height)
    expect(window.find("#mask-undo")).to_be_enabled()
    window.find("#mask-done").tap()
    expect(window.find("#picker")).to_be_visible()
    narrow(window)


@needed
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(chromium: Browser, server: Server, photo: Path, scheme: str) -> None:
    with opened(chromium, server.address, color_scheme=scheme) as window:
        window.start()
        _, _, width, height = window.box("#side")
        light = window.shot((1200 - width, 100, width, height - 100)).mean()
        assert light > 200 if scheme == "light" else light < 70
        window.upload(photo)
        assert np.abs(window.seen().mean((0, 1)) - window.pixels("#viewer .before img")[..., :3].mean((0, 1))).max() < 3


MOVING = """() => document.getAnimations().concat([...document.querySelectorAll('*')].filter(e => {
  const longest = list => Math.max(...list.split(',').map(parseFloat));
  const { transitionDuration, animationDuration, animationName, scrollBehavior } = getComputedStyle(e);
  return longest(transitionDuration) > 0.001 || (animationName !== 'none' && longest(animationDuration) > 0.001)
    || scrollBehavior === 'smooth';
})).length"""


@needed
@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_where_motion_is_unwanted(chromium: Browser, server: Server, photo: Path, motion: str) -> None:
    with opened(chromium, server.address, reduced_motion=motion) as window:
        window.start().upload(photo)
        window.painting("sample:flow")
        window.previewed("Flow")
        window.shorten(steps=1000)
        window.begin()
        window.says(".progress small", "Step ")
        assert (window.run(MOVING) > 0) == (motion == "no-preference")
