"""Visitors: their cookie, their id, and cookies that the studio has not made."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path

import pytest
from tests.studio.test_security_client import Answer, ask, echo

from impasto.errors import UsageError
from impasto.studio.security import Visitor, read_key
from impasto.studio.security.visitor import new_token, visitor_id

KEY = b"k" * 32
APP = Visitor(echo, KEY)


def token_of(answer: Answer) -> str:
    (cookie,) = answer.values("set-cookie")
    match = re.match(r"impasto_visitor=([0-9a-f]{64});", cookie)
    assert match is not None
    return match[1]


def visitor_of(answer: Answer) -> str:
    return str(json.loads(answer.body)["visitor"])


def with_cookie(value: str | bytes) -> dict[str, str | bytes]:
    return {"Cookie": b"impasto_visitor=" + (value if isinstance(value, bytes) else value.encode("latin-1"))}


def test_a_new_visitor_gets_a_cookie_for_30_days() -> None:
    answer = ask(APP)
    (cookie,) = answer.values("set-cookie")
    attributes = cookie.split("; ")[1:]
    assert sorted(attributes) == ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Strict"]
    assert visitor_of(answer) == visitor_id(token_of(answer))


def test_with_tls_the_cookie_is_secure() -> None:
    assert "; Secure" in ask(Visitor(echo, KEY, tls=True)).values("set-cookie")[0]
    headers = {"X-Forwarded-Proto": "https"}
    assert "; Secure" in ask(Visitor(echo, KEY, behind_proxy=True), headers=headers).values("set-cookie")[0]
    assert "; Secure" not in ask(APP, headers=headers).values("set-cookie")[0]


def test_visitors_differ_and_come_back() -> None:
    first, second = ask(APP), ask(APP)
    assert visitor_of(first) != visitor_of(second)
    again = ask(APP, headers=with_cookie(token_of(first)))
    assert visitor_of(again) == visitor_of(first)
    assert again.values("set-cookie") == []


def test_the_id_does_not_give_the_cookie_away() -> None:
    answer = ask(APP)
    token, visitor = token_of(answer), visitor_of(answer)
    assert re.fullmatch("[0-9a-f]{32}", visitor)
    assert visitor == hashlib.sha256(b"impasto visitor " + token.encode()).hexdigest()[:32]
    assert visitor not in token


def test_the_cookie_is_renewed_when_the_page_opens() -> None:
    token = token_of(ask(APP))
    assert token_of(ask(APP, path="/api/v1/about", headers=with_cookie(token))) == token


VALID = new_token(KEY)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "0" * 64,
        VALID[:-1],
        VALID + "0",
        VALID.upper(),
        VALID[:32] + "f" * 32,
        new_token(b"another key"),
        f'"{VALID}"',
        VALID + "\x00",
        VALID + "=",
        "../../etc/passwd",
        "%2e%2e",
        b"\xff\xfe" * 32,
        b"\xc3\xa4" * 32,
        "\u00b2" * 64,
        "0" * 60_000,
    ],
    ids=lambda value: f"{len(value)} characters",  # tokens are new in every process
)
def test_other_values_are_replaced(value: str | bytes) -> None:
    answer = ask(APP, headers=with_cookie(value))
    assert answer.status == 200
    assert token_of(answer) not in (VALID, value)


def test_the_valid_one_of_several_cookies_counts() -> None:
    cookies = f"a=b; impasto_visitor=planted; ;;=; impasto_visitor={VALID}; impasto_visitor=; x"
    assert visitor_of(ask(APP, headers={"Cookie": cookies})) == visitor_id(VALID)
    assert visitor_of(ask(APP, raw=[(b"cookie", b"a=b"), (b"cookie", cookies.encode())])) == visitor_id(VALID)


def test_names_of_cookies_are_compared_whole() -> None:
    assert visitor_of(ask(APP, headers={"Cookie": f"ximpasto_visitor={VALID}"})) != visitor_id(VALID)


def test_huge_and_odd_cookies_take_no_time() -> None:
    begin = time.perf_counter()
    for value in (b";" * 60_000, b"=" * 60_000, b"impasto_visitor=" * 4000, bytes(range(256)) * 200):
        assert ask(APP, raw=[(b"cookie", value)]).status == 200
    assert time.perf_counter() - begin < 2


def test_a_token_in_the_field_authorization_is_a_visitor_too() -> None:
    other = new_token(KEY)
    answer = ask(APP, headers={"Authorization": f"bearer {VALID}", **with_cookie(other)})
    assert visitor_of(answer) == visitor_id(VALID)
    assert answer.values("set-cookie") == []


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Bearer x", f"Bearer {VALID}x", f"Bearer {VALID} {VALID}", b"Bearer \xff"],
    ids=lambda value: f"{len(value)} characters",
)
def test_a_wrong_token_in_the_field_authorization_is_refused(value: str | bytes) -> None:
    answer = ask(APP, headers={"Authorization": value})
    assert answer.status == 401
    assert "Authorization" in answer.error
    assert answer.values("set-cookie") == []


def test_two_tokens_are_refused_and_other_schemes_ignored() -> None:
    fields = [(b"authorization", f"Bearer {VALID}".encode())] * 2
    assert ask(APP, raw=fields).status == 401
    assert ask(APP, headers={"Authorization": "Basic eDp5", **with_cookie(VALID)}).status == 200


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_behind_a_foreign_link_the_page_sets_no_cookie(headers: dict[str, str]) -> None:
    """The browser holds back a strict cookie there; a new one would replace it."""
    assert ask(APP, path="/", headers=headers).values("set-cookie") == []
    assert ask(APP, path="/page/page.js", headers={"Sec-Fetch-Site": "same-origin"}).values("set-cookie") == []


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_otherwise_the_page_sets_one(site: str) -> None:
    assert token_of(ask(APP, path="/", headers={"Sec-Fetch-Site": site}))


def test_the_state_of_the_server_stays_and_is_not_shared() -> None:
    seen = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope["state"])
        await echo(scope, receive, send)  # type: ignore[arg-type]

    state = {"store": 1}

    async def given(scope: dict[str, object], receive: object, send: object) -> None:
        await Visitor(app, KEY)({**scope, "state": state}, receive, send)  # type: ignore[arg-type]

    ask(given)  # type: ignore[arg-type]
    assert seen[0]["store"] == 1  # type: ignore[index]
    assert state == {"store": 1}


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = read_key(file)
    assert len(key) == 32
    assert read_key(file) == key
    assert read_key(tmp_path / "other") != key
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(UsageError, match="is damaged; remove it"):
        read_key(tmp_path / "key")
    with pytest.raises(UsageError, match="cannot read or write"):
        read_key(tmp_path / "no" / "key")
