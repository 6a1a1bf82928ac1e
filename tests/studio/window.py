"""A visitor of the studio with a window of the system's Chromium, by Playwright.

Whatever a test does, its page must write no error to the console, break no rule of the content policy, and ask no other
server for anything: `opened` checks it at the end.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Request, Response, expect
from tests.browser.window import launched
from tests.painters import picture
from tests.studio.conftest import SECONDS

from impasto.image import write
from impasto.studio.server import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
NEEDS = "needs Chromium and npm (Debian: apt install chromium npm); then run `make test`"

needed = pytest.mark.skipif(CHROMIUM is None, reason=NEEDS)

expect.set_options(timeout=1000 * SECONDS)


class Window:
    """A page of the studio, and all that went wrong in it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context, self.address, self.page = context, address, context.new_page()
        self.wrong: list[str] = []
        self.allowed: list[str] = []
        """Patterns of console messages that the test causes on purpose."""
        self.page.on("console", lambda message: message.type in {"error", "warning"} and self._tell(message.text))
        self.page.on("pageerror", lambda error: self._tell(str(error)))
        self.page.on("request", self._check_request)

    def _tell(self, words: str) -> None:
        if not any(re.search(pattern, words) for pattern in self.allowed):
            self.wrong.append(words)

    def _check_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "blob:" + self.address, "data:")):
            self.wrong.append(f"the page asks another server: {request.url}")

    def start(self) -> Window:
        """Open the page, and wait until all of it is there."""
        self.page.goto(self.address)
        self.state("ready", "painting", "done")
        return self

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def by(self, test_id: str) -> Locator:
        return self.page.get_by_test_id(test_id)

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def run(self, script: str, argument: Any = None) -> Any:
        """Return what an arrow function returns in the page."""
        return self.page.evaluate(script, argument)

    def until(self, script: str, argument: Any = None) -> None:
        """Wait until an arrow function returns true."""
        self.page.wait_for_function(script, arg=argument)

    def state(self, *names: str) -> str:
        """Wait for one of the states of the page."""
        self.until("names => names.includes(document.body.dataset.state)", names)
        return self.find("body").get_attribute("data-state") or ""

    def text(self, selector: str) -> str:
        return self.find(selector).text_content() or ""

    def says(self, selector: str, words: str | re.Pattern[str]) -> None:
        """Wait until an element has these words in it."""
        expect(self.find(selector)).to_contain_text(words)

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the answer of the API to this visitor."""
        answer = self.context.request.get(f"{self.address}api/v1{path}", params=parameters)
        assert answer.ok, answer.text()
        return answer.json()

    def fetch(self, path: str, **parameters: Any) -> np.ndarray[Any, Any]:
        """Return a picture of the API."""
        answer = self.context.request.get(f"{self.address}api/v1{path}", params=parameters)
        assert answer.ok, answer.text()
        return np.asarray(Image.open(io.BytesIO(answer.body())))

    def answer(self, part: str, work: Callable[[], Any]) -> Response:
        """Do `work`; return the answer to the request that it leads to, whose address ends so."""
        with self.page.expect_response(lambda response: response.url.endswith(part)) as waiting:
            work()
        return waiting.value

    def tabs(self) -> list[Locator]:
        return self.find("#tabs button").all()

    # Pictures and settings.

    def upload(self, file: Path) -> None:
        """Choose a photo by its file."""
        self.find("#photo-file").set_input_files(file)
        expect(self.find("#photo")).to_contain_text(file.stem)
        self.until("() => document.querySelector('#viewer .before img')")

    def drop(self, selector: str, file: Path) -> None:
        """Let a file fall on an element, as from the desktop."""
        self.run(
            "([selector, bytes, name]) => {"
            "const dataTransfer = new DataTransfer();"
            "dataTransfer.items.add(new File([new Uint8Array(bytes)], name));"
            "const given = { bubbles: true, cancelable: true, dataTransfer };"
            "document.querySelector(selector).dispatchEvent(new DragEvent('drop', given)); }",
            [selector, list(file.read_bytes()), file.name],
        )

    def previewed(self, name: str) -> None:
        self.says("#caption", re.compile(f"^Preview · {name}"))

    def painting(self, source: str) -> None:
        self.by(f"painting-{source}").click()

    def type(self, selector: str, value: object) -> None:
        """Type a value into a field, and leave it."""
        self.find(selector).fill(str(value))
        self.find(selector).press("Tab")

    def shorten(self, size: int = 64, steps: int = 4, task: str = "stylize") -> None:
        """Choose the settings of a short run, by the controls."""
        self.find(f"#{task}-size").select_option("typed")
        self.type(f"#{task}-size-typed", size)
        advanced = self.find(f"#{task}-advanced")
        if advanced.get_attribute("open") is None:
            advanced.locator("summary").click()
        self.type(f"#{task}-steps", steps)
        self.type(f"#{task}-scales-number", 1)

    def begin(self) -> str:
        """Press the main button when it can be; return the id of the run."""
        expect(self.find("#paint")).to_be_enabled()
        return str(self.answer("/runs", lambda: self.click("#paint")).json()["id"])

    def paint(self) -> str:
        """Paint until it is done."""
        number = self.begin()
        self.finished()
        return number

    def finished(self) -> None:
        assert self.state("done", "error") == "done", self.text("#trouble")
        self.until("() => document.querySelector('#viewer .after img')?.src.includes('/pictures/')")

    # What is seen.

    def pixels(self, selector: str) -> np.ndarray[Any, Any]:
        """Return the pixels of an image or a canvas, `(H, W, 4)`."""
        url = self.run(
            "selector => { const e = document.querySelector(selector); const c = document.createElement('canvas');"
            "[c.width, c.height] = [e.naturalWidth ?? e.width, e.naturalHeight ?? e.height];"
            "c.getContext('2d').drawImage(e, 0, 0); return c.toDataURL('image/png'); }",
            selector,
        )
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Return left, top, width and height of an element in the window."""
        found = self.find(selector).bounding_box()
        assert found is not None
        return found["x"], found["y"], found["width"], found["height"]

    def shot(self, area: tuple[float, float, float, float]) -> np.ndarray[Any, Any]:
        """Return a part of the screen, left, top, width and height, as `(H, W, 3)` in 0..255, without the slider."""
        clip = dict(zip(("x", "y", "width", "height"), map(round, area), strict=True))
        self.run("() => { document.querySelector('#split').style.opacity = 0; }")
        shot = self.page.screenshot(clip=clip, caret="initial")  # else a style of Playwright breaks the content policy
        self.run("() => { document.querySelector('#split').style.opacity = ''; }")
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(float)

    def seen(self) -> np.ndarray[Any, Any]:
        """Return the screen where the picture is."""
        return self.shot(self.box("#viewer .world"))


@contextmanager
def opened(browser: Browser, address: str, *, forget: bool = True, **how: Any) -> Iterator[Window]:
    """Open a window of a new visitor, and check at the end that nothing went wrong in it.

    forget: end the runs of the visitor, which the next test would wait for.
    """
    how = {"viewport": {"width": 1200, "height": 860}, "permissions": ["clipboard-read", "clipboard-write"]} | how
    context = browser.new_context(accept_downloads=True, **how)
    context.set_default_timeout(1000 * SECONDS)
    window = Window(context, address)
    try:
        yield window
        for run in window.get("/runs") if forget else []:
            context.request.delete(f"{address}api/v1/runs/{run['id']}")
    finally:
        context.close()
    assert not window.wrong, window.wrong


def fixtures(**how: Any) -> tuple[Any, Any, Any]:
    """Return the fixtures of a file of tests: the browser, a window, and a small photo in a file."""

    @pytest.fixture(scope="module")
    def chromium() -> Iterator[Browser]:
        with launched(str(CHROMIUM)) as found:
            yield found

    @pytest.fixture
    def window(chromium: Browser, server: Server) -> Iterator[Window]:
        with opened(chromium, server.address, **how) as found:
            yield found

    @pytest.fixture
    def photo(tmp_path: Path) -> Path:
        return saved(tmp_path / "harbour.png", 72, 96)

    return chromium, window, photo


def saved(file: Path, height: int, width: int, seed: int = 0) -> Path:
    """Write a picture of soft shapes."""
    write(file, picture(height, width, seed))
    return file
