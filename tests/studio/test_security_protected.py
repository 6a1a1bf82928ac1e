"""The middlewares together: their order, streams of events, and a policy's values."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.studio.test_security_client import PATIENCE, ask, echo, scope_of

from impasto.errors import UsageError
from impasto.studio.security import Policy, protected

SECRET = "correct horse"
OPEN = protected(echo, Policy())
CLOSED = protected(echo, Policy(password=SECRET))


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("secret")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda: ask(OPEN, "POST", body=b"x"), 200),
        (lambda: ask(OPEN, host="evil.example"), 403),
        (lambda: ask(OPEN, "POST", headers={"Origin": "http://127.0.0.1.evil.example"}), 403),
        (lambda: ask(OPEN, path="/page/../api/v1/runs"), 400),
        (lambda: ask(OPEN, "POST", body=b"x" * 1_000_001), 413),
        (lambda: ask(OPEN, "POST", body=[b"x" * 600_000] * 2), 413),
        (lambda: ask(OPEN, "POST", "/api/v1/pictures", body=[b"x" * 600_000] * 2), 200),
        (lambda: ask(OPEN, headers={"Authorization": "Bearer x"}), 401),
        (lambda: ask(CLOSED), 401),
        (lambda: ask(CLOSED, path="/page/x"), 200),
        (lambda: ask(CLOSED, "POST", "/api/v1/session", body=b'{"password": "wrong"}'), 401),
        (lambda: ask(protected(raises, Policy())), 500),
    ],
)
def test_every_answer_and_refusal_has_the_headers(answer: object, status: int) -> None:
    given = answer()  # type: ignore[operator]
    assert given.status == status
    assert given.values("x-content-type-options") == ["nosniff"]
    assert len(given.values("content-security-policy")) == 1
    if status >= 400:
        assert given.error
        assert given.values("content-type") == ["application/json"]


def test_without_a_session_no_visitor_is_made() -> None:
    assert ask(CLOSED).values("set-cookie") == []


def test_a_foreign_page_cannot_log_in_or_guess() -> None:
    app = protected(echo, Policy(password=SECRET))
    body = json.dumps({"password": SECRET}).encode()
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert ask(app, "POST", "/api/v1/session", headers, body=body).status == 403
    assert ask(app, "POST", "/api/v1/session", host="evil.example", body=body).status == 403
    assert ask(app, "POST", "/api/v1/session", body=body).status == 204


def test_the_policy_reaches_the_middlewares() -> None:
    policy = Policy(hosts=("Studio.Example",), json_bytes=5, upload_bytes=7, behind_proxy=True)
    app = protected(echo, policy)
    headers = {"X-Forwarded-Proto": "https", "Origin": "https://studio.example"}
    assert ask(app, "POST", headers=headers, host="studio.example", body=b"x" * 5).status == 200
    assert ask(app, "POST", headers=headers, host="studio.example", body=b"x" * 6).status == 413
    assert ask(app, "POST", "/api/v1/pictures", host="studio.example", body=b"x" * 7).status == 200
    assert ask(app, "POST", "/api/v1/pictures", host="studio.example", body=b"x" * 8).status == 413
    answer = ask(app, headers=headers, host="studio.example")
    assert "; Secure" in answer.values("set-cookie")[0]
    assert len(answer.values("strict-transport-security")) == 1


def test_one_key_makes_the_same_visitors() -> None:
    first = ask(protected(echo, Policy(key=b"k" * 32)))
    cookie = {"Cookie": first.values("set-cookie")[0].partition(";")[0]}
    assert ask(protected(echo, Policy(key=b"k" * 32)), headers=cookie).body == first.body
    assert ask(protected(echo, Policy()), headers=cookie).body != first.body


@pytest.mark.parametrize("name", ["json_bytes", "upload_bytes", "bytes_per_second", "requests_each"])
def test_limits_below_1_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} must be at least 1, not 0"):
        Policy(**{name: 0})  # type: ignore[arg-type]


def test_a_short_key_is_refused() -> None:
    with pytest.raises(UsageError, match="3 bytes; at least 16"):
        Policy(key=b"key")


def test_events_stream_unbuffered() -> None:
    """The app sends its second event only after the client has read the first."""

    async def run() -> list[bytes]:
        seen, read = asyncio.Event(), list[bytes]()

        async def events(scope: Scope, receive: Receive, send: Send) -> None:
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
            )
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
            await seen.wait()
            await send({"type": "http.response.body", "body": b"data: 2\n\n"})

        async def send(message: Message) -> None:
            if body := message.get("body"):
                read.append(body)
                seen.set()

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        app = protected(events, Policy(password=SECRET))
        await asyncio.wait_for(app(scope_of(path="/api/v1/about"), receive, send), PATIENCE)
        return read

    assert asyncio.run(run()) == [b"data: 1\n\n", b"data: 2\n\n"]


def test_a_browser_like_client_logs_in_works_and_logs_out() -> None:
    async def run() -> None:
        app = protected(echo, Policy(password=SECRET))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            assert (await client.get("/api/v1/runs")).json() == {
                "error": "log in first: POST /api/v1/session with the password"
            }
            assert (await client.post("/api/v1/session", json={"password": SECRET})).status_code == 204
            first, second = [(await client.get("/api/v1/runs")).json() for _ in range(2)]
            assert first["visitor"] == second["visitor"]
            assert (await client.delete("/api/v1/session")).status_code == 204
            assert (await client.get("/api/v1/runs")).status_code == 401
            assert (await client.post("/api/v1/session", json={"password": SECRET})).status_code == 204
            assert (await client.get("/api/v1/runs")).json() == first  # logging out keeps the visitor

    asyncio.run(run())
