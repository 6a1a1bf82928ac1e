"""Paint a photo by a studio over HTTP: `python examples/studio_client.py photo.jpg painting.jpg painted.png`.

Start the studio first, for example by `impasto studio --api-only`. The standard library is enough.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

ADDRESS = "http://127.0.0.1:7860/api/v1"


class Client:
    """A visitor of a studio. The token in the cookie of the first answer is the visitor's name from then on."""

    def __init__(self, address: str = ADDRESS) -> None:
        self.address, self.headers = address, dict[str, str]()
        with self.open("/about") as answer:
            token = answer.headers["Set-Cookie"].partition("impasto_visitor=")[2].partition(";")[0]
        self.headers = {"Authorization": f"Bearer {token}"}

    def open(self, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """Send a request and return the open answer; an error of the studio is one line."""
        request = urllib.request.Request(self.address + path, body, self.headers | {"Content-Type": kind})
        try:
            return urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            raise SystemExit(json.load(error)["error"]) from None

    def upload(self, file: Path) -> str:
        """Upload a picture, and return its source."""
        path = f"/pictures?name={quote(file.name)}"
        with self.open(path, file.read_bytes(), "application/octet-stream") as answer:
            return str(json.load(answer)["source"])

    def start(self, **request: Any) -> str:
        """Start a run, and return its id."""
        with self.open("/runs", json.dumps(request).encode()) as answer:
            return str(json.load(answer)["id"])

    def follow(self, run: str) -> Iterator[dict[str, Any]]:
        """Yield the run at each change until it ends."""
        with self.open(f"/runs/{run}/events") as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    state = json.loads(line[6:])
                    yield state
                    if state["state"] in {"done", "failed", "stopped"}:
                        return


def main(photo: str, painting: str, output: str, address: str = ADDRESS) -> None:
    client = Client(address)
    style = [{"source": client.upload(Path(painting))}]
    run = client.start(task="stylize", content=client.upload(Path(photo)), style=style, settings={"quality": "draft"})
    for state in client.follow(run):
        if step := state["step"]:
            print(f"step {step['index']} of {step['total']}, {step['seconds_left']:.0f} s left")
        if state["error"]:
            raise SystemExit(state["error"])
    with client.open(f"/runs/{run}/picture?format={Path(output).suffix[1:]}") as answer:
        Path(output).write_bytes(answer.read())


if __name__ == "__main__":
    main(*sys.argv[1:])
