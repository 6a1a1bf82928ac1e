"""Response headers that limit what a browser does with the page: no foreign code, no frames, no traces."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.studio.security.asgi import Field, fields, is_api, is_secure
from impasto.studio.security.hosts import LOOPBACK, parse_authority

CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

OFF = (
    "accelerometer",
    "autoplay",
    "display-capture",
    "encrypted-media",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "window-management",
    "xr-spatial-tracking",
)
"""Features of browsers that the page may not use. Full screen and writing to the clipboard keep their default, which is
the page alone: it shows pictures and copies commands."""

PERMISSIONS = ", ".join(["camera=(self)", *(f"{feature}=()" for feature in OFF)])

FIXED = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": PERMISSIONS,
}
"""Header fields of every response."""

EMBEDDED = re.compile("/api/v1/runs/[0-9a-f]{32}/page")
"""The path of the page of a sweep, which the studio shows in a frame."""

EMBEDDED_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; sandbox allow-scripts; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The sandbox gives the page, whose scripts and styles are inside, an origin of its own: no cookie, no API."""

STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
NO_STORE = (b"cache-control", b"no-store")


class Headers:
    """A middleware that gives every response the fields of `FIXED`, in place of those that the app has set.

    Caches never store responses of the API. With https, browsers remember to use nothing else for a year; not for
    localhost, whose name other programs share. The field Server is removed; uvicorn adds its own unless it runs with
    `server_header=False`.
    """

    def __init__(self, app: ASGIApp, *, tls: bool = False, behind_proxy: bool = False) -> None:
        self.app = app
        self.tls = tls
        self.behind_proxy = behind_proxy
        self.fixed = [(name.encode(), value.encode()) for name, value in FIXED.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        added = self._added(scope)
        replaced = {b"server", *(name for name, _ in added)}

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in replaced]
                message = {**message, "headers": [*kept, *added]}
            await send(message)

        await self.app(scope, receive, sender)

    def _added(self, scope: Scope) -> list[Field]:
        added = list(self.fixed)
        if EMBEDDED.fullmatch(scope["path"]):
            own = {b"content-security-policy": EMBEDDED_POLICY.encode(), b"x-frame-options": b"SAMEORIGIN"}
            added = [(name, own.get(name, value)) for name, value in added]
        if is_api(scope):
            added.append(NO_STORE)
        if is_secure(scope, tls=self.tls, behind_proxy=self.behind_proxy) and not _names_loopback(scope):
            added.append(STRICT_TRANSPORT)
        return added


def _names_loopback(scope: Scope) -> bool:
    parsed = [parse_authority(host) for host in fields(scope, b"host")]
    return any(authority is not None and authority[0] in LOOPBACK for authority in parsed)
