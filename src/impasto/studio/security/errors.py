"""Unexpected exceptions: the log has the details, the client has one line without internals."""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.studio.security.asgi import refuse

LOG = logging.getLogger("impasto.studio")
MESSAGE = "something went wrong on the server; its log has the details"


class Errors:
    """A middleware that answers 500 with `MESSAGE` to an exception of the app, and logs the exception.

    Starlette sends a text of its own and raises the exception again. So a response of status 500 is held back until the
    app returns; all others pass at once. After the start of a response the connection is cut instead.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        response = _Response(send)
        try:
            await self.app(scope, receive, response.send)
        except ClientDisconnect:
            LOG.debug("the client of %s %r has gone", scope["method"], scope["path"])
        except Exception:
            # %r, because a path may contain line breaks that would forge lines of the log.
            LOG.exception("an error in %s %r", scope["method"], scope["path"])
            if not response.started:
                await refuse(send, 500, MESSAGE)
        else:
            await response.flush()


class _Response:
    """Passes messages on, but holds back those of a response of status 500."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held = list[Message]()
        self.started = False

    async def send(self, message: Message) -> None:
        is_error = message["type"] == "http.response.start" and message["status"] == 500
        if is_error or self._held:
            self._held.append(message)
        else:
            self.started = True
            await self._send(message)

    async def flush(self) -> None:
        for message in self._held:
            await self._send(message)
