"""Response headers, and unexpected errors."""

from __future__ import annotations

import asyncio
import logging

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.studio.test_security_client import ask, echo, scope_of

from impasto.studio.security import Errors, Headers

EXPECTED = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/api/v1/about", "/nothing"])
def test_every_response_has_the_headers_once(path: str) -> None:
    answer = ask(Headers(echo), path=path)
    assert {name: answer.values(name) for name in EXPECTED} == {name: [value] for name, value in EXPECTED.items()}
    (permissions,) = answer.values("permissions-policy")
    allowed = [part for part in permissions.split(", ") if not part.endswith("=()")]
    assert allowed == ["camera=(self)"]
    assert {"microphone=()", "geolocation=()", "usb=()"} <= set(permissions.split(", "))


def test_only_the_api_is_not_stored() -> None:
    assert ask(Headers(echo), path="/api/v1/runs").values("cache-control") == ["no-store"]
    assert ask(Headers(echo), path="/page/page.js").values("cache-control") == []


def test_the_app_cannot_weaken_them() -> None:
    app = PlainTextResponse(
        "x",
        headers={
            "Content-Security-Policy": "default-src *",
            "X-Frame-Options": "ALLOWALL",
            "Cache-Control": "public",
            "Server": "nameless/1.0",
            "X-Own": "kept",
        },
    )
    answer = ask(Headers(app))
    assert answer.values("content-security-policy") == [EXPECTED["content-security-policy"]]
    assert answer.values("x-frame-options") == ["DENY"]
    assert answer.values("cache-control") == ["no-store"]
    assert answer.values("server") == []
    assert answer.values("x-own") == ["kept"]


@pytest.mark.parametrize(
    ("tls", "host", "expected"),
    [
        (True, "studio.example", ["max-age=31536000"]),
        (False, "studio.example", []),
        (True, "localhost:8000", []),
        (True, "127.0.0.1", []),
    ],
)
def test_https_is_remembered_only_with_tls_and_a_name_of_its_own(tls: bool, host: str, expected: list[str]) -> None:
    assert ask(Headers(echo, tls=tls), host=host).values("strict-transport-security") == expected


@pytest.mark.parametrize(("behind_proxy", "count"), [(True, 1), (False, 0)])
def test_https_of_a_proxy_is_remembered(behind_proxy: bool, count: int) -> None:
    app = Headers(echo, behind_proxy=behind_proxy)
    answer = ask(app, headers={"X-Forwarded-Proto": "https"}, host="studio.example")
    assert len(answer.values("strict-transport-security")) == count


async def broken(request: Request) -> Response:
    raise RuntimeError("secret in /home/someone")


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("secret in /home/someone")


@pytest.mark.parametrize(
    "app",
    [raises, Starlette(routes=[Route("/x\ny", broken)]), Starlette(debug=True, routes=[Route("/x\ny", broken)])],
    ids=["asgi", "starlette", "debug"],
)
def test_an_exception_becomes_one_line_without_internals(app: ASGIApp, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "impasto.studio"):
        answer = ask(Errors(app), path="/x\ny")
    assert answer.status == 500
    assert answer.error == "something went wrong on the server; its log has the details"
    assert b"secret" not in answer.body
    (record,) = [record for record in caplog.records if record.name == "impasto.studio"]
    assert record.exc_info is not None
    assert "secret in /home/someone" in str(record.exc_info[1])
    assert record.getMessage() == "an error in GET '/x\\ny'"


def test_a_response_of_status_500_of_the_app_itself_passes() -> None:
    assert ask(Errors(PlainTextResponse("own", 500))).body == b"own"


def test_a_response_that_has_begun_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("late")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    asyncio.run(Errors(late)(scope_of(), receive, send))
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert [record.message for record in caplog.records] == ["an error in GET '/api/v1/runs'"]


def test_a_client_that_has_gone_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def gone(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        raise ClientDisconnect

    with caplog.at_level(logging.INFO):
        ask(Errors(gone))
    assert caplog.records == []


def test_a_cancellation_is_not_swallowed() -> None:
    async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        ask(Errors(cancelled))
