"""A client of ASGI apps for the tests of the safety layer: it also sends requests that no library would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1:8000"
PATIENCE = 10
"""Seconds until a test fails instead of waiting on."""


@dataclass
class Answer:
    """A response."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == name.encode()]

    @property
    def error(self) -> str:
        """The one line of a refusal, which must have exactly this form."""
        value = json.loads(self.body)
        assert list(value) == ["error"]
        assert "\n" not in value["error"]
        return str(value["error"])


def scope_of(
    method: str = "GET",
    path: str = "/api/v1/runs",
    headers: Mapping[str, str | bytes] | None = None,
    *,
    host: str | bytes | None = HOST,
    raw: Sequence[tuple[bytes, bytes]] = (),
    client: tuple[str, int] | None = ("127.0.0.1", 50000),
) -> Scope:
    given = {"host": host, **(headers or {})}
    encoded = [
        (name.lower().encode(), value.encode("latin-1") if isinstance(value, str) else value)
        for name, value in given.items()
        if value is not None
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [*encoded, *raw],
        "client": client,
        "server": ("127.0.0.1", 8000),
    }


async def ask_async(app: ASGIApp, scope: Scope, chunks: Sequence[bytes] = (b"",), *, stalls: bool = False) -> Answer:
    """Send the chunks of a body; then the client goes, or, with `stalls`, never sends the end of the body."""
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": stalls or number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        if stalls:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), PATIENCE)
    start, *bodies = sent
    assert start["type"] == "http.response.start"
    assert all(message["type"] == "http.response.body" for message in bodies)
    assert [message.get("more_body", False) for message in bodies] == [True] * (len(bodies) - 1) + [False]
    return Answer(start["status"], list(start["headers"]), b"".join(message.get("body", b"") for message in bodies))


def ask(
    app: ASGIApp,
    method: str = "GET",
    path: str = "/api/v1/runs",
    headers: Mapping[str, str | bytes] | None = None,
    *,
    body: bytes | Sequence[bytes] = b"",
    stalls: bool = False,
    **more: Any,
) -> Answer:
    """Send one request. A body in parts is sent without Content-Length, as a chunked one."""
    lengths = {"content-length": str(len(body))} if isinstance(body, bytes) and body else {}
    scope = scope_of(method, path, {**lengths, **(headers or {})}, **more)
    chunks = [body] if isinstance(body, bytes) else list(body)
    return asyncio.run(ask_async(app, scope, chunks, stalls=stalls))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that reads the body and says what it has seen."""
    request = Request(scope, receive)
    size = len(await request.body())
    visitor = scope.get("state", {}).get("visitor")
    await JSONResponse({"path": scope["path"], "bytes": size, "visitor": visitor})(scope, receive, send)


def test_the_client_sends_a_body_in_parts_and_reads_the_answer() -> None:
    answer = ask(echo, "POST", "/x", body=[b"ab", b"c"])
    assert (answer.status, json.loads(answer.body)["bytes"]) == (200, 3)
    assert answer.values("content-type") == ["application/json"]


def test_the_client_sends_exactly_the_given_hosts() -> None:
    hosts = [(b"host", b"a"), (b"host", b"b")]
    assert scope_of(host=None, raw=hosts)["headers"] == hosts


def test_the_client_fails_for_an_app_without_an_answer() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        return

    with pytest.raises(ValueError):
        ask(silent)
