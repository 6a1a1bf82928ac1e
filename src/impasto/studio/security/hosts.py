"""Names of hosts: which ones are this computer, and which ones a request may name.

A page of another site can make its own name lead to 127.0.0.1 (DNS rebinding). The browser then takes the studio for a
part of that site. The field Host still has the name of the site, so requests with unknown names are refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from impasto.errors import UsageError
from impasto.studio.security.asgi import fields, refuse

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Names that are always allowed."""

AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?)(?::([0-9]{1,5}))?", re.ASCII)


def parse_authority(value: bytes) -> tuple[str, int | None] | None:
    """Return name and port of a field Host: the name in lower case, an IPv6 address in brackets in its short form.

    The result is None for all else, such as a user name, a path or a trailing dot.

    >>> parse_authority(b"LocalHost:8000"), parse_authority(b"[0:0::1]"), parse_authority(b"me@localhost")
    (('localhost', 8000), ('[::1]', None), None)
    """
    match = AUTHORITY.fullmatch(value.lower().decode("latin-1"))
    if match is None:
        return None
    name, port = match[1], int(match[2]) if match[2] else None
    if name.startswith("["):
        try:
            name = f"[{ipaddress.IPv6Address(name[1:-1])}]"
        except ValueError:
            return None
    return name, port


def host_name(text: str) -> str:
    """Return the name of an allowed host as `parse_authority` gives it. Raises UsageError if `text` is no host name.

    >>> host_name("Studio.Example"), host_name("fd00:0::7")
    ('studio.example', '[fd00::7]')
    >>> host_name("http://studio.example")
    Traceback (most recent call last):
    ...
    impasto.errors.UsageError: 'http://studio.example' is not a host name; write a name or an address without ...
    """
    bracketed = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    parsed = parse_authority(bracketed.encode("utf-8", "surrogatepass"))
    if parsed is None or parsed[1] is not None:
        raise UsageError(
            f"'{text}' is not a host name; write a name or an address without scheme and port, such as studio.example"
        )
    return parsed[0]


def is_loopback(host: str) -> bool:
    """Return whether only this computer reaches a server that listens on `host`, a name or an address.

    >>> [is_loopback(host) for host in ("localhost", "127.3.2.1", "::1", "0.0.0.0", "192.168.1.5", "")]
    [True, True, True, False, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


class TrustedHost:
    """A middleware that answers 403 unless the request has one field Host, with a name of `LOOPBACK` or of `hosts`.

    Any port is allowed. Upper case is allowed; a user name or a trailing dot is not.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self.app = app
        self.names = {*LOOPBACK, *map(host_name, hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection, as ASGI says."""
        if scope["type"] == "http" and not self._trusts(fields(scope, b"host")):
            await refuse(send, 403, "this studio does not answer to the host name of the request")
            return
        await self.app(scope, receive, send)

    def _trusts(self, hosts: list[bytes]) -> bool:
        parsed = parse_authority(hosts[0]) if len(hosts) == 1 else None
        return parsed is not None and parsed[0] in self.names
