"""A notice about layers that the embedded network does not have, see `encoders/lite.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from impasto.jobs.results import Record

NETWORK = "lite"
LAST = 13
"""Its deepest convolution, used for VGG-19's deeper ones."""

SETTINGS = ("layers", "style_layers", "content_layers")
COUNTED = re.compile(r"(?:(?:conv|relu)_)?(\d+)(?:-(\d+))?")


def notices(records: Iterable[Record]) -> list[str]:
    """Return a line for the page if a cell of `lite` names convolutions that it lacks."""
    cells = (record for record in records if (record.network or record.settings.get("network", NETWORK)) == NETWORK)
    found = {k for cell in cells for name in SETTINGS for k in _counted(cell.settings.get(name)) if k > LAST}
    if not found:
        return []
    names = ", ".join(f"conv_{k}" for k in sorted(found))
    return [f"{NETWORK} ends with conv_{LAST}, which stands for {names} here; network vgg19 has them all"]


def _counted(text: str | None) -> Iterator[int]:
    """Return the numbers of counted layers, as `tasks/objective/layers.py` has them: 1, 6 and 14 of `conv_1,6,14`."""
    for part in (text or "").split(","):
        if match := COUNTED.fullmatch(part.partition("=")[0].strip()):
            yield from range(int(match[1]), int(match[2] or match[1]) + 1)
