"""Encoders: frozen networks that map an image to features at named layers."""

from impasto.encoders.extractor import Encoder, LayerInfo
from impasto.encoders.loading import NETWORKS, load
from impasto.encoders.segments import Segment, segments
from impasto.encoders.state import read_state

__all__ = ["NETWORKS", "Encoder", "LayerInfo", "Segment", "load", "read_state", "segments"]
