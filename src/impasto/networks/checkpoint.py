"""Files of trained networks: safetensors, with the settings of the network in the metadata.

The metadata describe the architecture, so `load` needs only the file. It never runs code from the file.
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
"""Version of the format of the file and of the computation of the networks. Change it with either of them."""

Network = ManyStyles | AnyStyle | TextureNet
KINDS: dict[str, type[ManyStyles] | type[AnyStyle] | type[TextureNet]] = {
    kind.kind: kind for kind in (ManyStyles, AnyStyle, TextureNet)
}


def save(
    network: Network, path: str | Path, provenance: Mapping[str, object] | None = None, *, half: bool = False
) -> None:
    """Write `network` to `path`, completely or not at all.

    provenance: the training of the weights, in values of JSON.
    half: whether weights are in half precision.

    Raises ImpastoError if the file cannot be written.

    >>> from impasto.networks import TextureSettings
    >>> save(TextureNet(TextureSettings(scales=3, channels=2)), "texture.safetensors", {"steps": 0})
    >>> describe("texture.safetensors")["provenance"]
    {'steps': 0}
    >>> load("texture.safetensors").settings.scales
    3
    """
    metadata = {
        "impasto": "network",
        "version": VERSION,
        "kind": network.kind,
        "settings": json.dumps(network.description()),
        "provenance": json.dumps(dict(provenance or {})),
    }
    state = network.state_dict()
    data = packed({name: _copy(tensor, half) for name, tensor in state.items()}, metadata)
    replace_file(Path(path), data)


def describe(path: str | Path | Traversable) -> dict[str, Any]:
    """Return the metadata of a network's file, without its tensors.

    The keys are "kind", "settings", "provenance", "version", and "bytes", the size of the file. Raises UsageError as
    `load` does.

    >>> describe(shipped()["styles"])["kind"]
    'style'
    """
    return _read(path, tensors=False)[0]


def load(path: str | Path | Traversable) -> Network:
    """Return the network in a file of `save`, in float32 and in `eval()`.

    Raises UsageError for a file that is missing, damaged, no network, or of another version.

    >>> load(shipped()["any"]).kind
    'any'
    """
    about, tensors = _read(path)
    try:
        # The weights come from the file, so new weights need no memory and no random numbers.
        with torch.device("meta"), _NoInitialisation():
            network = KINDS[about["kind"]].from_description(about["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"'{path}' has settings that make no network: {error}") from error
    _check_tensors(network, tensors, path)
    network.load_state_dict(tensors, assign=True)
    return network.eval()


def shipped() -> dict[str, Traversable]:
    """Return the files of the networks inside the package, by name, in alphabetical order.

    >>> list(shipped())
    ['any', 'styles']
    """
    entries = {e.name: e for e in files("impasto.networks").iterdir() if e.name.endswith(".safetensors")}
    return {name.removesuffix(".safetensors"): entries[name] for name in sorted(entries)}


class _NoInitialisation(TorchFunctionMode):
    """A mode of torch without random numbers.

    For those of tensors without memory torch would import its compiler, which takes a second.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = kwargs or {}
        name = getattr(func, "__name__", "")
        if name.endswith(("normal_", "uniform_")):  # methods of tensors, functions of nn.init
            return keywords.get("tensor", args[0] if args else None)
        return (torch.empty if name == "randn" else func)(*args, **keywords)


def _copy(tensor: Tensor, half: bool = False) -> Tensor:
    """Return a contiguous copy in memory, in full or half precision; integers (counts) keep their dtype."""
    dtype = torch.float16 if half else torch.float32
    copy = tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype, copy=True)
    return copy.contiguous()


def _read(path: str | Path | Traversable, *, tensors: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the metadata of the network, and its tensors in float32 unless `tensors` is false."""
    with nullcontext(Path(path)) if isinstance(path, str | Path) else as_file(path) as local:
        try:
            with in_utf8(local) as name, safe_open(name, "pt") as file:
                metadata = file.metadata() or {}
                keys = list(file.keys()) if tensors else []
                # Copies, because the rounding of sums depends on the address, and mapped memory may have any.
                weights = {key: _copy(file.get_tensor(key)) for key in keys}
            size = local.stat().st_size
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
    return about, weights


def _check_tensors(network: Network, tensors: Mapping[str, Tensor], path: object) -> None:
    """Raise UsageError for tensors that do not fit `network`."""
    state = network.state_dict()
    for name in [*state, *tensors]:
        tensor, shape = tensors.get(name), state[name].shape if name in state else None
        if tensor is None or shape != tensor.shape:
            actual = "none" if tensor is None else str(tuple(tensor.shape))
            expected = "none" if shape is None else str(tuple(shape))
            raise UsageError(f"'{path}' does not fit its own settings: {name} is {actual}, not {expected}")
        if not tensor.isfinite().all():
            raise UsageError(f"'{path}' is damaged: {name} holds values that are no numbers")
