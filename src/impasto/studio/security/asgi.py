"""Parts that the middlewares share: fields of a request, answers of one line, cookies, and the address of a client.

They read raw ASGI scopes and messages, because a middleware that builds responses would hold back server-sent events.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Sequence

from starlette.types import Message, Scope, Send

Field = tuple[bytes, bytes]
"""Name and value of a header field."""

API = "/api/"
DISCONNECT: Message = {"type": "http.disconnect"}


def fields(scope: Scope, name: bytes) -> list[bytes]:
    """Return all values of the header field `name` (in lower case), in their order.

    >>> fields({"headers": [(b"Host", b"a"), (b"host", b"b")]}, b"host")
    [b'a', b'b']
    """
    return [value for key, value in scope["headers"] if key.lower() == name]


def is_api(scope: Scope) -> bool:
    """Return whether the path of a request is below `/api/`."""
    return bool(scope["path"].startswith(API))


async def answer(send: Send, status: int, body: bytes = b"", headers: Iterable[Field] = ()) -> None:
    """Send a whole response; its body, if there is one, is JSON."""
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    kind = [(b"content-type", b"application/json")] if body else []
    await send({"type": "http.response.start", "status": status, "headers": [*kind, *length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, error: str, headers: Iterable[Field] = ()) -> None:
    """Send `{"error": error}` with a status."""
    await answer(send, status, json.dumps({"error": error}).encode(), headers)


def with_headers(send: Send, headers: Sequence[Field]) -> Send:
    """Return a `send` that adds header fields to the response and changes nothing else."""

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return sender


def cookies(scope: Scope, name: str) -> list[bytes]:
    """Return all values of the cookie `name`, in their order.

    The values are raw bytes. A browser sends several cookies of one name if they have other paths or domains.

    >>> cookies({"headers": [(b"cookie", b"a=1; b=2; a=3")]}, "a")
    [b'1', b'3']
    """
    parts = [part.partition(b"=") for value in fields(scope, b"cookie") for part in value.split(b";")]
    return [value.strip() for key, _, value in parts if key.strip() == name.encode()]


def set_cookie(name: str, value: str, seconds: int, *, secure: bool) -> Field:
    """Return the header field that sets a cookie for `seconds`; 0 removes the cookie.

    Scripts of the page cannot read the cookie, and other sites cannot make the browser send it.

    >>> set_cookie("a", "1", 60, secure=False)[1]
    b'a=1; Path=/; Max-Age=60; HttpOnly; SameSite=Strict'
    """
    text = f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict"
    return b"set-cookie", (text + "; Secure" * secure).encode("ascii")


def is_secure(scope: Scope, *, tls: bool, behind_proxy: bool) -> bool:
    """Return whether the browser speaks https, by `X-Forwarded-Proto` behind a proxy and by `tls` otherwise.

    Without a proxy the field is ignored, since any client can write it.

    >>> is_secure({"headers": [(b"x-forwarded-proto", b"https")]}, tls=False, behind_proxy=False)
    False
    """
    if behind_proxy:
        schemes = [value.strip().lower() for value in fields(scope, b"x-forwarded-proto")]
        if schemes in ([b"http"], [b"https"]):
            return schemes == [b"https"]
    return tls


def client_address(scope: Scope, *, behind_proxy: bool) -> str:
    """Return the address of the client as a key to count by: an IPv4 address, or the /64 network of an IPv6 address.

    One client usually has a whole /64. Behind a proxy the address is the last one in `X-Forwarded-For`, which the
    proxy wrote; a client may have written earlier ones. An empty text stands for an unknown address.

    >>> client_address({"headers": [], "client": ("2001:db8::5", 80)}, behind_proxy=False)
    '2001:db8::/64'
    """
    client = scope.get("client")
    address = str(client[0]) if client else ""
    if behind_proxy and (forwarded := fields(scope, b"x-forwarded-for")):
        last = forwarded[-1].rpartition(b",")[2].strip().decode("latin-1")
        address = last if _parse(last) else address
    parsed = _parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return address


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
