"""Specs of sweeps: a task, its inputs and its settings, any of which may be lists.

A spec is a TOML file:

    title = "Style weight against content weight"
    task = "stylize"
    rows = "style_weight"        # axes of the page; others become groups
    columns = "content_weight"
    [inputs]
    content = "sample:chelsea"
    style = ["sample:flow", "sample:glass"]
    [settings]                   # fields of the task's settings, or `preset`
    style_weight = [1e4, 1e5]
    [[cases]]                    # one more axis, "case": inputs and settings that belong together
    name = "from noise"
    init = "noise"

`spec:FILE` in any text is a file beside the spec. The tasks are those that optimise an image, and `one-pass`, which
trains a network for the painting first (see `one_pass.py`).
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from impasto.errors import UsageError, choose, nearest
from impasto.jobs.kinds import KINDS
from impasto.settings.base import plain_type
from impasto.settings.files import read_table

CASE = "case"
"""The name of the axis of cases."""

BESIDE = "spec:"
"""The prefix of files beside the spec."""


@dataclass(frozen=True)
class Sweep:
    """A parsed spec; `folder` is the folder of the files `spec:FILE`.

    rows, columns: the axes of the page's grid, or None. differences: "original" and axes (see `results.Plan`).

    >>> import impasto
    >>> impasto.Sweep("stylize", {"content": "sample:chelsea", "style": "sample:flow"}).title
    'A sweep'
    """

    task: str
    inputs: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    cases: Sequence[Mapping[str, Any]] = ()
    title: str = "A sweep"
    about: str = ""
    source: str = ""
    rows: str | None = None
    columns: str | None = None
    differences: Sequence[str] = ()
    folder: Path = Path()


def built_in() -> dict[str, Path]:
    """Return the built-in specs, by name."""
    folder = Path(str(files("impasto.jobs") / "specs"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_sweep(spec: str | Path) -> Sweep:
    """Return the sweep of a `.toml` or `.json` file, or the built-in sweep of this name.

    Raises UsageError for a file that cannot be read, and for unknown names, tasks, axes and inputs.

    >>> import impasto
    >>> impasto.read_sweep("weights").task
    'stylize'
    """
    is_file = str(spec).endswith((".toml", ".json"))
    path = Path(spec) if is_file else choose(built_in(), str(spec), "sweep")
    return from_mapping(read_table(path), path.parent)


def from_mapping(table: Mapping[str, Any], folder: Path = Path()) -> Sweep:
    """Return the sweep of a parsed spec. Raises UsageError for unknown names, tasks, axes and inputs."""
    allowed = [f.name for f in fields(Sweep) if f.name != "folder"]
    for key in table:
        if key not in allowed:
            raise UsageError(f"a spec has no '{key}'{nearest(key, allowed)}; allowed: {', '.join(allowed)}")
    if "task" not in table:
        raise UsageError(f"a spec needs a task: {', '.join(KINDS)}")
    task = choose(KINDS, str(table["task"]), "task")
    sweep = Sweep(**{**table, "inputs": dict(table.get("inputs", {}))}, folder=folder)
    tables = [*sweep.cases, sweep.inputs]
    for name in (*task.inputs, *sweep.inputs):
        if name not in task.inputs or not any(name in table for table in tables):
            raise UsageError(
                f"the inputs of {sweep.task} are {' and '.join(task.inputs)}; given: {_names(sweep.inputs)}"
            )
    names = list(axes(sweep))
    for what in ("rows", "columns"):
        name = getattr(sweep, what)
        if name is not None and name not in names:
            raise UsageError(f"{what} is '{name}'{nearest(name, names)}, which is no axis; the axes: {_names(names)}")
    for name in sweep.differences:
        if name not in ("original", *names):
            raise UsageError(f"differences are of original or an axis, not '{name}'; the axes: {_names(names)}")
    return sweep


def axes(sweep: Sweep) -> dict[str, list[str]]:
    """Return the labels of the values of each axis, in the order of the spec: inputs, settings, cases.

    >>> axes(from_mapping({"task": "texture", "inputs": {"style": "sample:flow"}, "settings": {"seed": [1, 2]}}))
    {'seed': ['1', '2']}
    """
    labels = {name: _labels(values) for name, values in axis_values(sweep).items()}
    if sweep.cases:
        labels[CASE] = _distinct([_case_label(case) for case in sweep.cases])
    return labels


def changed(sweep: Sweep, inputs: Mapping[str, Any], settings: Mapping[str, Any]) -> Sweep:
    """Return the sweep with other inputs and settings, which also replace those of its cases.

    Inputs that only cases have are replaced one by one, in the order of their first appearance. A sweep whose axis no
    longer exists has no rows or columns of this name. Raises UsageError for an input that the sweep does not have, and
    for a wrong number of inputs of cases.
    """
    for name in inputs:
        if not any(name in table for table in (sweep.inputs, *sweep.cases)):
            raise UsageError(
                f"this sweep takes no {name}; its inputs: {', '.join(sweep.inputs) or 'those of its cases'}"
            )
    cases = [{name: value for name, value in case.items() if name not in settings} for case in sweep.cases]
    outside = {name: value for name, value in inputs.items() if name in sweep.inputs}
    cases = _replace_inputs(cases, {name: value for name, value in inputs.items() if name not in outside})
    cases = cases if any(set(case) - {"name"} for case in cases) or not settings else []
    sweep = replace(sweep, inputs={**sweep.inputs, **outside}, settings={**sweep.settings, **settings}, cases=cases)
    names = axes(sweep)
    return replace(
        sweep,
        rows=sweep.rows if sweep.rows in names else None,
        columns=sweep.columns if sweep.columns in names else None,
        differences=[name for name in sweep.differences if name == "original" or name in names],
    )


def _replace_inputs(cases: list[dict[str, Any]], inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the cases with other pictures, also in their mixtures and regions."""
    others: dict[str, str] = {}
    for name, value in inputs.items():
        old = list(dict.fromkeys(str(case[name]) for case in cases if name in case))
        new = value if isinstance(value, list) else [value]
        if len(old) != len(new):
            raise UsageError(f"the cases of this sweep have {len(old)} {name}s: {', '.join(old)}; given: {len(new)}")
        others |= {before: str(after) for before, after in zip(old, new, strict=True)}
    return [{name: _replace_texts(value, others) for name, value in case.items()} for case in cases]


def _replace_texts(value: Any, others: Mapping[str, str]) -> Any:
    """Return the value with the keys of `others` replaced by its values, in all texts."""
    if isinstance(value, list):
        return [_replace_texts(part, others) for part in value]
    if not isinstance(value, str) or not others:
        return value
    return re.sub("|".join(map(re.escape, others)), lambda match: others[match[0]], value)


def axis_values(sweep: Sweep) -> dict[str, list[Any]]:
    """Return the values of the inputs and settings that are axes.

    A setting whose value is a list is an axis if it is a list of lists. Raises UsageError for an empty list.
    """
    kinds = typing.get_type_hints(KINDS[sweep.task].settings)
    values = {}
    for name, value in (*sweep.inputs.items(), *sweep.settings.items()):
        whole = name in kinds and plain_type(kinds[name])[0] is tuple
        if isinstance(value, list) and (not whole or any(isinstance(part, list) for part in value)):
            if not value:
                raise UsageError(f"'{name}' is an empty list: an axis needs values")
            values[name] = value
    return values


def _case_label(case: Mapping[str, Any]) -> str:
    """Return the name of a case, or its values."""
    return str(case["name"]) if "name" in case else ", ".join(_label(value) for value in case.values())


def _distinct(labels: Sequence[str]) -> list[str]:
    """Return the labels, with a number after each repeated label."""
    counts = [labels[:k].count(label) for k, label in enumerate(labels, 1)]
    return [label if count < 2 else f"{label} ({count})" for label, count in zip(labels, counts, strict=True)]


def _labels(values: Sequence[Any]) -> list[str]:
    """Return short, different labels of the values of an axis."""
    short = [_label(value) for value in values]
    return short if len(set(short)) == len(short) else [str(value) for value in values]


def _label(value: Any) -> str:
    """Return a short label of a value: lists without brackets, files without folders."""
    if isinstance(value, list):
        return ", ".join(_label(part) for part in value) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return Path(text).stem if "/" in text or "\\" in text else text.removeprefix("sample:")


def _names(names: object) -> str:
    return ", ".join(map(str, names)) if names else "none"  # type: ignore[call-overload]
