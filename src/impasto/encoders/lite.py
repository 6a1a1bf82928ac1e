"""`lite`: the network inside the package, a VGG-19 a tenth of the size that measures in VGG-19's space.

It has VGG-19's layers and strides at a fraction of the width, and a linear head `A f + b` from each layer that the
default losses use to VGG-19's own features (after the ReLU). A distance in that space needs no wide tensor: writing
`[A | b] = Q R` with orthonormal `Q`, inner products and distances of `A f + b` are those of `R [f; 1]`, which is as
narrow as `f` itself. `metric` hands out `R`.

How it was trained, on what and how well it predicts: `training/README.md` and the metadata inside `lite.safetensors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import cast

import torch
from safetensors import safe_open
from torch import Tensor, nn

from impasto.encoders.vgg import VGG
from impasto.errors import UsageError
from impasto.image.atomic import in_utf8

HEAD = "head."

OWN = files("impasto.encoders") / "lite.safetensors"
"""The file inside the package."""


class Lite(VGG):
    """A narrow VGG with heads: `metric(layer)` is `(C + 1, C + 1)` for each layer that has one."""

    def __init__(
        self, widths: Sequence[Sequence[int]], heads: dict[str, tuple[Tensor, Tensor]], pooling: str = "max"
    ) -> None:
        super().__init__("lite", widths, pooling)
        # Zeros beyond the edge would be dark borders to the first layer, the only one that sees them sharply:
        # reflecting takes the unexplained variance of relu1_1 from 0.050 to 0.015 and costs nothing on three channels.
        cast(nn.Conv2d, self.convs["conv1_1"]).padding_mode = "reflect"
        self._wide: dict[str, int] = {}
        for layer, (weight, bias) in heads.items():
            affine = torch.cat([weight, bias[:, None]], dim=1)
            self._wide[layer] = len(weight)
            isometry = torch.linalg.qr(affine.double(), mode="r").R.to(weight.dtype)
            self.register_buffer(f"metric_{layer}", isometry, persistent=False)
            self.register_buffer(f"head_{layer}", affine, persistent=False)

    def metric(self, layer: str) -> Tensor | None:
        """See the module: `R`, upper triangular, or None for a layer without a head."""
        found: Tensor | None = getattr(self, f"metric_{self.resolve(layer)}", None)
        return found

    def head(self, layer: str) -> Tensor | None:
        """`[A | b]`, `(K, C + 1)`: VGG-19's K channels from the layer's C, or None for a layer without a head."""
        found: Tensor | None = getattr(self, f"head_{self.resolve(layer)}", None)
        return found

    def aliases(self) -> Mapping[str, str]:
        """VGG's, and for the sixteen convolutions of VGG-19 that published settings count: those after its thirteenth
        lie in the same stage, and `lite`, which ends there, has its last one stand for them."""
        deepest = {f"{kind}_{k}": f"{kind}5_1" for kind in ("conv", "relu") for k in (14, 15, 16)}
        return {**super().aliases(), **(deepest if "conv5_1" in self.convs else {})}

    def channels(self, layer: str) -> int:
        """The channels of the wide network that the head of `layer` leads to, or its own without a head."""
        return self._wide.get(self.resolve(layer), super().channels(layer))


def load_lite(weights: str | Path | None = None, pooling: str = "max") -> Lite:
    """The network inside the package, or one of the same kind (made by `training/distill.py`) from a safetensors
    file."""
    if weights is not None:
        return _read(Path(weights), pooling)
    with as_file(OWN) as path:
        return _read(path, pooling)


def provenance() -> dict[str, str]:
    """Where the embedded weights come from: the metadata of their file."""
    with as_file(OWN) as path, safe_open(str(path), "pt") as file:
        return dict(file.metadata() or {})


def _read(path: Path, pooling: str) -> Lite:
    try:
        with in_utf8(path) as plain, safe_open(plain, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file is not a dict)
    except Exception as error:  # the library raises its own kinds of error for missing, torn and foreign files
        raise UsageError(f"{path} cannot be read as weights for lite: {error}") from error
    convs = {name.removesuffix(".weight"): t for name, t in tensors.items() if name.startswith("conv") and t.ndim == 4}
    if "conv1_1" not in convs:
        raise UsageError(f"{path} holds no weights for lite; make some with training/distill.py")
    stages: dict[str, list[int]] = {}
    for name in sorted(convs):
        stages.setdefault(name.removeprefix("conv").split("_")[0], []).append(convs[name].shape[0])
    layers = sorted({name.removeprefix(HEAD).rsplit(".", 1)[0] for name in tensors if name.startswith(HEAD)})
    heads = {n: (tensors[f"{HEAD}{n}.weight"].float(), tensors[f"{HEAD}{n}.bias"].float()) for n in layers}
    try:
        state = {f"convs.{n}.{part}": tensors[f"{n}.{part}"].float() for n in convs for part in ("weight", "bias")}
        with torch.random.fork_rng(devices=[]):  # the values drawn here are thrown away; nobody's numbers change for it
            network = Lite(list(stages.values()), heads, pooling)
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise UsageError(f"{path} is not a network of lite's kind: {error}") from error
    return network
