"""Small trained networks that never were: random weights, the same every time."""

from __future__ import annotations

import torch

from impasto import encoders
from impasto.networks import AnyStyle, ManyStyles, Transformer, TransformerSettings

LAYERS = ("relu1_1", "relu2_1")


def body(seed: int = 0, **settings: object) -> Transformer:
    """A transformer of few channels, whose result has some contrast."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        chosen = {"width": 8, "blocks": 2, "detail": 4, "deep": 0} | settings
        network = Transformer(TransformerSettings(**chosen))  # type: ignore[arg-type]
        with torch.no_grad():
            for parameter in network.last.parameters():
                parameter.normal_(0, 0.05) if parameter.ndim == 4 else parameter.uniform_(0.3, 0.7)
    return network.eval()


def many(*styles: str, seed: int = 0, **settings: object) -> ManyStyles:
    """A network of these styles, all unlike the plain one."""
    network = ManyStyles(body(seed, **settings), styles or ("sea", "sand", "snow"))
    with torch.no_grad():
        network.codes += 0.3 * torch.randn(network.codes.shape, generator=torch.Generator().manual_seed(seed))
    return network.eval()


def anything(seed: int = 0, **settings: object) -> AnyStyle:
    """A network for any painting, whose statistics are those of `lite`'s first two layers."""
    lite = encoders.load("lite")
    size = 2 * sum(lite.layers[name].channels for name in LAYERS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = AnyStyle(body(seed, **settings), size, "lite", LAYERS, hidden=16)
        with torch.no_grad():
            network.predictor[-1].weight.normal_(0, 0.05)  # type: ignore[union-attr, operator]
    return network.eval()


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Random soft shapes, `(1, 3, H, W)` in [0, 1]: no two parts alike, but the same at every size."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 8, generator=generator)
    found = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return found.clamp(0, 1)
