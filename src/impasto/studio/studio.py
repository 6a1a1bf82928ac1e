"""The parts of a running studio, and its work outside the queue: previews, plans, uploads."""

from __future__ import annotations

from pathlib import Path

from impasto.encoders.weights import home
from impasto.settings.studio import StudioSettings
from impasto.studio.events import Hub
from impasto.studio.lanes import Lane
from impasto.studio.networks import Networks, Photos
from impasto.studio.runs import Run
from impasto.studio.scheduler import Scheduler
from impasto.studio.store import Store
from impasto.studio.work import Sources


class Studio:
    """Store, networks, queue and events of a server.

    Work on pictures outside the queue has two lanes: `compute` for previews and plans, and `read` for reading and
    writing. So an upload of a visitor delays no preview of another, and memory holds few pictures at a time.
    """

    def __init__(self, settings: StudioSettings) -> None:
        self.settings = settings
        folder = Path(settings.folder) if settings.folder else home() / "studio"
        self.store = Store(folder, settings.store_gb * 1e9, settings.hours * 3600)
        self.networks, self.hub = Networks(), Hub()
        self.scheduler = Scheduler(self.store, self.networks, settings, self._changed)
        self.photos, self.has_password = Photos(), False
        self.compute, self.read = Lane("compute"), Lane("read")

    def sources(self, visitor: str) -> Sources:
        """Return the pictures of a visitor."""
        return Sources(self.store, visitor)

    def open(self) -> None:
        """Start the queue; in the event loop of the server."""
        self.hub.open()
        self.scheduler.start()

    def close(self) -> None:
        """Save what runs, end all connections, and clean the folder."""
        self.hub.close()
        self.scheduler.close()
        if self.settings.forget:
            self.store.forget()
        else:
            self.store.clean()

    def _changed(self, run: Run) -> None:
        self.hub.changed(run.visitor, run.id)
