"""Bodies that are too large or too slow, and too many requests at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from starlette.types import Message, Receive, Scope, Send
from tests.studio.test_security_client import PATIENCE, ask, ask_async, echo, scope_of

from impasto.studio.security import BodyLimit, ConnectionLimit

UPLOAD = "/api/v1/pictures"
APP = BodyLimit(echo, 10, {UPLOAD: 100})


async def untouched(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the app must not see this request")


@pytest.mark.parametrize("body", [b"x" * 10, [b"x" * 5, b"x" * 5], [b"", b"x"]])
def test_a_body_up_to_the_limit_passes(body: bytes | list[bytes]) -> None:
    assert ask(APP, "POST", body=body).status == 200


def test_a_length_above_the_limit_is_refused_at_once() -> None:
    answer = ask(BodyLimit(untouched, 10), "POST", body=b"x" * 11)
    assert answer.status == 413
    assert answer.error == "the body of the request is too large; at most 10 bytes are allowed here"
    assert answer.values("connection") == ["close"]


def test_a_body_in_parts_is_stopped_where_it_exceeds_the_limit() -> None:
    parts = [b"x" * 6] * 5
    read: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async for part in Request(scope, receive).stream():
            read.append(part)

    answer = ask(BodyLimit(app, 10), "POST", body=parts)
    assert answer.status == 413
    assert read == [b"x" * 6]


def test_a_false_length_does_not_help() -> None:
    assert ask(APP, "POST", headers={"Content-Length": "5"}, body=[b"x" * 6, b"x" * 6]).status == 413


def test_frameworks_do_not_change_the_refusal() -> None:
    """FastAPI turns exceptions during the reading of a body into 400."""
    app = FastAPI()

    @app.post("/x")
    async def take(request: Request, value: dict[str, str]) -> str:
        raise AssertionError("the body was cut short, so it has no value")

    answer = ask(BodyLimit(app, 10), "POST", "/x", {"Content-Type": "application/json"}, body=[b'{"a": "', b"x" * 9])
    assert answer.status == 413
    assert "too large" in answer.error


def test_uploads_have_a_limit_of_their_own() -> None:
    assert ask(APP, "POST", UPLOAD, body=b"x" * 100).status == 200
    assert ask(APP, "POST", UPLOAD, body=b"x" * 101).status == 413
    assert ask(APP, "POST", UPLOAD + "/x", body=b"x" * 11).status == 413


@pytest.mark.parametrize("length", ["-1", "+5", "1e3", "0x10", "", "5, 5", "\u00b2"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    assert ask(BodyLimit(untouched, 10), "POST", headers={"Content-Length": length}).status == 400


def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    assert ask(BodyLimit(untouched, 10), "POST", headers={"Content-Length": "9" * 60_000}).status == 413


def test_two_lengths_are_refused() -> None:
    fields = [(b"content-length", b"5"), (b"content-length", b"6")]
    assert ask(BodyLimit(untouched, 10), "POST", raw=fields).status == 400


def test_an_error_of_the_app_itself_is_raised() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("own")

    with pytest.raises(RuntimeError, match="own"):
        ask(BodyLimit(app, 10), "POST", body=b"x")


def ticks(step: float) -> Iterator[float]:
    """Times of a clock that goes on by `step` at each look."""
    now = 0.0
    while True:
        yield now
        now += step


@pytest.mark.parametrize(("size", "status"), [(4, 408), (6, 200)])
def test_a_body_below_the_rate_is_refused(size: int, status: int) -> None:
    """Each wait takes 1 s by the clock of the test; 5 bytes a second are needed over 4 s."""
    clock = ticks(1.0)
    app = BodyLimit(echo, 1000, rate=5, window=4.0, clock=lambda: next(clock))
    answer = ask(app, "POST", body=[b"x" * size] * 20)
    assert answer.status == status


def test_the_rate_is_measured_in_each_window_anew() -> None:
    """A fast beginning does not pay for a slow end."""
    clock = ticks(1.0)
    app = BodyLimit(echo, 1000, rate=5, window=4.0, clock=lambda: next(clock))
    assert ask(app, "POST", body=[b"x" * 500, *[b"x"] * 20]).status == 408


def test_a_body_that_stops_is_refused() -> None:
    app = BodyLimit(echo, 1000, rate=5, window=0.05)
    answer = ask(app, "POST", body=[b"x"], stalls=True)
    assert answer.status == 408
    assert answer.error == "the body of the request arrives too slowly"


def test_time_of_the_app_is_not_time_of_the_client() -> None:
    now = [0.0]

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        async for _ in Request(scope, receive).stream():
            now[0] += 100.0
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    app = BodyLimit(slow, 1000, rate=5, window=4.0, clock=lambda: now[0])
    assert ask(app, "POST", body=[b"x"] * 5).status == 204


def test_after_the_body_a_client_may_be_silent() -> None:
    """A stream of events waits for hours for the end of its connection."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        waiting = asyncio.ensure_future(receive())
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        waiting.cancel()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def run() -> list[Message]:
        first: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if not first:
                await asyncio.Event().wait()
            return first.pop()

        async def send(message: Message) -> None:
            sent.append(message)

        await asyncio.wait_for(BodyLimit(app, 10, rate=5, window=0.01)(scope_of(), receive, send), PATIENCE)
        return sent

    assert asyncio.run(run())[0]["status"] == 204


def test_a_visitor_has_a_number_of_requests_at_the_same_time() -> None:
    async def run() -> None:
        inside, go = asyncio.Event(), asyncio.Event()
        entered = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            entered.append(scope["state"]["visitor"])
            if len(entered) == 2:
                inside.set()
            await go.wait()
            await echo(scope, receive, send)

        limit = ConnectionLimit(app, 2)

        def request(visitor: str) -> asyncio.Task[object]:
            return asyncio.ensure_future(ask_async(limit, {**scope_of(), "state": {"visitor": visitor}}))

        first = [request("a"), request("a")]
        await asyncio.wait_for(inside.wait(), PATIENCE)
        refused = await request("a")
        assert refused.status == 429  # type: ignore[attr-defined]
        assert refused.values("retry-after") == ["1"]  # type: ignore[attr-defined]
        other = request("b")
        go.set()
        assert [answer.status for answer in await asyncio.gather(*first, other)] == [200] * 3  # type: ignore[attr-defined]
        assert (await request("a")).status == 200  # type: ignore[attr-defined]
        assert not limit.open

    asyncio.run(run())


def test_a_request_that_fails_is_no_longer_in_progress() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    limit = ConnectionLimit(app, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            asyncio.run(ask_async(limit, {**scope_of(), "state": {"visitor": "a"}}))
    assert not limit.open
