"""The safety layer in a real server: what uvicorn makes of bytes that arrive at its socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse
from tests.studio.test_security_client import PATIENCE

from impasto.studio.security import Policy, protected

SECOND = threading.Event()
"""Set by a test once it has read the first event."""


def make_app() -> FastAPI:
    app = FastAPI()

    @app.get("/api/v1/events")
    async def events() -> StreamingResponse:
        async def lines() -> object:
            yield "data: 1\n\n"
            await asyncio.to_thread(SECOND.wait, PATIENCE)
            yield "data: 2\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")  # type: ignore[arg-type]

    @app.post("/api/v1/runs")
    async def run(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.get("/api/v1/broken")
    async def broken() -> None:
        raise RuntimeError("secret")

    return app


class Server(uvicorn.Server):
    """A server that tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = protected(make_app(), Policy(json_bytes=100_000))
    config = uvicorn.Config(app, log_config=None, server_header=False, proxy_headers=False, http="h11")
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        assert server.listens.wait(PATIENCE)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


def raw(port: int, request: bytes) -> bytes:
    """Send bytes, and read until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status(port: int, line: str, *fields: str) -> int:
    head = "\r\n".join([line, *fields, "Connection: close", "", ""])
    return int(raw(port, head.encode("latin-1")).split(b" ", 2)[1])


def test_the_server_has_no_name(port: int) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/nothing")
    assert answer.status_code == 404
    assert "server" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_an_exception_is_one_line(port: int) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/broken")
    assert answer.status_code == 500
    assert answer.json() == {"error": "something went wrong on the server; its log has the details"}


@pytest.mark.parametrize(
    ("line", "fields", "expected"),
    [
        ("GET /api/v1/nothing HTTP/1.1", ["Host: localhost"], 404),
        ("GET /api/v1/nothing HTTP/1.1", [], 400),
        ("GET /api/v1/nothing HTTP/1.0", [], 403),
        ("GET /api/v1/nothing HTTP/1.1", ["Host: localhost", "Host: localhost"], 400),
        ("GET /api/v1/nothing HTTP/1.1", ["Host: evil.example"], 403),
        ("GET http://localhost/api/v1/nothing HTTP/1.1", ["Host: localhost"], 400),
        ("GET //api/v1/nothing HTTP/1.1", ["Host: localhost"], 400),
        ("GET /page/../api HTTP/1.1", ["Host: localhost"], 400),
        ("GET /page/%2e%2e/api HTTP/1.1", ["Host: localhost"], 400),
        ("GET /page/..%2fapi HTTP/1.1", ["Host: localhost"], 400),
        ("GET /page/..%5capi HTTP/1.1", ["Host: localhost"], 400),
        ("GET /page/x%0d%0aSet-Cookie:%20a=b HTTP/1.1", ["Host: localhost"], 400),
        ("GET /page/%00 HTTP/1.1", ["Host: localhost"], 400),
        ("GET /page/%252e%252e/api HTTP/1.1", ["Host: localhost"], 404),
        ("GET /%61pi/v1/nothing HTTP/1.1", ["Host: localhost", "Sec-Fetch-Site: cross-site"], 403),
        ("DELETE /x HTTP/1.1", ["Host: localhost", "Origin: null"], 403),
    ],
)
def test_odd_requests(port: int, line: str, fields: list[str], expected: int) -> None:
    assert status(port, line, *fields) == expected


def test_a_web_socket_is_not_opened(port: int) -> None:
    fields = [
        "Host: localhost",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==",
    ]
    head = "\r\n".join(["GET /api/v1/nothing HTTP/1.1", *fields, "Connection: Upgrade", "", ""])
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).split(b" ", 2)[1] in (b"403", b"404")


def test_an_endless_chunked_body_is_stopped_and_the_connection_closed(port: int) -> None:
    """The client never ends its body, and never closes; `raw` returns because the server does."""
    head = b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(port, head + b"8000\r\n" + b"x" * 0x8000 + b"\r\n" + b"ffff0\r\n" + b"x" * 90_000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"too large" in answer


def test_a_large_length_is_refused_before_the_body(port: int) -> None:
    answer = raw(port, b"POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100001\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_up_to_the_limit_passes(port: int) -> None:
    answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/runs", content=iter([b"x" * 50_000] * 2))
    assert answer.json() == {"bytes": 100_000}


def test_events_arrive_while_the_response_goes_on(port: int) -> None:
    SECOND.clear()
    with httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/events", timeout=PATIENCE) as answer:
        lines = (line for line in answer.iter_lines() if line)
        assert next(lines) == "data: 1"
        SECOND.set()
        assert next(lines) == "data: 2"
