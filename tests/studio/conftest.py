"""A studio that listens on a free port of this machine, and visitors of it."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from impasto.settings.studio import StudioSettings
from impasto.studio.server import Server

SECONDS = 120
"""For one wait, on a machine that has other work too; alone a test takes a second or two."""

FAST = {"size": 64, "quality": "draft", "scales": 1, "steps": 4}
"""Settings of a short run."""


class Visitor:
    """A client with a cookie of its own."""

    def __init__(self, address: str, **headers: str) -> None:
        self.http = httpx.Client(base_url=f"{address}api/v1", timeout=SECONDS, headers=headers)

    def close(self) -> None:
        self.http.close()

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.http.get(path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.http.post(path, json={} if body is None else body, **more)

    def upload(self, content: bytes, name: str = "photo.png") -> httpx.Response:
        return self.http.post("/pictures", params={"name": name}, content=content)

    def picture(self, side: int = 64, seed: int = 0, name: str = "photo.png") -> str:
        """Upload a picture of noise, and return its source."""
        answer = self.upload(png(side, seed), name)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["source"])

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self.post("/runs", request)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def events(self, path: str = "/events") -> Generator[tuple[str, dict[str, Any]], None, None]:
        """Yield the events of a stream, which `close` ends."""
        with self.http.stream("GET", path) as stream:
            kind = ""
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield kind, json.loads(line.removeprefix("data: "))

    def wait(self, number: str, until: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        """Return the run once it has ended, or once `until` is true, by its events."""
        ended = until or (lambda run: run["state"] in {"done", "failed", "stopped"})
        with closing(self.events(f"/runs/{number}/events")) as events:
            for kind, run in events:
                if kind == "run" and ended(run):
                    return run
        raise AssertionError("the events ended")

    def pixels(self, number: str) -> np.ndarray[Any, Any]:
        """Return the pixels of the result of a run."""
        answer = self.get(f"/runs/{number}/picture")
        assert answer.status_code == 200, answer.text
        return np.asarray(Image.open(io.BytesIO(answer.content)))


def png(side: int = 64, seed: int = 0) -> bytes:
    """Return a PNG of smooth noise."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Server]:
    """Run a studio with its data in `folder`, on a free port unless the settings name one."""
    server = Server(StudioSettings(**{"port": 0, "folder": str(folder), **settings}), {})
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(SECONDS)
        assert not thread.is_alive()


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What Impasto keeps for a user, such as the pace of the machine, is kept here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMPASTO_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("studio")) as server:
        yield server


@pytest.fixture
def visitor(server: Server) -> Iterator[Visitor]:
    with closing(Visitor(server.address)) as visitor:
        yield visitor


@pytest.fixture
def stranger(server: Server) -> Iterator[Visitor]:
    """Another visitor."""
    with closing(Visitor(server.address)) as visitor:
        yield visitor
