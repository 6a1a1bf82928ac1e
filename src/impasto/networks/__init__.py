"""Networks that map an image to an image in one pass."""

from impasto.networks.checkpoint import Network, describe, load, save, shipped
from impasto.networks.norm import ConditionalNorm, Moments
from impasto.networks.styles import AnyStyle, ManyStyles
from impasto.networks.texture_net import TextureNet, TextureSettings
from impasto.networks.transformer import Transformer, TransformerSettings
from impasto.networks.transport_net import TransportNet
from impasto.networks.transport_parts import TransportSettings

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
    "TransportNet",
    "TransportSettings",
    "describe",
    "load",
    "save",
    "shipped",
]
