"""The server of the studio: the application behind its safety layer, run by uvicorn."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import uvicorn

from impasto.errors import UsageError
from impasto.settings.studio import StudioSettings
from impasto.studio.app import create_app
from impasto.studio.security import Policy, check_exposure, is_loopback, protected, read_key, read_password
from impasto.studio.studio import Studio

BACKLOG = 128
"""Connections that wait."""

CONNECTIONS = 1000
"""Most connections at a time; further ones are answered by 503."""

GRACE = 2
"""Seconds for open requests at the end."""


class Server:
    """A studio that listens. The constructor binds the address, so that an error is told before anything starts.

    Raises UsageError for an exposed address without a password, and for an address that is taken.
    """

    def __init__(self, settings: StudioSettings, environment: Mapping[str, str] | None = None) -> None:
        file = Path(settings.password_file) if settings.password_file else None
        password = read_password(os.environ if environment is None else environment, file)
        tls = _tls(settings)
        self.warning = check_exposure(settings.host, password, tls)
        self.socket = _bound(settings.host, settings.port)
        self.app = create_app(settings, password=password is not None)
        studio: Studio = self.app.state.studio
        policy = Policy(
            hosts=_hosts(settings),
            upload_bytes=settings.body_mb * 1_000_000,
            password=password,
            key=read_key(studio.store.folder / "key"),
            tls=tls,
            behind_proxy=settings.behind_proxy,
        )
        config = uvicorn.Config(
            protected(self.app, policy),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            limit_concurrency=CONNECTIONS,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
        self.server = _Uvicorn(config, studio)
        host, port = self.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http{'s' * tls}://{shown}:{port}/"

    def run(self) -> None:
        """Serve until a signal ends the server, or `stop` is called."""
        self.server.run(sockets=[self.socket])

    def stop(self) -> None:
        """End the server; from any thread."""
        self.server.should_exit = True


class _Uvicorn(uvicorn.Server):
    """Uvicorn, which first ends the streams of events: they would hold up the end of the server."""

    def __init__(self, config: uvicorn.Config, studio: Studio) -> None:
        super().__init__(config)
        self.studio = studio

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        self.studio.hub.close()
        await super().shutdown(sockets)


def _tls(settings: StudioSettings) -> bool:
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise UsageError("https needs both files: --tls-certificate and --tls-key")
    for file in (settings.tls_certificate, settings.tls_key):
        if file is not None and not Path(file).is_file():
            raise UsageError(f"'{file}' is no file")
    return settings.tls_certificate is not None


def _hosts(settings: StudioSettings) -> tuple[str, ...]:
    """Return the names under which the studio is reached: those of the settings, and the address if it is a name."""
    own = () if settings.host in {"0.0.0.0", "::"} or is_loopback(settings.host) else (settings.host,)
    return (*settings.allowed_host, *own)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The number of TCP, because asyncio sets TCP_NODELAY only for it; without, each answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)  # requests wait from now on, instead of being refused
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        raise UsageError(f"the studio cannot listen on {host}, port {port}: {reason}; give another --port") from error
    return listening
