"""A sweep with other pictures and settings than those of its spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from impasto.errors import UsageError
from impasto.jobs.spec import Sweep, axes


def changed(sweep: Sweep, inputs: Mapping[str, Any], settings: Mapping[str, Any]) -> Sweep:
    """Return the sweep with other inputs and settings, also where its cases set them.

    Inputs of cases alone are replaced one for one, in the order of their first appearance: see `_renamed`.
    """
    for name in inputs:
        if not any(name in given for given in (sweep.inputs, *sweep.cases)):
            raise UsageError(
                f"this sweep takes no {name}; its inputs: {', '.join(sweep.inputs) or 'those of its cases'}"
            )
    cases = [{name: value for name, value in case.items() if name not in settings} for case in sweep.cases]
    outside = {name: value for name, value in inputs.items() if name in sweep.inputs}
    cases = _renamed(cases, {name: value for name, value in inputs.items() if name not in outside})
    cases = cases if any(set(case) - {"name"} for case in cases) or not settings else []
    made = replace(sweep, inputs={**sweep.inputs, **outside}, settings={**sweep.settings, **settings}, cases=cases)
    known = axes(made)
    return replace(
        made,
        rows=made.rows if made.rows in known else None,
        columns=made.columns if made.columns in known else None,
        differences=[name for name in made.differences if name == "original" or name in known],
    )


def _renamed(cases: list[dict[str, Any]], inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the cases with their pictures replaced everywhere: in inputs, mixtures and regions."""
    others: dict[str, str] = {}
    for name, value in inputs.items():
        old = list(dict.fromkeys(str(case[name]) for case in cases if name in case))
        new = value if isinstance(value, list) else [value]
        if len(old) != len(new):
            raise UsageError(f"the cases of this sweep have {len(old)} {name}s: {', '.join(old)}; given: {len(new)}")
        others |= {before: str(after) for before, after in zip(old, new, strict=True)}
    return [{name: _exchanged(value, others) for name, value in case.items()} for case in cases]


def _exchanged(value: Any, others: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_exchanged(part, others) for part in value]
    if not isinstance(value, str) or not others:
        return value
    return re.sub("|".join(map(re.escape, others)), lambda match: others[match[0]], value)
