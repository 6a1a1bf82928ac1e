"""The page, in Chromium, by the keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect
from tests.studio.window import Window, fixtures, needed

chromium, window, photo = fixtures(reduced_motion="reduce")

MOST = 80
"""Presses of Tab in which all of the page is passed."""

SEEN = """() => {
  const e = document.activeElement;
  const mark = e.matches('.unseen') ? e.nextElementSibling : e.querySelector('.grip') ?? e;
  const look = () => {
    const { outline, boxShadow, borderColor, backgroundColor } = getComputedStyle(mark);
    return [outline, boxShadow, borderColor, backgroundColor].join();
  };
  const { width, top, bottom } = mark.getBoundingClientRect();
  const focused = look();
  e.blur();
  const changes = focused !== look();
  e.focus({ focusVisible: true });
  return [width > 0, changes, top < innerHeight && bottom > 0];
}"""
"""Whether the element with the focus has a width, looks different without the focus, and is on the screen."""


def reach(window: Window, selector: str) -> None:
    """Press Tab until an element has the focus; each on the way can be seen, and its focus as well."""
    for _ in range(MOST):
        window.page.keyboard.press("Tab")
        if window.run("selector => document.activeElement.matches(selector)", selector):
            break
    else:
        raise AssertionError(f"Tab does not reach {selector}")
    seen = window.run(SEEN)
    assert seen == [True, True, True], selector


@needed
def test_from_the_empty_page_to_a_picture(window: Window) -> None:
    window.start()
    press = window.page.keyboard.press
    reach(window, "[data-testid=sample-chelsea]")
    press("Enter")
    window.says("#photo", "Chelsea")
    reach(window, "[data-testid='painting-sample:ink']")
    press("Enter")
    window.previewed("Ink")
    reach(window, "input[name=stylize-quality]")
    press("ArrowLeft")
    expect(window.find("#stylize-quality-draft")).to_be_checked()
    reach(window, "#stylize-size")
    press("End")  # Other …
    expect(window.find("#stylize-size-typed")).to_be_focused()
    press("Control+a")
    window.page.keyboard.type("96")
    press("Enter")
    reach(window, "#stylize-advanced summary")
    press("Enter")
    reach(window, "#stylize-steps")
    window.page.keyboard.type("3")
    press("Enter")
    window.says("#plan", "96 × 64, ")
    expect(window.find("#paint")).to_be_enabled()
    reach(window, "#paint")
    press("Enter")
    window.finished()
    (run,) = window.get("/runs")
    assert run["request"]["settings"] == {"quality": "draft", "size": 96, "steps": 3}
    reach(window, "#split")
    press("End")
    expect(window.find("#split")).to_have_attribute("aria-valuenow", "100")
    reach(window, "#save")
    press("Enter")
    expect(window.find("#save-menu [role=menuitem]").first).to_be_focused()
    press("ArrowDown")
    press("ArrowDown")
    with window.page.expect_download() as saving:
        press("Enter")
    assert saving.value.suggested_filename == "chelsea-ink.jpg"


@needed
def test_shortcuts(window: Window, photo: Path) -> None:
    window.start().upload(photo)
    press = window.page.keyboard.press
    window.find("#viewer").focus()
    press("?")
    window.says("#keys", "Choose a photo")
    press("Escape")
    expect(window.find("#keys")).to_have_count(0)
    expect(window.find("#viewer")).to_be_focused()
    press("Alt+3")
    expect(window.find("#tab-texture")).to_have_attribute("aria-selected", "true")
    press("Alt+1")
    press("o")
    expect(window.find("#picker")).to_be_visible()
    press("Escape")
    level = window.text("#actual")
    press("+")
    window.until("old => document.querySelector('#actual').textContent !== old", level)
    press("0")
    window.says("#actual", re.compile(f"^{level}$"))
    window.find("#tab-paint").focus()
    press("ArrowRight")
    expect(window.find("#tab-onepass")).to_be_focused()
    expect(window.find("#panel")).to_have_attribute("aria-labelledby", "tab-onepass")
    press("ArrowLeft")
    press("ArrowLeft")
    expect(window.find("#tabs button:last-child")).to_be_focused()


@needed
def test_a_mask_by_the_keyboard(window: Window, photo: Path) -> None:
    window.start().upload(photo)
    press = window.page.keyboard.press
    reach(window, "#regions summary")
    press("Enter")
    reach(window, "#region-add")
    press("Enter")
    expect(window.find("canvas.overlay")).to_be_focused()
    press("Space")
    press("Shift+ArrowRight")
    press("Space")
    expect(window.find("#mask-undo")).to_be_enabled()
    window.find("#mask-done").focus()
    with window.page.expect_response(re.compile("/masks$")) as made:
        press("Enter")
    strokes = made.value.request.post_data_json["strokes"]
    assert strokes[0]["points"] == [[48, 36]]
    assert strokes[1]["points"] == [[48 + 4 * 0.045 * 96, 36]]
    expect(window.find("#picker")).to_be_visible()
    reach(window, "[data-testid='pick-sample:glass']")
    press("Enter")
    expect(window.by("region-1")).to_contain_text("Glass")


@needed
def test_all_controls_have_names_that_can_be_read_out(window: Window, photo: Path) -> None:
    window.start().upload(photo)
    window.painting("sample:flow")
    window.previewed("Flow")
    window.click("#stylize-advanced summary")
    window.click("#regions summary")
    roles = "button|link|checkbox|radio|slider|spinbutton|textbox|searchbox|combobox|tab|progressbar"
    found = re.findall(rf"^ *- '?({roles})\b(.*)$", window.find("body").aria_snapshot(), re.MULTILINE)
    assert len(found) > 80
    assert {role for role, _ in found} >= {"button", "checkbox", "radio", "slider", "spinbutton", "combobox", "tab"}
    for role, rest in found:
        assert re.match(r' "[^"]+', rest), (role, rest)
