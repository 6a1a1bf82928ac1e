"""Host names: those that are allowed, and all that a DNS rebinding or an odd client may send."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.studio.test_security_client import ask, echo

from impasto.errors import UsageError
from impasto.studio.security import Policy, TrustedHost, check_exposure

APP = TrustedHost(echo, ["studio.example", "192.168.1.5", "fd00::7"])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LOCALHOST:1",
        "127.0.0.1",
        "127.0.0.1:65535",
        "[::1]",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]:8000",
        "Studio.Example",
        "192.168.1.5:80",
        "[FD00::0007]",
    ],
)
def test_own_names_are_answered_with_any_port(host: str) -> None:
    assert ask(APP, host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "127.0.0.1.evil.example",
        "localhost.",
        "localhost.:8000",
        "studio.example.",
        ".localhost",
        "me@localhost",
        "localhost@evil.example",
        "localhost:8000@evil.example",
        "localhost:",
        "localhost:x",
        "localhost:-1",
        "localhost:123456",
        "localhost:80:80",
        "localhost/",
        "localhost/evil.example",
        "localhost?",
        "localhost#",
        "localhost,evil.example",
        "localhost evil.example",
        " localhost",
        "localhost\t",
        "localhost\n",
        "http://localhost",
        "*",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0.0.0.0",
        "::1",
        "[::1",
        "[::1]x",
        "[::2]",
        "[::1%25lo]",
        "[:::1]",
        "[::ffff:127.0.0.1]",
        "localh\xf6st",
        b"localhost\xff",
        b"localhost\x00",
        b"\xef\xbc\xac\xef\xbd\x8fcalhost",
        "a" * 60_000,
    ],
)
def test_all_other_names_are_refused(host: str | bytes | None) -> None:
    answer = ask(APP, host=host)
    assert answer.status == 403
    assert "host name" in answer.error


@pytest.mark.parametrize("second", [b"localhost", b"evil.example"])
def test_two_fields_host_are_refused(second: bytes) -> None:
    assert ask(APP, host="localhost", raw=[(b"host", second)]).status == 403


def test_forwarded_names_do_not_count() -> None:
    assert ask(APP, host="evil.example", headers={"X-Forwarded-Host": "localhost"}).status == 403


@pytest.mark.parametrize(
    "name", ["", "*", "http://a.example", "a.example:80", "a.example.", "a b", "me@a", "[::1]:80", "ä"]
)
def test_a_wrong_name_is_refused_by_the_policy(name: str) -> None:
    with pytest.raises(UsageError, match="is not a host name; write a name or an address without"):
        Policy(hosts=(name,))


def test_other_connections_pass() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})

    sent: list[Message] = []

    async def run() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "lifespan.startup"}

        await TrustedHost(app)({"type": "lifespan"}, receive, send)

    asyncio.run(run())
    assert sent == [{"type": "lifespan.startup.complete"}]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_a_loopback_address_needs_no_password(host: str) -> None:
    assert check_exposure(host, None, tls=False) is None


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "[::]", "192.168.1.5", "8.8.8.8", "::ffff:8.8.8.8", "studio.example", "localhost.x", "127.1"],
)
@pytest.mark.parametrize("tls", [False, True])
def test_another_address_needs_a_password(host: str, tls: bool) -> None:
    with pytest.raises(UsageError, match="IMPASTO_PASSWORD"):
        check_exposure(host, None, tls=tls)
    warning = check_exposure(host, "correct horse", tls=tls)
    assert (warning is None) if tls else (warning is not None and "--tls-certificate" in warning)
