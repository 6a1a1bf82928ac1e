"""Requests that a page of another site made the browser send, and requests that no browser sends.

The studio has no CORS headers, so other sites cannot read its answers. `SameOrigin` also stops requests that have an
effect (CSRF) or take time. `PlainRequest` stops paths that two programs might read in two ways, and WebSockets.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from impasto.studio.security.asgi import fields, is_api, is_secure, refuse
from impasto.studio.security.hosts import parse_authority

SAFE = ("GET", "HEAD", "OPTIONS")
OWN = (b"same-origin", b"none")
"""Values of Sec-Fetch-Site that are allowed; `none` is a request that the user made, by the address bar for example."""

ORIGIN = re.compile(rb"(https?)://([^/?#@\s]+)")
PORTS = {"http": 80, "https": 443}

ODD = re.compile(r"(?:^|/)\.{1,2}(?:/|$)|//|\\|[\x00-\x1f\x7f]")
"""Parts `.` and `..`, empty parts, backslashes and control characters."""

Origin = tuple[str, str, int]
"""Scheme, name and port."""


def parse_origin(value: bytes) -> Origin | None:
    """Return scheme, name and port of a field Origin; None for `null` and for all else that is not an http origin.

    >>> parse_origin(b"https://studio.example"), parse_origin(b"null")
    (('https', 'studio.example', 443), None)
    """
    match = ORIGIN.fullmatch(value)
    authority = parse_authority(match[2]) if match else None
    if match is None or authority is None:
        return None
    scheme = match[1].decode()
    name, port = authority
    return scheme, name, PORTS[scheme] if port is None else port


class SameOrigin:
    """A middleware that answers 403 to requests from pages of other sites.

    It checks requests to `/api/` and those whose method may have an effect. The origin of the studio is the scheme of
    the configuration (`tls`, or `X-Forwarded-Proto` if `behind_proxy`) and the field Host; its port counts too.
    A script, without Origin and Sec-Fetch-Site, is allowed: no other site can make a browser leave out both.
    """

    def __init__(self, app: ASGIApp, *, tls: bool = False, behind_proxy: bool = False) -> None:
        self.app = app
        self.tls = tls
        self.behind_proxy = behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] == "http" and (is_api(scope) or scope["method"] not in SAFE):
            if any(site not in OWN for site in fields(scope, b"sec-fetch-site")):
                await refuse(send, 403, "this request comes from a page of another site")
                return
            if not self._has_own_origin(scope):
                hint = "a proxy must pass on Host, and X-Forwarded-Proto to a studio with --behind-proxy"
                await refuse(send, 403, f"this request comes from a page of another origin; {hint}")
                return
        await self.app(scope, receive, send)

    def _has_own_origin(self, scope: Scope) -> bool:
        """Return whether the request has no field Origin, or one with the origin of the studio."""
        origins, hosts = fields(scope, b"origin"), fields(scope, b"host")
        if not origins:
            return True
        if len(origins) > 1 or len(hosts) != 1:
            return False
        scheme = b"https" if is_secure(scope, tls=self.tls, behind_proxy=self.behind_proxy) else b"http"
        own = parse_origin(scheme + b"://" + hosts[0])
        return own is not None and parse_origin(origins[0]) == own


class PlainRequest:
    """A middleware that answers 400 to a path with `..`, `//`, a backslash or a control character, decoded or not.

    Neither the page nor the API has such a path. The check makes sure that a middleware and the router never read a
    path in two ways. WebSockets are refused, because no part of the studio uses them and CORS does not protect them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http" and (not scope["path"].startswith("/") or ODD.search(scope["path"])):
            await refuse(send, 400, "the path of the request is not valid")
            return
        await self.app(scope, receive, send)
