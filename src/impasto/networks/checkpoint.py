"""Files of trained networks: safetensors, with the settings of the network in the metadata.

Loading needs no knowledge of the architecture, and never runs code from the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as packed
from torch import Tensor
from torch.overrides import TorchFunctionMode

from impasto.errors import UsageError, choose
from impasto.image.atomic import in_utf8, replace_file
from impasto.networks.styles import AnyStyle, ManyStyles
from impasto.networks.texture_net import TextureNet

if TYPE_CHECKING:
    from importlib.abc import Traversable  # it moves to importlib.resources.abc in Python 3.11

VERSION = "1"
"""Version of the file's layout and of the computation of the networks: raised when either changes."""

Network = ManyStyles | AnyStyle | TextureNet
KINDS: dict[str, type[ManyStyles] | type[AnyStyle] | type[TextureNet]] = {
    kind.kind: kind for kind in (ManyStyles, AnyStyle, TextureNet)
}


def save(
    network: Network, path: str | Path, provenance: Mapping[str, object] | None = None, *, half: bool = False
) -> None:
    """Write `network` to `path`, atomically; with `half`, weights are in half precision.

    `provenance`: where the weights come from, as anything that JSON can hold. Raises ImpastoError if the file cannot be
    written.
    """
    metadata = {
        "impasto": "network",
        "version": VERSION,
        "kind": network.kind,
        "settings": json.dumps(network.description()),
        "provenance": json.dumps(dict(provenance or {})),
    }
    state = network.state_dict()
    data = packed({name: _stored(tensor, half) for name, tensor in state.items()}, metadata)
    replace_file(Path(path), data)


def describe(path: str | Path | Traversable) -> dict[str, Any]:
    """Return the metadata of a network's file, without its tensors: "kind", "settings", "provenance", "version", and
    the "bytes" of the file. Raises UsageError as `load` does."""
    return _read(path, tensors=False)[0]


def load(path: str | Path | Traversable) -> Network:
    """Return the network in a file that `save` wrote, in float32.

    Raises UsageError for a file that is missing, damaged, no network, or of another version.
    """
    about, tensors = _read(path)
    try:
        with torch.device("meta"), _Undrawn():  # no memory and no random numbers for weights from the file
            network = KINDS[about["kind"]].from_description(about["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"'{path}' has settings that make no network: {error}") from error
    _match(network, tensors, path)
    network.load_state_dict(tensors, assign=True)
    return network.eval()


def shipped() -> dict[str, Traversable]:
    """Return the files of the networks inside the package, by name."""
    found = {e.name: e for e in files("impasto.networks").iterdir() if e.name.endswith(".safetensors")}
    return {name.removesuffix(".safetensors"): found[name] for name in sorted(found)}


class _Undrawn(TorchFunctionMode):
    """Skips the initialisation of weights: for tensors without memory torch would import its compiler, in a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", "").endswith(("normal_", "uniform_")):  # a tensor's, or those of nn.init
            return given.get("tensor", args[0] if args else None)
        return func(*args, **given)


def _stored(tensor: Tensor, half: bool = False) -> Tensor:
    """Return a copy in the precision asked for; integers (counts) keep their type."""
    dtype = torch.float16 if half else torch.float32
    kept = tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype, copy=True)
    return kept.contiguous()


def _read(path: str | Path | Traversable, *, tensors: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the metadata of the network, and its tensors in float32."""
    with nullcontext(Path(path)) if isinstance(path, str | Path) else as_file(path) as here:
        try:
            with in_utf8(here) as plain, safe_open(plain, "pt") as file:
                metadata = file.metadata() or {}
                names = list(file.keys()) if tensors else []
                # Copies: sums over memory mapped at any address may be rounded otherwise.
                read = {name: _stored(file.get_tensor(name)) for name in names}
            size = here.stat().st_size
        except OSError as error:
            raise UsageError(f"the network '{path}' cannot be read: {error.strerror or error}") from error
        except SafetensorError as error:
            raise UsageError(f"'{path}' is damaged or no safetensors file ({error})") from error
    if metadata.get("impasto") != "network":
        raise UsageError(f"'{path}' is no network of Impasto's; `impasto train` makes some")
    if (version := metadata.get("version")) != VERSION:
        raise UsageError(f"the network '{path}' is of version {version}, not {VERSION}")
    choose(KINDS, metadata.get("kind", ""), f"kind of the network '{path}':")
    about: dict[str, Any] = {"kind": metadata["kind"], "version": version, "bytes": size}
    try:
        about |= {key: dict(json.loads(metadata[key])) for key in ("settings", "provenance")}
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the network '{path}' is damaged: its metadata cannot be read") from error
    return about, read


def _match(network: Network, tensors: Mapping[str, Tensor], path: object) -> None:
    """Raise UsageError for tensors that do not fit `network`."""
    wanted = network.state_dict()
    for name in [*wanted, *tensors]:
        found, shape = tensors.get(name), wanted[name].shape if name in wanted else None
        if found is None or shape != found.shape:
            there = "none" if found is None else str(tuple(found.shape))
            asked = "none" if shape is None else str(tuple(shape))
            raise UsageError(f"'{path}' does not fit its own settings: {name} is {there}, not {asked}")
        if not found.isfinite().all():
            raise UsageError(f"'{path}' is damaged: {name} holds values that are no numbers")
