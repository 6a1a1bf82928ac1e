"""`impasto studio`: the page on this machine."""

from __future__ import annotations

import webbrowser
from typing import Any

import typer

from impasto.cli import flags
from impasto.settings.studio import StudioSettings

HELP = "Open the studio: a page on this machine where people make pictures. Ctrl-C ends it."

LIMITS = ("body_mb", "megapixels", "side", "queue", "queue_each", "store_gb", "hours", "forget", "memory")
SAFETY = ("password_file", "tls_certificate", "tls_key", "allowed_host", "behind_proxy")

EXTRA = 'the studio needs its extra: pip install "impasto[studio]"'


def add_command(app: typer.Typer) -> None:
    """Add `studio` to `app`."""
    parameters = flags.parameters(StudioSettings, _panel, reversible=False)
    app.command("studio")(flags.command("studio", HELP, parameters, _studio))


def _panel(name: str) -> str:
    return "Limits" if name in LIMITS else "Safety" if name in SAFETY else "Server"


def _studio(**values: Any) -> None:
    settings = StudioSettings.from_mapping(flags.explicit_values(StudioSettings, values))
    from impasto.errors import ImpastoError  # noqa: PLC0415

    try:
        import fastapi  # noqa: F401, PLC0415 (an extra)
        import uvicorn  # noqa: F401, PLC0415 (an extra)
    except ImportError:
        raise ImpastoError(EXTRA) from None
    import torch  # noqa: PLC0415

    from impasto.process import share_freed_memory  # noqa: PLC0415
    from impasto.studio.server import Server  # noqa: PLC0415

    share_freed_memory()  # the studio works in threads
    if settings.threads:
        torch.set_num_threads(settings.threads)
    server = Server(settings)
    if server.warning:
        typer.echo(f"impasto: {server.warning}", err=True)
    typer.echo(f"The studio is at {server.address}", err=True)
    typer.echo("Pictures stay on this machine. Ctrl-C ends the studio; runs go on at the next start.", err=True)
    if settings.open:
        webbrowser.open(server.address)
    server.run()
