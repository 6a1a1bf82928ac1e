"""The page, in Chromium, by the rules of axe-core: no serious and no critical violation, in any state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.studio.test_page_phone import PHONE
from tests.studio.window import AXE, CHROMIUM, NEEDS, Window, fixtures, opened

from impasto.studio.server import Server

STILL = {"reduced_motion": "reduce"}
"""A colour on its way to another has too little contrast for a moment."""

chromium, window, photo = fixtures(**STILL)

needed = pytest.mark.skipif(CHROMIUM is None or not AXE.is_file(), reason=NEEDS)

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def check(window: Window, state: str) -> None:
    if not window.run("() => Boolean(window.axe)"):
        window.run(AXE.read_text())
    found = window.run(
        "async rules => (await axe.run(document, { runOnly: rules, resultTypes: ['violations'] })).violations"
        ".map(({ id, impact, nodes }) => [impact, id, nodes.map(e => [e.target.join(' '), e.failureSummary])])",
        RULES,
    )
    assert not [violation for violation in found if violation[0] in {"serious", "critical"}], state


def with_photo(window: Window, photo: Path) -> None:
    window.start()
    check(window, "empty")
    window.upload(photo)
    window.painting("sample:flow")
    window.previewed("Flow")
    check(window, "preview")


@needed
@pytest.mark.parametrize(
    "how", [{"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"]
)
def test_states_of_the_page(chromium: Browser, server: Server, photo: Path, how: dict[str, Any]) -> None:
    with opened(chromium, server.address, **STILL, **how) as window:
        with_photo(window, photo)
        window.click("#regions summary")
        window.shorten(steps=2000)
        window.type("#stylize-tv_weight", -1)
        check(window, "advanced, with a wrong value")
        window.type("#stylize-tv_weight", 2)
        window.begin()
        window.says(".progress small", "Step ")
        check(window, "painting")
        window.click("#stop")
        window.finished()
        check(window, "done")
        window.click("#region-add")
        expect(window.find("canvas.overlay")).to_be_visible()
        check(window, "mask")
        window.click("#mask-all")
        window.click("#mask-done")
        expect(window.find("#picker")).to_be_visible()
        check(window, "picker")
        window.click("#picker .tile >> nth=0")
        expect(window.by("region-1")).to_be_visible()
        check(window, "region")


@needed
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tabs_menus_and_dialogs(chromium: Browser, server: Server, photo: Path, scheme: str) -> None:
    with opened(chromium, server.address, color_scheme=scheme, **STILL) as window:
        with_photo(window, photo)
        first, *others = window.tabs()
        for tab in (*others, first):
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            check(window, tab.text_content() or "")
        window.find("#mix").check()
        window.painting("sample:ink")
        check(window, "mixture")
        window.click("#crop")
        expect(window.find("#crop-done")).to_be_visible()
        check(window, "crop")
        window.page.keyboard.press("Escape")
        window.click("#help")
        check(window, "shortcuts")
        window.page.keyboard.press("Escape")
        window.shorten(steps=2)
        window.paint()
        window.click("#more")
        check(window, "menu")
        window.by("details").click()
        expect(window.find("#details")).to_be_visible()
        check(window, "details")


@needed
def test_the_rules_find_what_is_wrong(window: Window) -> None:
    window.start()
    window.run("() => document.querySelector('#help').removeAttribute('aria-label')")
    window.run("() => document.querySelector('#help').removeAttribute('title')")
    with pytest.raises(AssertionError, match="button-name"):
        check(window, "broken")
