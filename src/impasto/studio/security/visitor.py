"""Visitors: a random token in a cookie tells them apart, without names and accounts.

A token is 128 random bits and their signature, both in hexadecimal digits. The signature shows that this studio has
made the token, without a list of all visitors. Other code sees only an id, derived by SHA-256: the name of a
visitor's folder does not give the cookie away.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

from impasto.studio.security.asgi import cookies, fields, is_api, is_secure, refuse, set_cookie, with_headers

COOKIE = "impasto_visitor"
MAX_AGE = 30 * 24 * 3600
"""Seconds from the last visit until a browser forgets the cookie."""

RENEWING = "/api/v1/about"
"""The path whose responses renew the cookie; the page asks for it whenever it opens."""

TOKEN = re.compile(rb"[0-9a-f]{64}")


def new_token(key: bytes) -> str:
    """Return a new token of 64 hexadecimal digits, signed with `key`.

    >>> is_token(new_token(b"key"), b"key"), is_token(new_token(b"another key"), b"key")
    (True, False)
    """
    number = secrets.token_hex(16)
    return number + _signature(number, key)


def is_token(value: str, key: bytes) -> bool:
    """Return whether `value` is a token that was signed with `key`."""
    return TOKEN.fullmatch(value.encode("utf-8", "surrogatepass")) is not None and hmac.compare_digest(
        value[32:], _signature(value[:32], key)
    )


def visitor_id(token: str) -> str:
    """Return the id of a visitor, 32 hexadecimal digits, from which the token cannot be found.

    >>> len(visitor_id(new_token(b"key")))
    32
    """
    return hashlib.sha256(b"impasto visitor " + token.encode()).hexdigest()[:32]


def _signature(number: str, key: bytes) -> str:
    return hmac.new(key, b"impasto visitor " + number.encode(), hashlib.sha256).hexdigest()[:32]


class Visitor:
    """A middleware that puts the id of the visitor into `scope["state"]["visitor"]`, and sets the cookie.

    A missing, malformed or foreign cookie is replaced by a new one. The field `Authorization: Bearer <token>` takes
    precedence over the cookie; a token in it that is not valid is answered by 401, because a script must not go on as
    another visitor. Other kinds of authorization, such as that of a proxy, are ignored.
    """

    def __init__(self, app: ASGIApp, key: bytes, *, tls: bool = False, behind_proxy: bool = False) -> None:
        self.app = app
        self.key = key
        self.tls = tls
        self.behind_proxy = behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        bearer = _bearer(scope)
        token = bearer if bearer is not None else self._from_cookie(scope)
        if bearer is not None and not is_token(bearer, self.key):
            await refuse(send, 401, "the token in the field Authorization is not one of this studio")
            return
        known, token = token is not None, token or new_token(self.key)
        if bearer is None and (scope["path"] == RENEWING if known else _may_set(scope)):
            secure = is_secure(scope, tls=self.tls, behind_proxy=self.behind_proxy)
            send = with_headers(send, [set_cookie(COOKIE, token, MAX_AGE, secure=secure)])
        state = {**scope.get("state", {}), "visitor": visitor_id(token)}
        await self.app({**scope, "state": state}, receive, send)

    def _from_cookie(self, scope: Scope) -> str | None:
        """Return the first valid token; other servers of the same host name may have set cookies of the same name."""
        tokens = (value.decode("latin-1") for value in cookies(scope, COOKIE))
        return next((token for token in tokens if is_token(token, self.key)), None)


def _bearer(scope: Scope) -> str | None:
    """Return the token of `Authorization: Bearer`, an invalid one if there are several fields; otherwise None."""
    values = [value.decode("latin-1").strip().partition(" ") for value in fields(scope, b"authorization")]
    tokens = [rest.strip() for scheme, _, rest in values if scheme.lower() == "bearer"]
    return None if not tokens else tokens[0] if len(tokens) == 1 else ""


def _may_set(scope: Scope) -> bool:
    """Return whether the response may set a new cookie.

    Files of the page load at the same time, and each would set another one. Behind a link on another site, the browser
    holds the cookie back (SameSite=Strict), so a visitor without a cookie may still have one.
    """
    if scope["path"] == "/":
        return fields(scope, b"sec-fetch-site") in ([b"none"], [b"same-origin"])
    return is_api(scope)
