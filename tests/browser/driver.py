"""Just enough of WebDriver (W3C 2018) to drive a headless Chromium, and a server for the page."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which WebDriver tells of an element."""

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,900")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server for the files of a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Browser:
    """One window."""

    def __init__(self, address: str, profile: Path, flags: tuple[str, ...]) -> None:
        self.address = address
        options = {"args": [*FLAGS, *flags, f"--user-data-dir={profile}"]}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self.session = self._call("POST", "session", wanted)["sessionId"]

    def open(self, url: str) -> None:
        self("POST", "url", {"url": url})

    def run(self, script: str, *args: Any) -> Any:
        """What `return ...` in the page gives."""
        return self("POST", "execute/sync", {"script": script, "args": list(args)})

    def choose(self, selector: str, *files: Path) -> None:
        """Put files into an input, as the browser's own dialogue does; the page's state is then of what comes of it."""
        self.run("document.body.dataset.state = 'asked'")
        found = self("POST", "element", {"using": "css selector", "value": selector})[ELEMENT]
        self("POST", f"element/{found}/value", {"text": "\n".join(str(file) for file in files)})

    def wait(self, *states: str, seconds: float = 60) -> str:
        """Until the page is in one of these states; its status line."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.run("return document.body.dataset.state")
            told = self.run("return document.getElementById('status').textContent")
            if state in states:
                return str(told)
            assert state != "error", told
            time.sleep(0.05)
        raise AssertionError(f"the page is still {state}: {told}")

    def close(self) -> None:
        self("DELETE", "", None)

    def __call__(self, method: str, path: str, values: Any) -> Any:
        return self._call(method, f"session/{self.session}/{path}".rstrip("/"), values)

    def _call(self, method: str, path: str, values: Any) -> Any:
        data = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]


@contextmanager
def browser(driver: str, profile: Path, *flags: str) -> Iterator[Browser]:
    """A Chromium, by its own driver."""
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        found = next(match for line in lines if (match := re.search(r"successfully on port (\d+)", line)))
        window = None
        try:
            window = Browser(f"http://127.0.0.1:{found[1]}/", profile, flags)
            yield window
        finally:
            if window is not None:
                window.close()
            process.terminate()
