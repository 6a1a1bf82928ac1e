"""Checkpoints: the state of a run after a step, in one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from impasto.errors import UsageError
from impasto.image.atomic import in_utf8, replace_file

VERSION = "2"
"""Version of the format of the file and of the computation of steps. Change it with either of them."""


@dataclass(frozen=True)
class State:
    """Everything that a run needs to continue after a step.

    scale: the number of the scale of the last step, from 1; 0 before the first step.
    taken: the number of steps at this scale.
    done: the number of steps at all scales.
    seconds: the time since the start of the run.
    descent: the result of `Descent.state`, a tree of tensors, numbers, texts and lists of numbers.
    """

    scale: int
    taken: int
    done: int
    seconds: float
    descent: Mapping[str, Any]


def save_state(path: str | Path, state: State, fingerprint: str) -> None:
    """Write `state` to `path`, completely or not at all, with the `fingerprint` of its run.

    The file is safetensors: tensors, and everything else as JSON in the metadata. Floats in JSON are exact, because
    they are written as by `repr`. With L-BFGS the tensors are as large as `2 * memory + 3` images, in half precision
    `memory + 3`. Raises ImpastoError if the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}

    def store(name: str, tensor: Tensor) -> dict[str, str]:
        tensors[name] = tensor.detach().cpu().contiguous()
        return {"tensor": name}

    tree = _mapped(dict(vars(state)), "", store)
    metadata = {"impasto": "checkpoint", "version": VERSION, "fingerprint": fingerprint, "state": json.dumps(tree)}
    # The last point is often the best one, and the format allows no memory under two names.
    data = save({name: tensor.clone() for name, tensor in tensors.items()}, metadata)
    replace_file(Path(path), data, temporary=_part(Path(path)).name)


def discard_state(path: str | Path) -> None:
    """Delete the checkpoint at `path`, and an incomplete one of a killed process."""
    for file in (Path(path), _part(Path(path))):
        file.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """Return the file of an incomplete checkpoint; the next one overwrites it."""
    return path.with_name(f"{path.name}.part")


REMEDY = "give another --checkpoint"
"""Default advice of `load_state` for a file that is not the checkpoint of the run."""


def load_state(path: str | Path, fingerprint: str, remedy: str = REMEDY, *, disposable: bool = True) -> State:
    """Return the state in the file at `path`, on the CPU.

    Raises UsageError, with the advice `remedy`, for a file that is damaged, no checkpoint, of another version, or of a
    run with another `fingerprint`. The advice for a `disposable` checkpoint includes deletion.
    """
    discard = f"delete it, or {remedy}" if disposable else remedy
    try:
        with in_utf8(Path(path)) as name, safe_open(name, "pt") as file:
            metadata = file.metadata() or {}
            # Copies, because the rounding of sums depends on the address, and mapped memory may have any.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 (no mapping)
    except OSError as error:
        raise UsageError(f"the checkpoint '{path}' cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise UsageError(f"'{path}' is damaged or no checkpoint ({error}); {remedy}") from error
    if metadata.get("impasto") != "checkpoint":
        raise UsageError(f"'{path}' is no checkpoint of a run; {remedy}")
    if (version := metadata.get("version")) != VERSION:
        raise UsageError(f"the checkpoint '{path}' is of version {version}, not {VERSION}; {discard}")
    if metadata.get("fingerprint") != fingerprint:
        raise UsageError(
            f"the checkpoint '{path}' is of a run with other pictures or settings, or of another version of Impasto; "
            f"{discard}"
        )
    try:
        return State(**_restored(json.loads(metadata["state"]), tensors))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the checkpoint '{path}' is damaged; {discard}") from error


def on_device(tree: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Return the tree with its tensors on `device`."""
    result: dict[str, Any] = _mapped(tree, "", lambda _, tensor: tensor.to(device))
    return result


def _mapped(tree: Any, name: str, change: Callable[[str, Tensor], Any]) -> Any:
    """Return the tree with `change(name, tensor)` for each tensor; the name of a tensor is its path in the tree."""
    if isinstance(tree, Tensor):
        return change(name, tree)
    if isinstance(tree, Mapping):
        return {key: _mapped(value, f"{name}.{key}" if name else key, change) for key, value in tree.items()}
    return tree


def _restored(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the tree with its tensors, the inverse of `store`."""
    if not isinstance(tree, dict):
        return tree
    if list(tree) == ["tensor"]:
        return tensors[tree["tensor"]]
    return {key: _restored(value, tensors) for key, value in tree.items()}
