"""Limits of what a client may take: bytes of a body, time for sending it, and requests at the same time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.studio.security.asgi import DISCONNECT, fields, refuse

LONGEST = 18
"""Digits of a Content-Length that are read; more are too large anyway, and slow to convert."""

CLOSE = [(b"connection", b"close")]
"""The rest of a refused body is not read, so the connection cannot carry another request."""

WINDOW = 20.0
"""Seconds over which the rate of a body is an average."""

TOO_SLOW = "the body of the request arrives too slowly"


class BodyLimit:
    """A middleware that answers 413 to a body of more than `limit` bytes, and 408 to a body that arrives too slowly.

    `paths` has other limits for single paths. A Content-Length above the limit is refused at once. Bytes are counted as
    well, for bodies without a length. In each `window` of seconds that the app waits, `rate` bytes a second must
    arrive on average. `clock` gives seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: int,
        paths: Mapping[str, int] | None = None,
        *,
        rate: int = 500,
        window: float = WINDOW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self.limit = limit
        self.paths = dict(paths or {})
        self.rate = rate
        self.window = window
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.paths.get(scope["path"], self.limit)
        lengths = fields(scope, b"content-length")
        if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
            await refuse(send, 400, "Content-Length must be one number", CLOSE)
        elif lengths and (len(lengths[0]) > LONGEST or int(lengths[0]) > limit):
            await refuse(send, 413, too_large(limit), CLOSE)
        else:
            body = _Body(receive, send, limit, _Pace(self.rate, self.window, self.clock))
            try:
                await self.app(scope, body.receive, body.send)
            except Exception:
                if not body.refused:  # otherwise the app complains about the body that was cut short here
                    raise


def too_large(limit: int) -> str:
    """Return the message about a body of more than `limit` bytes."""
    return f"the body of the request is too large; at most {limit} bytes are allowed here"


class _Pace:
    """The time that an app has waited for a body, and the bytes that came, in the present window."""

    def __init__(self, rate: int, window: float, clock: Callable[[], float]) -> None:
        self.least = rate * window
        self.window = window
        self.clock = clock
        self.waited = 0.0
        self.came = 0

    async def next(self, receive: Receive) -> Message | None:
        """Return the next message, or None if it does not come in time."""
        while True:
            begin, message = self.clock(), None
            with anyio.move_on_after(self.window - self.waited):
                message = await receive()
            self.waited += self.clock() - begin
            self.came += len(message.get("body", b"")) if message else 0
            if message and not message.get("more_body", False):
                return message
            if message is None or self.waited >= self.window:
                if self.came < self.least:
                    return None
                self.waited, self.came = 0.0, 0
            if message:
                return message


class _Body:
    """The body of one request: counts its bytes, and refuses the request itself when they are too many or too slow.

    The app then sees a client that has gone, and its own response is dropped. An exception would not do: frameworks
    turn exceptions during the reading of a body into other answers.
    """

    def __init__(self, receive: Receive, send: Send, limit: int, pace: _Pace) -> None:
        self._receive, self._send = receive, send
        self.limit = limit
        self.pace = pace
        self.count = 0
        self.complete = self.started = self.refused = False

    async def receive(self) -> Message:
        if self.refused:
            return DISCONNECT
        if self.complete:  # what follows is the end of the connection, which may take hours
            return await self._receive()
        message = await self.pace.next(self._receive)
        if message is None:
            return await self._refuse(408, TOO_SLOW)
        self.complete = not message.get("more_body", False)
        self.count += len(message.get("body", b""))
        if self.count > self.limit:
            return await self._refuse(413, too_large(self.limit))
        return message

    async def send(self, message: Message) -> None:
        if not self.refused:
            self.started = True
            await self._send(message)

    async def _refuse(self, status: int, error: str) -> Message:
        self.refused = True
        if not self.started:
            await refuse(self._send, status, error, CLOSE)
        return DISCONNECT


class ConnectionLimit:
    """A middleware that answers 429 to a visitor with `most` requests in progress; streams of events count.

    The visitor is `scope["state"]["visitor"]`, so `Visitor` must come before.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most
        self.open = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visitor = scope["state"]["visitor"]
        if self.open[visitor] >= self.most:
            error = f"too many requests at the same time; at most {self.most} are allowed; close other windows"
            await refuse(send, 429, error, [(b"retry-after", b"1")])
            return
        self.open[visitor] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.open[visitor] -= 1
            if not self.open[visitor]:
                del self.open[visitor]
