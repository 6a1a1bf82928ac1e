"""The networks of one pass, loaded once, and pictures by them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from impasto.image import Picture, fitted_size, load, resized
from impasto.networks import Network
from impasto.networks import load as load_network
from impasto.networks.style_request import find
from impasto.settings.editing import ApplySettings
from impasto.tasks.apply import Painter, painter
from impasto.tasks.scene.regions import Region

KEPT = 32
"""Number of styles whose codes stay in memory."""

KEPT_PHOTOS = 16
"""Number of small photos that stay in memory."""

Shares = Sequence[tuple[str | Path, float]]


class Networks:
    """The networks of the package, each loaded at its first use, and the codes of recent styles."""

    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}
        self._painters: OrderedDict[str, Painter] = OrderedDict()
        self._lock = threading.Lock()
        self.pace = 1.5e-6
        """Seconds for each pixel of a pass, measured at each preview."""

    def painter(self, styles: Shares, settings: ApplySettings, regions: Sequence[Region] = ()) -> Painter:
        """Return a function that paints photos in these styles. Raises UsageError as `impasto.apply` does."""
        names = [source for source, _ in styles] + [region.style for region in regions]
        file = find(None, names)
        with self._lock:
            network = self._networks.get(str(file))
            if network is None:
                network = self._networks[str(file)] = load_network(file)
        return painter(network, list(styles), settings, regions=regions)

    def preview(self, photo: Picture, styles: Shares, settings: ApplySettings) -> Picture:
        """Return the photo, already at its size, in these styles; codes of recent styles are kept."""
        key = f"{styles} {settings.to_mapping()}"
        with self._lock:
            paint = self._painters.pop(key, None)
        if paint is None:
            paint = self.painter(styles, settings)
        with self._lock:
            self._painters[key] = paint
            while len(self._painters) > KEPT:
                self._painters.popitem(last=False)
        began = time.perf_counter()
        pixels = paint(photo)
        height, width = photo.size
        self.pace = 0.7 * self.pace + 0.3 * (time.perf_counter() - began) / (height * width)
        return Picture(pixels, photo.alpha)


class Photos:
    """The photos of recent previews at their small sizes; a strip of styles reads one photo many times."""

    def __init__(self) -> None:
        self._photos: OrderedDict[tuple[str, int], Picture] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, source: str | Path, side: int) -> Picture:
        """Return the photo with a longer side of at most `side` pixels."""
        key = (str(source), side)
        with self._lock:
            photo = self._photos.pop(key, None)
        if photo is None:
            photo = load(source)
            photo = resized(photo, fitted_size(photo.size, min(side, max(photo.size))))
        with self._lock:
            self._photos[key] = photo
            while len(self._photos) > KEPT_PHOTOS:
                self._photos.popitem(last=False)
        return photo
