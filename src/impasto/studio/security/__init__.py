"""The safety layer of the studio: small ASGI middlewares around the app, and `protected`, which puts them together.

None of them holds back a response, so server-sent events stream. `docs/security.md` says what is promised.
"""

from impasto.studio.security.credentials import check_password, read_key, read_password
from impasto.studio.security.errors import Errors
from impasto.studio.security.headers import Headers
from impasto.studio.security.hosts import TrustedHost, is_loopback
from impasto.studio.security.limits import BodyLimit, ConnectionLimit
from impasto.studio.security.origin import PlainRequest, SameOrigin
from impasto.studio.security.password import Password
from impasto.studio.security.policy import Policy, check_exposure, protected
from impasto.studio.security.visitor import Visitor, visitor_id

__all__ = [
    "BodyLimit",
    "ConnectionLimit",
    "Errors",
    "Headers",
    "Password",
    "PlainRequest",
    "Policy",
    "SameOrigin",
    "TrustedHost",
    "Visitor",
    "check_exposure",
    "check_password",
    "is_loopback",
    "protected",
    "read_key",
    "read_password",
    "visitor_id",
]
