"""Image to image in one pass."""

from impasto.networks.arbitrary import AnyStyle
from impasto.networks.checkpoint import Network, describe, load, save, shipped
from impasto.networks.norm import ConditionalNorm, Moments
from impasto.networks.styles import ManyStyles
from impasto.networks.texture_net import TextureNet, TextureSettings
from impasto.networks.transformer import Transformer, TransformerSettings

__all__ = [
    "AnyStyle",
    "ConditionalNorm",
    "ManyStyles",
    "Moments",
    "Network",
    "TextureNet",
    "TextureSettings",
    "Transformer",
    "TransformerSettings",
    "describe",
    "load",
    "save",
    "shipped",
]
