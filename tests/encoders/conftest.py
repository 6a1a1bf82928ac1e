"""A local web server that serves one file, correctly or with the errors that a test needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from impasto.encoders import download


@dataclass
class Site:
    """What is served, and how. `cuts`: for each request in turn, the bytes after which the connection is closed."""

    url: str = ""
    body: bytes = bytes(range(256)) * 4000
    kind: str = "application/octet-stream"
    ranges: bool = True
    sized: bool = True
    failures: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    stalls: list[int] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site, asked = self.site, self.headers.get("Range")
        site.asked.append(asked)
        site.paths.append(self.path)
        if site.failures:
            self.send_error(site.failures.pop(0))
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and site.ranges else 0
        if start and start >= len(site.body):
            self.send_error(416)
            return
        body = site.body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", site.kind)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(site.body) - 1}/{len(site.body)}")
        if site.sized:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if site.stalls:
            self.wfile.write(body[: site.stalls.pop(0)])
            site.over.wait(10)
            return
        self.wfile.write(body[: site.cuts.pop(0)] if site.cuts else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(download, "WAITS", (0.0, 0.0, 0.0))
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield site
    site.over.set()
    server.shutdown()
    server.server_close()
    thread.join()
