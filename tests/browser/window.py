"""A window of the system's Chromium, by Playwright, and a server for the page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, sync_playwright

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # only the server of the test can be reached
)

ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""The headers that let a page have threads that share memory."""


class _Quiet(SimpleHTTPRequestHandler):
    headers_of: dict[str, dict[str, str]]

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def end_headers(self) -> None:
        """Add the headers of the folder that the request is for."""
        for name, value in self.headers_of.get(self.path.split("/")[1], {}).items():
            self.send_header(name, value)
        super().end_headers()


@contextmanager
def served(folder: Path, headers_of: dict[str, dict[str, str]]) -> Iterator[str]:
    """Serve the files of a folder on a free port; yield the address.

    `headers_of`: more headers for the files of some of its subfolders.
    """
    handler = type("_Handler", (_Quiet,), {"headers_of": headers_of})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Window:
    """A page, and the state that it tells in `document.body.dataset.state`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(message.text))

    def open(self, url: str) -> None:
        self.page.goto(url)

    def run(self, script: str, argument: Any = None) -> Any:
        """Return what an arrow function returns in the page."""
        return self.page.evaluate(script, argument)

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def click(self, selector: str) -> None:
        self._ask()
        self.find(selector).first.click()

    def choose(self, selector: str, file: Path) -> None:
        """Put a file into an input, as the browser's dialogue does."""
        self._ask()
        self.find(selector).set_input_files(file)

    def wait(self, state: str) -> str:
        """Wait until the page is in a state; return its status line. Fails where it tells of an error instead."""
        self.until("state => ['error', state].includes(document.body.dataset.state)", state)
        status = self.find("#status").text_content() or ""
        assert self.find("body").get_attribute("data-state") == state, f"{status}; {self.console}"
        return status

    def until(self, script: str, argument: Any = None) -> None:
        """Wait until an arrow function returns true."""
        self.page.wait_for_function(script, arg=argument)

    def _ask(self) -> None:
        """Mark the page's state, so that the next one is known to be new."""
        self.run("() => { document.body.dataset.state = 'asked'; }")


@contextmanager
def launched(chromium: str) -> Iterator[Browser]:
    """Launch a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, seconds: float) -> Iterator[Window]:
    """Open a window without history, cache and permissions of others; each wait in it takes at most so many seconds."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, permissions=["camera"])
    context.set_default_timeout(1000 * seconds)
    yield Window(context.new_page())
    context.close()
