"""Image to named layers of features."""

from impasto.encoders.extractor import Encoder, Layer
from impasto.encoders.lite import earlier
from impasto.encoders.loading import NETWORKS, load, mark
from impasto.encoders.segments import Segment, segments
from impasto.encoders.state import read_state

__all__ = ["NETWORKS", "Encoder", "Layer", "Segment", "earlier", "load", "mark", "read_state", "segments"]
