"""The results of a sweep as a CSV table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from impasto.image.atomic import replace_file
from impasto.jobs.grid import arrange
from impasto.jobs.results import Plan, Record, read_plan, read_results

FILE = "results.csv"

MEASURED = ("status", "picture", "seconds", "steps", "peak_mb", "network", "shared", "loss", "last_loss")
LAST = ("style", "content", "apart", "error")


def write_table(folder: Path) -> Path:
    """Write `results.csv` to the folder of a sweep, with a row for each cell in the order of the grid; return its path.

    The columns are those of `Record`, with `axis:NAME` for the place, `input:NAME` for the inputs, `term:NAME` for the
    terms, last_loss for the loss of the last step, and means over layers for the distances of style and content.
    Missing numbers are empty. Raises UsageError for a folder without a sweep, ImpastoError for a file that cannot be
    written.
    """
    plan = read_plan(folder)
    records = arrange(plan, read_results(folder)).records
    inputs = _union(record.inputs for record in records)
    terms = _union(record.terms for record in records)
    rows = [_row(plan, record) for record in records]
    header = [f"axis:{axis.name}" for axis in plan.axes] + [f"input:{name}" for name in inputs] + list(MEASURED)
    header += [f"term:{name}" for name in terms] + list(LAST)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = folder / FILE
    replace_file(path, text.getvalue().encode())
    return path


def _row(plan: Plan, record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {f"axis:{axis.name}": record.place[axis.name] for axis in plan.axes}
    row |= {f"input:{name}": _text(value) for name, value in record.inputs.items()}
    row |= {name: getattr(record, name) for name in MEASURED}
    row |= {f"term:{name}": value for name, value in record.terms.items()}
    return row | {
        "style": record.style_distance,
        "content": record.content_distance,
        "apart": record.apart,
        "error": record.error,
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _union(mappings: Iterable[Any]) -> list[str]:
    """Return the keys of all mappings, in the order of their first appearance."""
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))
