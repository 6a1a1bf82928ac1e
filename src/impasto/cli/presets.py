"""`impasto presets`: settings named after their source."""

from __future__ import annotations

from impasto.cli.table import show_rows
from impasto.settings.presets import PRESETS
from impasto.settings.recipe import TASKS


def show() -> None:
    """A line a preset: its name, the tasks that it is for, and what it is."""
    rows = []
    for name, preset in PRESETS.items():
        tasks = ",".join(task for task in TASKS if getattr(preset, task, None))
        rows.append((name, tasks, preset.about))
    show_rows(rows)
