"""Settings of the studio, the page on this machine: its address, its safety and its limits."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.settings.base import Settings, option
from impasto.settings.synthesis import DEVICES


@dataclass(frozen=True, kw_only=True)
class StudioSettings(Settings):
    """Settings of `impasto studio`."""

    host: str = option("127.0.0.1", "address to listen on; other addresses than this machine's own need a password")
    port: int = option(7860, "port to listen on; 0 for any free one", minimum=0, maximum=65_535)
    open: bool = option(False, "open the page in the browser")
    api_only: bool = option(False, "serve the API without the page")
    folder: str | None = option(
        None, "folder of pictures and runs of all visitors; by default `studio` in the cache of Impasto"
    )
    password_file: str | None = option(None, "file with the password, instead of the variable IMPASTO_PASSWORD")
    tls_certificate: str | None = option(None, "file with the certificate for https, PEM")
    tls_key: str | None = option(None, "file with the key of the certificate, PEM")
    allowed_host: tuple[str, ...] = option((), "further name under which the studio is reached; repeatable")
    behind_proxy: bool = option(False, "trust the headers of a reverse proxy on this machine")
    device: str = option("auto", "device to compute on", choices=DEVICES)
    threads: int | None = option(None, "processor threads to use, instead of torch's choice", minimum=1)
    memory: str | None = option(None, "memory that a run may take, such as 4GB; by default most of the free memory")
    body_mb: int = option(100, "largest upload, in megabytes", minimum=1, maximum=4096)
    megapixels: int = option(100, "most pixels of an uploaded picture, in millions", minimum=1, maximum=1000)
    side: int = option(8192, "longest side of a result, in pixels", minimum=64, maximum=65_500)
    queue: int = option(64, "most runs that wait, of all visitors together", minimum=1, maximum=10_000)
    queue_each: int = option(8, "most runs of one visitor that wait", minimum=1, maximum=1000)
    store_gb: float = option(4.0, "most space of all pictures and runs, in gigabytes", minimum=0.01, maximum=10_000)
    hours: float = option(72.0, "hours until pictures and runs are deleted", minimum=0.01, maximum=100_000)
    forget: bool = option(False, "delete all pictures and runs at the end of the server")
