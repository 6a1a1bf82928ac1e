"""The policy of a studio: plain values, and the middlewares in their order."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from impasto.errors import UsageError
from impasto.studio.security.credentials import SHORTEST, VARIABLE, check_password
from impasto.studio.security.errors import Errors
from impasto.studio.security.headers import Headers
from impasto.studio.security.hosts import TrustedHost, host_name, is_loopback
from impasto.studio.security.limits import BodyLimit, ConnectionLimit
from impasto.studio.security.origin import PlainRequest, SameOrigin
from impasto.studio.security.password import Password
from impasto.studio.security.visitor import Visitor

UPLOADS = "/api/v1/pictures"
"""The path whose bodies are files."""

UNENCRYPTED = (
    "without TLS, others in the network can read the password and the pictures; give --tls-certificate and --tls-key"
)

LEAST_KEY = 16
"""Bytes of a key of visitors, at least."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Who may reach a studio, and how much a request may take.

    The constructor raises UsageError for a name that is no host name, a limit below 1 and a password that is too short.

    >>> Policy(hosts=("studio.example",)).json_bytes
    1000000
    """

    hosts: tuple[str, ...] = ()
    """Host names that are allowed besides localhost, 127.0.0.1 and [::1]."""

    json_bytes: int = 1_000_000
    """Bytes of a body, at most."""

    upload_bytes: int = 64_000_000
    """Bytes of an uploaded file, at most."""

    bytes_per_second: int = 500
    """Bytes of a body that must arrive in a second, on average over 20 s."""

    requests_each: int = 32
    """Requests of a visitor at the same time, at most."""

    password: str | None = field(default=None, repr=False)
    """Password of the studio, of at least 8 characters; None for none."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Key that signs the tokens of visitors; a new one each time, if it is not given, makes all visitors new."""

    tls: bool = False
    """Whether the server itself speaks https."""

    behind_proxy: bool = False
    """Whether to believe `X-Forwarded-Proto` and `X-Forwarded-For`, which a proxy must then set."""

    def __post_init__(self) -> None:
        """Check all values."""
        object.__setattr__(self, "hosts", tuple(map(host_name, self.hosts)))
        for name in ("json_bytes", "upload_bytes", "bytes_per_second", "requests_each"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, not {getattr(self, name)}")
        if len(self.key) < LEAST_KEY:
            raise UsageError(f"the key of visitors has {len(self.key)} bytes; at least {LEAST_KEY} are needed")
        if self.password is not None:
            check_password(self.password)


def check_exposure(host: str, password: str | None, tls: bool) -> str | None:
    """Return a warning for the administrator about a server that listens on `host`, or None.

    Raises UsageError if other computers may reach the server and it has no password.

    >>> check_exposure("127.0.0.1", None, tls=False)
    >>> check_exposure("0.0.0.0", "correct horse", tls=False)
    'without TLS, others in the network can read the password and the pictures; give --tls-certificate and --tls-key'
    >>> check_exposure("0.0.0.0", None, tls=True)
    Traceback (most recent call last):
    ...
    impasto.errors.UsageError: '0.0.0.0' lets other computers in, so a password of at least 8 characters is needed: ...
    """
    if is_loopback(host):
        return None
    if password is None:
        raise UsageError(
            f"'{host}' lets other computers in, so a password of at least {SHORTEST} characters is needed: "
            f"set {VARIABLE}, or stay with the host 127.0.0.1"
        )
    return None if tls else UNENCRYPTED


def protected(app: ASGIApp, policy: Policy) -> ASGIApp:
    """Return the app behind all middlewares; a request passes them in this order, a response in the reverse one.

    1. `Headers`, around all the others, so that refusals have them too
    2. `Errors`
    3. `PlainRequest`, `TrustedHost` and `SameOrigin`, which look at the head of a request alone
    4. `BodyLimit`, before a body is read for the first time, which the log-in does
    5. `Password`, if there is one
    6. `Visitor` and `ConnectionLimit`, which counts by visitor

    Lifespan events pass. The server must not trust forwarding headers itself, nor name itself: run uvicorn with
    `proxy_headers=False` and `server_header=False`.
    """
    tls, behind_proxy = policy.tls, policy.behind_proxy
    app = ConnectionLimit(app, policy.requests_each)
    app = Visitor(app, policy.key, tls=tls, behind_proxy=behind_proxy)
    if policy.password is not None:
        app = Password(app, policy.password, tls=tls, behind_proxy=behind_proxy)
    app = BodyLimit(app, policy.json_bytes, {UPLOADS: policy.upload_bytes}, rate=policy.bytes_per_second)
    app = SameOrigin(app, tls=tls, behind_proxy=behind_proxy)
    app = PlainRequest(TrustedHost(app, policy.hosts))
    return Headers(Errors(app), tls=tls, behind_proxy=behind_proxy)
