"""Small trained networks that never were: random weights, the same every time."""

from __future__ import annotations

import torch

from impasto.networks import (
    AnyStyle,
    ManyStyles,
    Transformer,
    TransformerSettings,
    TransportNet,
    TransportSettings,
)


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


SMALL = TransportSettings(
    widths=((4,), (8,), (8, 8), (12,)), axes=(3, 6, 6, 8), channels=(4, 6, 8, 8), blocks=(0, 1, 1, 1)
)


def moving(seed: int = 0) -> TransportNet:
    """A network of transport of few channels, whose decoder paints something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = TransportNet(SMALL).eval().requires_grad_(False)
        torch.nn.init.normal_(network.decoder.last.convolution.weight, 0, 0.05)
    return network


def anything(seed: int = 0) -> AnyStyle:
    """A network for any painting."""
    return AnyStyle(moving(seed)).eval()


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Random soft shapes, `(1, 3, H, W)` in [0, 1]: no two parts alike, but the same at every size."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 8, generator=generator)
    found = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return found.clamp(0, 1)
