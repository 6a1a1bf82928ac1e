"""Just enough of WebDriver (W3C 2018) to drive a headless Chromium, and a server for the page."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
import urllib.error
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

NO_OTHERS = ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking")
"""Nothing but what the test serves can be reached."""

ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""The headers that let a page have threads that share memory."""

START = 60
"""Seconds within which the driver and the browser are to be there."""


class _Quiet(SimpleHTTPRequestHandler):
    headers_of: dict[str, dict[str, str]]

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def end_headers(self) -> None:
        """With those of the part of the site that was asked for."""
        for name, value in self.headers_of.get(self.path.split("/")[1], {}).items():
            self.send_header(name, value)
        super().end_headers()


@contextmanager
def served(folder: Path, headers_of: dict[str, dict[str, str]]) -> Iterator[str]:
    """The address of a server for the files of a folder, at any port that is free.

    `headers_of`: for each of the folders in it that has any, its headers.
    """
    handler = type("_Handler", (_Quiet,), {"headers_of": headers_of})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Browser:
    """One window."""

    def __init__(self, address: str, profile: Path, flags: tuple[str, ...]) -> None:
        self.address = address
        self.allow(START)
        options = {"args": [*FLAGS, *NO_OTHERS, *flags, f"--user-data-dir={profile}"]}
        asked = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = self._call("POST", "session", {"capabilities": {"alwaysMatch": asked}})["sessionId"]

    def allow(self, seconds: float) -> None:
        """All that is asked from now on, together, may take so long."""
        self.limit, self.end = seconds, time.monotonic() + seconds

    def open(self, url: str) -> None:
        self("POST", "url", {"url": url})

    def run(self, script: str, *args: Any) -> Any:
        """What `return ...` in the page gives."""
        return self("POST", "execute/sync", {"script": script, "args": list(args)})

    def develop(self, command: str, **values: Any) -> Any:
        """A command of the DevTools protocol."""
        return self("POST", "goog/cdp/execute", {"cmd": command, "params": values})

    def find(self, selector: str) -> list[str]:
        """The elements that are meant, for paths `element/...`."""
        found = self("POST", "elements", {"using": "css selector", "value": selector})
        return [element[ELEMENT] for element in found]

    def click(self, selector: str) -> None:
        """As by a mouse, once for the first such element; the page's state is then of what comes of it."""
        self.run("document.body.dataset.state = 'asked'")
        self("POST", f"element/{self.find(selector)[0]}/click", {})

    def choose(self, selector: str, *files: Path) -> None:
        """Put files into an input, as the browser's own dialogue does; the page's state is then of what comes of it."""
        self.run("document.body.dataset.state = 'asked'")
        text = "\n".join(str(file) for file in files)
        self("POST", f"element/{self.find(selector)[0]}/value", {"text": text})

    def wait(self, *states: str) -> str:
        """Until the page is in one of these states; its status line."""
        told = "return [document.body.dataset.state, document.getElementById('status').textContent]"
        return str(self.until(told, lambda found: found[0] in states, unless=lambda found: found[0] == "error")[1])

    def until(self, script: str, good: Any, unless: Any = lambda _: False) -> Any:
        """What `script` returns, as soon as `good` says so of it."""
        while not good(found := self.run(script)):
            assert not unless(found), f"{found}; {self.console()}"
            assert time.monotonic() < self.end, f"after {self.limit} s: {found}; {self.console()}"
            time.sleep(0.05)
        return found

    def console(self) -> str:
        """What the browser had to complain about so far."""
        lines = [entry["message"] for entry in self("POST", "se/log", {"type": "browser"})]
        return "; ".join(lines) or "nothing in the console"

    def close(self) -> None:
        self.allow(10)
        self("DELETE", "", None)

    def __call__(self, method: str, path: str, values: Any) -> Any:
        return self._call(method, f"session/{self.session}/{path}".rstrip("/"), values)

    def _call(self, method: str, path: str, values: Any) -> Any:
        data = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=max(1, self.end - time.monotonic())) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {json.load(error)['value']['message']}") from None
        except TimeoutError:
            raise AssertionError(f"{path}: no answer from the browser in {self.limit} s") from None


@contextmanager
def browser(driver: str, folder: Path, *flags: str) -> Iterator[Browser]:
    """A Chromium, by its own driver, whose profile and log are in `folder`."""
    log = folder / "driver.log"
    with log.open("w") as file:
        process = subprocess.Popen([driver, "--port=0"], stdout=file, stderr=subprocess.STDOUT)
    window = None
    try:
        window = Browser(f"http://127.0.0.1:{_port(process, log)}/", folder / "profile", flags)
        yield window
    finally:
        try:
            if window is not None:
                window.close()  # and the browser's processes with it
        finally:
            process.terminate()
            process.wait(10)


def _port(process: subprocess.Popen[bytes], log: Path) -> str:
    """The port that the driver found free."""
    end = time.monotonic() + START
    while not (found := re.search(r"successfully on port (\d+)", log.read_text())):
        assert process.poll() is None, f"the driver ended: {log.read_text()}"
        assert time.monotonic() < end, f"the driver does not start: {log.read_text()}"
        time.sleep(0.05)
    return found[1]
