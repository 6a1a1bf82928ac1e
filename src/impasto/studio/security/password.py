"""The password: log-in, sessions, and what is open without one."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import math
import secrets
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from impasto.studio.security.asgi import answer, client_address, cookies, is_secure, refuse, set_cookie
from impasto.studio.security.credentials import check_password, normal

LOG = logging.getLogger("impasto.studio")
COOKIE = "impasto_session"
MAX_AGE = 12 * 3600
"""Seconds that a session lasts."""

SESSION = "/api/v1/session"
OPEN = ("/", "/api/v1/about", SESSION)
PAGE = "/page/"
LONGEST = 10_000
"""Bytes of a body with a password."""

Clock = Callable[[], float]


class Sessions:
    """The sessions of those who have logged in, as SHA-256 of their tokens, in memory alone.

    A restart ends all of them. More than `most` end the oldest.
    """

    def __init__(self, clock: Clock, most: int = 1000) -> None:
        self.clock = clock
        self.most = most
        self._ends = dict[bytes, float]()

    def open(self) -> str:
        """Return the token of a new session."""
        now = self.clock()
        self._ends = {digest: end for digest, end in self._ends.items() if end > now}
        while len(self._ends) >= self.most:
            del self._ends[next(iter(self._ends))]
        token = secrets.token_hex(32)
        self._ends[_digest(token.encode())] = now + MAX_AGE
        return token

    def has(self, token: bytes) -> bool:
        """Return whether a session of this token has not ended."""
        return self._ends.get(_digest(token), -math.inf) > self.clock()

    def close(self, token: bytes) -> None:
        """End the session of this token, if there is one."""
        self._ends.pop(_digest(token), None)


class Failures:
    """The failed log-ins of the last `window` seconds: at most `each` from one address, and `total` in all."""

    def __init__(self, clock: Clock, each: int = 5, total: int = 50, window: float = 60.0) -> None:
        self.clock = clock
        self.each = each
        self.total = total
        self.window = window
        self._failures = deque[tuple[float, str]]()

    def wait(self, address: str) -> int:
        """Return the seconds until this address may try again, at least 1; 0 if it may now."""
        now = self.clock()
        while self._failures and self._failures[0][0] + self.window <= now:
            self._failures.popleft()
        times = [time for time, _ in self._failures]
        own = [time for time, known in self._failures if known == address]
        ends = [
            past[-most] + self.window for past, most in ((times, self.total), (own, self.each)) if len(past) >= most
        ]
        return max(1, math.ceil(max(ends) - now)) if ends else 0

    def add(self, address: str) -> None:
        """Note a failure of this address."""
        self._failures.append((self.clock(), address))


class Password:
    """A middleware that answers 401 without a session, except to the page's files, `about` and the log-in itself.

    `POST /api/v1/session` with `{"password": text}` opens a session and sets its cookie; `DELETE` closes it. Passwords
    are compared in constant time. After too many failures the answer is 429, even to the right password.
    """

    def __init__(
        self,
        app: ASGIApp,
        password: str,
        *,
        tls: bool = False,
        behind_proxy: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self.app = app
        self.tls = tls
        self.behind_proxy = behind_proxy
        self.sessions = Sessions(clock)
        self.failures = Failures(clock)
        self._digest = _digest(normal(check_password(password)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == SESSION:
            await self._session(scope, receive, send)
        elif is_open(scope["path"]) or any(map(self.sessions.has, cookies(scope, COOKIE))):
            await self.app(scope, receive, send)
        else:
            await refuse(send, 401, f"log in first: POST {SESSION} with the password")

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self._log_in(scope, receive, send)
        elif scope["method"] == "DELETE":
            for token in cookies(scope, COOKIE):
                self.sessions.close(token)
            await answer(send, 204, headers=[set_cookie(COOKIE, "", 0, secure=self._is_secure(scope))])
        else:
            await refuse(send, 405, "allowed methods: POST, DELETE", [(b"allow", b"POST, DELETE")])

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            return
        if len(body) > LONGEST:
            await refuse(send, 413, f"the body of a log-in has at most {LONGEST} bytes", [(b"connection", b"close")])
            return
        password = _password(body)
        if password is None:
            await refuse(send, 400, 'the body must be {"password": "a text"}')
            return
        # No await from here to the note of a failure, or requests at the same time could exceed the limit.
        address = client_address(scope, behind_proxy=self.behind_proxy)
        if wait := self.failures.wait(address):
            retry = (b"retry-after", str(wait).encode())
            await refuse(send, 429, f"too many wrong passwords; try again in {wait} seconds", [retry])
        elif hmac.compare_digest(_digest(normal(password)), self._digest):
            cookie = set_cookie(COOKIE, self.sessions.open(), MAX_AGE, secure=self._is_secure(scope))
            await answer(send, 204, headers=[cookie])
        else:
            self.failures.add(address)
            LOG.warning("a wrong password from %r", address)
            await refuse(send, 401, "the password is wrong")

    def _is_secure(self, scope: Scope) -> bool:
        return is_secure(scope, tls=self.tls, behind_proxy=self.behind_proxy)


def is_open(path: str) -> bool:
    """Return whether a path needs no password.

    >>> is_open("/page/style.css"), is_open("/api/v1/runs"), is_open("/page/../api/v1/runs")
    (True, False, False)
    """
    return path in OPEN or (path.startswith(PAGE) and ".." not in path)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


async def _read(receive: Receive) -> bytes | None:
    """Return the body, or its beginning if it is longer than `LONGEST`; None if the client has gone."""
    body = b""
    while len(body) <= LONGEST:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def _password(body: bytes) -> str | None:
    """Return the password in the body of a log-in, or None if the body is of another form."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    password = value.get("password") if isinstance(value, dict) else None
    return password if isinstance(password, str) else None
