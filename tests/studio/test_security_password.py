"""The password: where it comes from, the log-in, sessions, and guessing."""

from __future__ import annotations

import hmac
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.studio.test_security_client import Answer, ask, echo

from impasto.errors import UsageError
from impasto.studio.security import Password, Policy, read_password
from impasto.studio.security.password import Failures, Sessions

SECRET = "correct horse"
SESSION = "/api/v1/session"


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(clock: Clock) -> Password:
    return Password(echo, SECRET, clock=clock)


def log_in(app: Password, password: str = SECRET, address: str = "10.0.0.1", **headers: str) -> Answer:
    body = json.dumps({"password": password}).encode()
    return ask(app, "POST", SESSION, headers, body=body, client=(address, 1))


def cookie_of(answer: Answer) -> str:
    (cookie,) = answer.values("set-cookie")
    return cookie.partition(";")[0]


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/page/", "/api/v1/about"])
def test_the_page_is_open(app: Password, path: str) -> None:
    assert ask(app, path=path).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/runs",
        "/api/v1/about/",
        "/api/v1/about/x",
        "/api/v1/aboutx",
        "/API/v1/about",
        "/api/v1/session/",
        "/api/v1/sessions",
        "/page",
        "/page/../api/v1/runs",
        "/page/..\\api",
        "/pages/x",
        "//",
        "//page/x",
        "",
        "/docs",
        "/openapi.json",
        "/favicon.ico",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_all_else_is_closed(app: Password, path: str, method: str) -> None:
    answer = ask(app, method, path)
    assert answer.status == 401
    assert answer.error == "log in first: POST /api/v1/session with the password"


def test_the_right_password_opens_a_session_of_12_hours(app: Password, clock: Clock) -> None:
    answer = log_in(app)
    assert (answer.status, answer.body) == (204, b"")
    (cookie,) = answer.values("set-cookie")
    assert sorted(cookie.split("; ")[1:]) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict"]
    assert re.match("impasto_session=[0-9a-f]{64};", cookie)
    headers = {"Cookie": cookie_of(answer)}
    assert ask(app, headers=headers).status == 200
    clock.now += 12 * 3600 - 1
    assert ask(app, headers=headers).status == 200
    clock.now += 1
    assert ask(app, headers=headers).status == 401


def test_each_log_in_has_another_session(app: Password) -> None:
    assert cookie_of(log_in(app)) != cookie_of(log_in(app))


def test_with_tls_the_cookie_is_secure() -> None:
    assert "; Secure" in log_in(Password(echo, SECRET, tls=True)).values("set-cookie")[0]


def test_logging_out_ends_the_session_on_the_server(app: Password) -> None:
    kept, ended = cookie_of(log_in(app)), cookie_of(log_in(app))
    answer = ask(app, "DELETE", SESSION, {"Cookie": ended})
    assert answer.status == 204
    assert "Max-Age=0" in answer.values("set-cookie")[0]
    assert ask(app, headers={"Cookie": ended}).status == 401
    assert ask(app, headers={"Cookie": kept}).status == 200
    assert ask(app, "DELETE", SESSION).status == 204


def test_a_restart_ends_all_sessions(app: Password, clock: Clock) -> None:
    cookie = cookie_of(log_in(app))
    assert ask(Password(echo, SECRET, clock=clock), headers={"Cookie": cookie}).status == 401


def test_sessions_are_kept_as_hashes_and_bounded(clock: Clock) -> None:
    sessions = Sessions(clock, most=3)
    tokens = [sessions.open() for _ in range(4)]
    assert [sessions.has(token.encode()) for token in tokens] == [False, True, True, True]
    assert not any(token in repr(vars(sessions)) for token in tokens)
    clock.now += 24 * 3600
    sessions.open()
    assert len(sessions._ends) == 1


@pytest.mark.parametrize("cookie", ["impasto_session=", "impasto_session=" + "0" * 64, "x", b"impasto_session=\xff"])
def test_an_invented_session_does_not_open(app: Password, cookie: str | bytes) -> None:
    assert ask(app, headers={"Cookie": cookie}).status == 401


@pytest.mark.parametrize("wrong", ["", "wrong", SECRET.upper(), SECRET + " ", SECRET[:-1], SECRET + "\x00", "\ud800"])
def test_a_wrong_password_is_refused(app: Password, wrong: str) -> None:
    answer = log_in(app, wrong)
    assert (answer.status, answer.error) == (401, "the password is wrong")
    assert answer.values("set-cookie") == []


@pytest.mark.parametrize("decided", [True, False])
def test_a_comparison_in_constant_time_decides(app: Password, decided: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return decided

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert log_in(app, "wrong").status == (204 if decided else 401)
    assert log_in(app, SECRET).status == (204 if decided else 401)
    assert [(len(a), len(b)) for a, b in compared] == [(32, 32)] * 2  # digests: no length of a password shows
    assert compared[1][0] == compared[1][1]


def test_letters_of_two_keyboards_are_the_same(clock: Clock) -> None:
    assert log_in(Password(echo, "caf\u00e9 cr\u00e8me", clock=clock), "cafe\u0301 cre\u0300me").status == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b'"correct horse"',
        b"{}",
        b'{"password": null}',
        b'{"password": 1}',
        b'{"password": ["correct horse"]}',
        b"\xff",
        b"[" * 9000,
        b"1" * 9000,
    ],
)
def test_another_body_is_refused_and_is_no_attempt(app: Password, body: bytes) -> None:
    answer = ask(app, "POST", SESSION, body=body)
    assert answer.status == 400
    assert '{"password"' in answer.error
    assert app.failures.wait("127.0.0.1") == 0


def test_a_long_body_is_refused(app: Password) -> None:
    assert ask(app, "POST", SESSION, body=[b"x" * 6000] * 2).status == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "HEAD"])
def test_other_methods_of_the_session_are_refused(app: Password, method: str) -> None:
    answer = ask(app, method, SESSION)
    assert (answer.status, answer.values("allow")) == (405, ["POST, DELETE"])


def test_five_failures_a_minute_close_the_door_of_an_address(app: Password, clock: Clock) -> None:
    for _ in range(5):
        assert log_in(app, "wrong").status == 401
        clock.now += 1
    for password in ("wrong", SECRET):
        answer = log_in(app, password)
        assert (answer.status, answer.values("retry-after")) == (429, ["55"])
        assert answer.error == "too many wrong passwords; try again in 55 seconds"
    assert log_in(app, address="10.0.0.2").status == 204
    clock.now += 54.5
    assert log_in(app).values("retry-after") == ["1"]
    clock.now += 0.5
    assert log_in(app).status == 204


def test_a_session_goes_on_while_the_door_is_closed(app: Password) -> None:
    cookie = cookie_of(log_in(app))
    for _ in range(6):
        log_in(app, "wrong")
    assert log_in(app).status == 429
    assert ask(app, headers={"Cookie": cookie}, client=("10.0.0.1", 1)).status == 200


def test_fifty_failures_a_minute_close_the_door_for_all(app: Password, clock: Clock) -> None:
    for number in range(50):
        assert log_in(app, "wrong", f"10.0.1.{number}").status == 401
    assert log_in(app, address="10.0.2.1").status == 429
    clock.now += 60
    assert log_in(app, address="10.0.2.1").status == 204


def test_failures_are_forgotten(clock: Clock) -> None:
    failures = Failures(clock)
    for number in range(50):
        failures.add(str(number))
    clock.now += 60
    assert failures.wait("x") == 0
    assert not failures._failures


def test_addresses_of_one_ipv6_network_are_one_client(app: Password) -> None:
    for number in range(5):
        assert log_in(app, "wrong", f"2001:db8::{number}").status == 401
    assert log_in(app, address="2001:db8::ffff").status == 429
    assert log_in(app, address="2001:db8:0:1::1").status == 204


def test_an_invented_forwarded_address_does_not_help(clock: Clock, app: Password) -> None:
    def guess(app: Password, number: int) -> int:
        return log_in(app, "wrong", **{"X-Forwarded-For": f"10.9.9.{number}"}).status

    assert [guess(app, number) for number in range(6)] == [401] * 5 + [429]
    proxied = Password(echo, SECRET, behind_proxy=True, clock=clock)
    assert [guess(proxied, number) for number in range(6)] == [401] * 6
    fields = [f"10.9.{number}.9, 10.8.8.8" for number in range(6)]
    statuses = [log_in(proxied, "wrong", **{"X-Forwarded-For": field}).status for field in fields]
    assert statuses == [401] * 5 + [429]


def test_the_password_and_its_attempts_are_not_logged(app: Password, caplog: pytest.LogCaptureFixture) -> None:
    log_in(app, "a wrong one", "10.0.0.9")
    assert [record.getMessage() for record in caplog.records] == ["a wrong password from '10.0.0.9'"]
    assert SECRET not in repr(Policy(password=SECRET))


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "password"
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    return write


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_password_comes_from_a_file_or_the_environment(file: Callable[[bytes], Path], end: bytes) -> None:
    assert read_password({}) is None
    assert read_password({"IMPASTO_PASSWORD": SECRET}) == SECRET
    assert read_password({}, file(SECRET.encode() + end)) == SECRET


def test_two_passwords_are_refused(file: Callable[[bytes], Path]) -> None:
    with pytest.raises(UsageError, match="given twice"):
        read_password({"IMPASTO_PASSWORD": SECRET}, file(SECRET.encode()))


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "is empty"),
        ("         ", "is empty"),
        ("short77", "7 characters; at least 8"),
        ("x" * 1025, "at most 1024"),
    ],
)
def test_a_bad_password_is_refused_everywhere(file: Callable[[bytes], Path], password: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"IMPASTO_PASSWORD.*{message}"):
        read_password({"IMPASTO_PASSWORD": password})
    with pytest.raises(UsageError, match=message):
        read_password({}, file(password.encode()))
    with pytest.raises(UsageError, match=message):
        Policy(password=password)
    with pytest.raises(UsageError, match=message):
        Password(echo, password)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602])
def test_a_file_that_others_may_read_is_refused(file: Callable[[bytes], Path], mode: int) -> None:
    path = file(SECRET.encode())
    path.chmod(mode)
    with pytest.raises(UsageError, match=r"other users may read .* chmod 600"):
        read_password({}, path)


@pytest.mark.parametrize(
    ("content", "message"), [(b"\xff" * 9, "UTF-8"), (b"two lines\nof text", "one line"), (b"x" * 9000, "at most 1024")]
)
def test_another_file_is_refused(file: Callable[[bytes], Path], content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        read_password({}, file(content))
    assert "two lines" not in str(error.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(UsageError, match="cannot read"):
            read_password({}, path)
