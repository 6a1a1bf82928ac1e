"""Weight files: reading without running code from a file, and a check of the shapes."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from impasto.errors import UsageError
from impasto.image.atomic import in_utf8

# First bytes of files of torch.save: a zip archive since PyTorch 1.6, and before a pickled magic number.
ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
PICKLE = b"\x80"
# Messages of PyTorch's restricted unpickler for a file with more than tensors.
CODE = re.compile(r"GLOBAL ([\w.]*\w)\s|unrecognized function (\S+)")


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors in a `.safetensors` or PyTorch weight file, by name, on the CPU.

    The content determines the format, not the suffix. Tensors may be memory-mapped; clone tensors that outlive the
    file. Pickled code is never run.

    Raises UsageError, in one line, for a file that is missing, empty, damaged or of another format, and for a file that
    contains code.
    """
    path = Path(path)
    head = _head(path)
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return _read_safetensors(path)
    if head.startswith((ZIP, LEGACY)):
        return _read_torch(path, mapped=head.startswith(ZIP))
    if head.startswith(PICKLE):
        raise UsageError(f"{path} contains code; refused (a bare pickle is a program, not weights)")
    raise UsageError(f"{path} is not a weight file: neither safetensors nor PyTorch's format")


def take(
    state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], *, ignore: str, network: str, source: str
) -> dict[str, Tensor]:
    """Return copies of the tensors that are named in `shapes`, so that a memory-mapped file can be closed.

    shapes: the keys and shapes that `state` must have.
    ignore: a pattern for the start of other keys that `state` may have.
    network, source: the names of network and file, for messages.

    Raises UsageError for the first key that is missing, has another shape, or is unknown.

    >>> take({"bias": torch.ones(2)}, {"bias": (2,)}, ignore="fc", network="net", source="file")
    {'bias': tensor([1., 1.])}
    """
    for key, shape in shapes.items():
        if key not in state:
            raise UsageError(f"{source} does not fit {network}: it has no '{key}', which should have shape {shape}")
        if (actual := tuple(state[key].shape)) != shape:
            raise UsageError(f"{source} does not fit {network}: '{key}' has shape {actual}, it should have {shape}")
    for key, tensor in state.items():
        if key not in shapes and not re.match(ignore, key):
            raise UsageError(
                f"{source} does not fit {network}: no place for its '{key}' of shape {tuple(tensor.shape)}"
            )
    return {key: state[key].clone() for key in shapes}


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(len(LEGACY))
    except OSError as error:
        raise UsageError(f"cannot read the weights {path}: {error.strerror}") from error
    if not head:
        raise UsageError(f"{path} is empty; it should hold weights")
    if head.lstrip().startswith(b"<"):
        raise UsageError(f"{path} is a web page, not weights")
    return head


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with in_utf8(path) as name:
            return load_file(name, device="cpu")
    except Exception as error:  # the error types of the library are not public
        raise UsageError(f"{path} is damaged or not safetensors: {_gist(error)}") from error


def _read_torch(path: Path, *, mapped: bool) -> dict[str, Tensor]:
    try:
        with in_utf8(path) as name:
            state = torch.load(name, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a damaged pickle raises any exception
        if isinstance(error, pickle.UnpicklingError) and (match := CODE.search(str(error))):
            raise UsageError(f"{path} contains code; refused (it asks for {match[1] or match[2]})") from error
        raise UsageError(f"{path} is damaged or not PyTorch weights: {_gist(error)}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UsageError(f"{path} is not a state dict: it should hold tensors by name and nothing else")
    return state


def _gist(error: Exception) -> str:
    """Return the first sentence of a message."""
    return re.split(r"\.\s|\n", str(error), maxsplit=1)[0] or type(error).__name__
