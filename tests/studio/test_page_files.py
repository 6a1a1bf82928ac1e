"""The files of the page: nothing from elsewhere, and little of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Response
from tests.studio.window import Window, fixtures, needed

import impasto.studio

PAGE = Path(impasto.studio.__file__).parent / "page"
FILES = [file for file in PAGE.iterdir() if file.is_file()]
HERE = Path(__file__).parent

chromium, window, photo = fixtures()

SVG = b"http://www.w3.org/2000/svg"
"""The name of a format, which nothing is fetched from."""

MOST = 300_000
"""Bytes of the page before the first picture."""


def test_the_page_names_no_other_server() -> None:
    assert {file.name for file in FILES} >= {"index.html", "main.js", "style.css"}
    for file in FILES:
        content = file.read_bytes().replace(SVG, b"")
        assert not re.search(rb"\w+://", content), file
        assert not re.search(rb"""["'(]//\w""", content), file


def test_the_lock_of_the_rules_names_no_other_server() -> None:
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert packages.pop("")["dependencies"] == wanted
    assert packages["node_modules/axe-core"]["version"] == wanted["axe-core"]
    for name, about in packages.items():
        assert "resolved" not in about, name
        assert about["integrity"].startswith("sha512-"), name


@needed
def test_the_page_is_light_and_all_of_it_is_used(window: Window) -> None:
    answers: list[Response] = []

    def keep(answer: Response) -> None:
        answers.append(answer)

    window.page.on("response", keep)
    window.start()
    window.until("() => document.querySelectorAll('#empty .samples img').length > 0")
    files = [answer for answer in answers if answer.request.resource_type in {"document", "script", "stylesheet"}]
    facts = [answer for answer in answers if answer.request.resource_type == "fetch"]
    assert {answer.status for answer in (*files, *facts)} == {200}
    weight = sum(len(answer.body()) for answer in (*files, *facts))
    assert 50_000 < weight < MOST
    names = {answer.url.rpartition("/")[2] or "index.html" for answer in files}
    assert names == {file.name for file in FILES}, "each file of the folder is loaded"


@needed
def test_a_foreign_picture_and_script_are_refused(window: Window) -> None:
    """The check of every other test: that it sees what it looks for."""
    window.start()
    assert window.wrong == []
    window.run("() => { document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/a.png' })); }")
    window.until("() => new Promise(done => setTimeout(() => done(true)))")
    window.run("() => { document.body.insertAdjacentHTML('beforeend', '<i style=\"color: red\">a</i>'); }")
    window.run("() => { setTimeout(() => { throw new Error('on purpose'); }); }")
    window.until("() => new Promise(done => setTimeout(() => done(true)))")
    words = "\n".join(window.wrong)
    assert "Content Security Policy directive" in words
    assert "img-src" in words
    assert "inline style" in words
    assert "on purpose" in words
    window.wrong.clear()
