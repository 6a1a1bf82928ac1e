"""Images: reading, writing, colours, masks, sizes and tiles.

Images are float32 `(1, 3, H, W)`, sRGB in [0, 1], everywhere; masks and alpha are `(1, 1, H, W)` in [0, 1].
"""

from impasto.image.allocation import Allocate, in_memory, in_range, mapped
from impasto.image.color import MATCHING, match_colors
from impasto.image.drawing import draw_mask
from impasto.image.formats import MAX_BYTES, MAX_PIXELS
from impasto.image.hidden import continued
from impasto.image.luminance import luminance, match_luminance, with_luminance
from impasto.image.mask import propagate, same_color
from impasto.image.metadata import read_metadata
from impasto.image.origin import NOTHING, Origin
from impasto.image.picture import Picture
from impasto.image.poisson import GRADIENTS, blend
from impasto.image.reading import read
from impasto.image.resize import (
    Size,
    check_shape,
    fit,
    fitted_size,
    reduced,
    resize,
    resize_visible,
    resize_wrapped,
    resized,
    rotate,
    same_shape,
    size_of,
)
from impasto.image.samples import Sample, bundled, load_sample, sample_names, write_samples
from impasto.image.schemes import corner, files_in, files_named, mask_source, pieces
from impasto.image.sources import Opener, Source, blended, colors_of, load, load_mask
from impasto.image.spaces import SPACES, Space
from impasto.image.strokes import MAX_POINTS, MAX_STROKES, Stroke, strokes_from
from impasto.image.strokes_file import Drawing, read_drawing
from impasto.image.writing import check_writable, write

__all__ = [
    "GRADIENTS",
    "MATCHING",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_POINTS",
    "MAX_STROKES",
    "NOTHING",
    "SPACES",
    "Allocate",
    "Drawing",
    "Opener",
    "Origin",
    "Picture",
    "Sample",
    "Size",
    "Source",
    "Space",
    "Stroke",
    "blend",
    "blended",
    "bundled",
    "check_shape",
    "check_writable",
    "colors_of",
    "continued",
    "corner",
    "draw_mask",
    "files_in",
    "files_named",
    "fit",
    "fitted_size",
    "in_memory",
    "in_range",
    "load",
    "load_mask",
    "load_sample",
    "luminance",
    "mapped",
    "mask_source",
    "match_colors",
    "match_luminance",
    "pieces",
    "propagate",
    "read",
    "read_drawing",
    "read_metadata",
    "reduced",
    "resize",
    "resize_visible",
    "resize_wrapped",
    "resized",
    "rotate",
    "same_color",
    "same_shape",
    "sample_names",
    "size_of",
    "strokes_from",
    "with_luminance",
    "write",
    "write_samples",
]
