"""The sections of the gallery: pictures, each with its command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A picture `name`.jpg, its title and the words after `impasto`."""

    name: str
    title: str
    command: str


Section = tuple[str, str, list[Entry]]

SMALL = "--size 320"
CAT = f"stylize sample:chelsea sample:flow {SMALL}"
PILOT = f"stylize sample:astronaut sample:woodcut {SMALL}"
BLEND = "sample:coffee sample:brick --mask docs/gallery/masks/coffee.png --at -30,60"
CUP = f"stylize sample:coffee sample:glass {SMALL}"


def both(name: str, title: str, flags: str) -> list[Entry]:
    """The same flags on both pairs."""
    return [Entry(f"{name}-cat", title, f"{CAT} {flags}"), Entry(f"{name}-pilot", title, f"{PILOT} {flags}")]


LOSSES = {
    "gram": "Gram matrices",
    "mean": "means",
    "bn": "means and deviations",
    "covariance": "mean and covariance",
    "coral": "covariance alone",
    "w2": "Wasserstein-2 of normals",
    "mmd-linear": "MMD, linear kernel",
    "mmd-polynomial(degree=2,c=1)": "MMD, polynomial kernel",
    "mmd-polynomial(degree=3)": "MMD, cubic kernel",
    "mmd-gaussian": "MMD, Gaussian kernel",
    "sliced": "sliced Wasserstein",
    "histogram": "histograms",
    "gram,histogram": "Gram and histograms",
    "remd": "relaxed EMD",
    "moments": "moments (STROTSS)",
    "gram,palette": "Gram and palette",
    "nearest": "nearest neighbours",
    "patches": "patches",
}


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text).strip("-").replace("--", "-")


def _losses() -> list[Entry]:
    found = []
    for loss, title in LOSSES.items():
        quoted = f"'{loss}'" if "(" in loss else loss
        found += both(f"loss-{_slug(loss)}", title, f"--style-loss {quoted}")
    return found


def _textures() -> list[Entry]:
    start = f"texture sample:flow {SMALL}"
    layers = {
        "1-5": "conv_1-5",
        "4-8": "conv_4-8",
        "7-11": "conv_7-11",
        "1,2,5,9,13": "conv_1,conv_2,conv_5,conv_9,conv_13",
    }
    found = [Entry(f"texture-{_slug(n)}", f"layers {n}", f"{start} --layers {text}") for n, text in layers.items()]
    for loss in ("gram", "mean", "w2", "sliced", "mmd-gaussian", "nearest", "patches"):
        found.append(Entry(f"texture-{loss}", loss, f"{start} --style-loss {loss}"))
    found += [
        Entry("texture-seed", "another seed", f"{start} --seed 1"),
        Entry("texture-tileable", "tileable", f"texture sample:brick {SMALL} --tileable"),
        Entry("texture-wide", "of any size", "texture sample:tesserae --size 240 --width 480 --height 240"),
        Entry("texture-rotations", "turned examples", f"{start} --rotations 90,180,270"),
        Entry("texture-mix", "two examples", f"{start} --mix sample:points=0.5"),
    ]
    return found


def _reconstructions() -> list[Entry]:
    start = f"reconstruct sample:astronaut {SMALL} --scales 1 --steps 200"
    found = [Entry(f"seen-conv-{k}", f"conv_{k}", f"{start} --layers conv_{k}") for k in (1, 2, 4, 5, 7, 8, 11)]
    found += [
        Entry("seen-seed", "conv_4, another noise", f"{start} --layers conv_4 --seed 1"),
        Entry("seen-plain", "relu4_2, no prior", f"{start} --layers relu4_2"),
        Entry(
            "seen-tv-1", "total variation 0.02", f"{start} --layers relu4_2 --tv-weight 0.02 --tv-chroma-weight 0.02"
        ),
        Entry("seen-tv-2", "total variation 0.2", f"{start} --layers relu4_2 --tv-weight 0.2 --tv-chroma-weight 0.2"),
        Entry("seen-preset", "with the alpha-norm", f"{start} --layers relu4_2 --preset mahendran2015"),
        Entry("seen-similarity", "self-similarity", f"{start} --layers relu4_2 --content-loss self-similarity"),
    ]
    for layer in ("relu2_1", "relu3_1", "relu4_1", "relu5_1"):
        command = f"{start} --layers {layer} --patch 5x5 --tv-weight 0.01 --tv-chroma-weight 0.01"
        found.append(Entry(f"patch-{layer}", f"5x5 features of {layer}", command))
    return found


SECTIONS: list[Section] = [
    (
        "Style losses",
        "Losses that compare the result with the painting, all at the same strength. (At 320 px the woodcut's strokes"
        " are wider than the features of a face; a lower strength would keep the features.)",
        _losses(),
    ),
    (
        "Presets",
        "Settings named after their source; `impasto presets` lists them.",
        [
            entry
            for name in ("gatys2016", "tutorial", "assignment", "seo2023", "risser2017", "cnnmrf", "strotss", "nnst")
            for entry in both(f"preset-{name}", name, f"--preset {name}")
        ],
    ),
    (
        "Strength and priors",
        "The amount of style, smoothness, and the photo's edges.",
        [
            *(Entry(f"strength-{s}", f"strength {s}", f"{CAT} --strength {s}") for s in (0.1, 0.3, 0.7, 1.0)),
            Entry("tv-none", "no total variation", f"{CAT} --tv-weight 0 --tv-chroma-weight 0"),
            Entry("tv-much", "much of it", f"{CAT} --tv-weight 2 --tv-chroma-weight 2"),
            Entry("tv-beta-1", "with beta 1", f"{CAT} --tv-weight 1 --tv-chroma-weight 1 --tv-beta 1"),
            Entry("laplacian", "the photo's Laplacian", f"{CAT} --laplacian-weight 2"),
            Entry("alpha", "alpha-norm", f"{CAT} --alpha-weight 2"),
            Entry("self-similarity", "self-similarity", f"{CAT} --content-loss self-similarity"),
            Entry("content-shallow", "content at relu2_2", f"{CAT} --content-layers relu2_2"),
            Entry("content-deep", "content at relu5_1", f"{CAT} --content-layers relu5_1"),
        ],
    ),
    (
        "Paintings and regions",
        "Mixtures of paintings, masks, scale and rotations of the painting. The masks are in `docs/gallery/masks`.",
        [
            *(
                Entry(f"mix-{s}", f"{1 - s:g} glass, {s} waves", f"{CUP} --mix sample:woodcut={s}")
                for s in (0.25, 0.5, 0.75)
            ),
            Entry("region", "the cup in flow", f"{CUP} --region docs/gallery/masks/coffee.png:sample:flow"),
            Entry(
                "region-inside",
                "the same, 'inside'",
                f"{CUP} --region docs/gallery/masks/coffee.png:sample:flow --propagation inside"
                " --style-layers relu1_1,relu2_1,relu3_1",
            ),
            Entry(
                "region-three",
                "three regions",
                f"{CUP} --region 'docs/gallery/masks/coffee-map.png#d62728:sample:flow'"
                " --region 'docs/gallery/masks/coffee-map.png#1f77b4:sample:points'",
            ),
            Entry(
                "segmentation",
                "maps of both",
                f"{CUP} --segmentation docs/gallery/masks/coffee-map.png:docs/gallery/masks/painting-map.png",
            ),
            Entry("scale-half", "strokes of half the size", f"{CAT} --style-scale 0.5"),
            Entry("scale-double", "of double the size", f"{CAT} --style-scale 2"),
            Entry("rotations", "painting also turned", f"{PILOT} --rotations 45,90,135"),
        ],
    ),
    (
        "Colours",
        "The painting's colours, the photo's colours kept, or one matched to the other. Methods that match channel by"
        " channel (mean, histogram) keep the painting's contrast of blue and yellow; methods that match the covariance"
        " do not.",
        [
            *(Entry(f"keep-{s}", f"kept in {s}", f"{CAT} --keep-color {s}") for s in ("ycbcr", "lab", "oklab")),
            Entry("keep-matched", "kept, light matched", f"{CAT} --keep-color oklab --match-luminance"),
            *(
                Entry(f"match-{m}", f"{m}, before", f"{CAT} --match-colors {m}")
                for m in ("transport", "mean", "pca", "cholesky", "histogram")
            ),
            Entry("match-after", "transport, after", f"{CAT} --match-colors transport --match-when after"),
            Entry("match-hist-after", "histogram, after", f"{CAT} --match-colors histogram --match-when after"),
        ],
    ),
    (
        "Starts, parameterizations, optimizers",
        "The start of a run, its parameters, and its optimizer.",
        [
            *(Entry(f"init-{i}", f"from {i}", f"{CAT} --init {i}") for i in ("photo", "noise", "pink", "painting")),
            Entry("init-file", "from another picture", f"{CAT} --init sample:coffee"),
            Entry("wolfe", "L-BFGS, strong Wolfe", f"{CAT} --optimizer lbfgs-wolfe"),
            Entry("adam", "Adam", f"{CAT} --optimizer adam"),
            Entry("rmsprop", "RMSprop", f"{CAT} --optimizer rmsprop"),
            Entry("pyramid", "Laplacian pyramid", f"{CAT} --canvas pyramid"),
            Entry("pyramid-noise", "pyramid, from noise", f"{CAT} --canvas pyramid --init noise"),
            Entry("fourier", "Fourier", f"{CAT} --canvas fourier"),
            Entry("fourier-noise", "Fourier, from noise", f"{CAT} --canvas fourier --init noise"),
            Entry("normalized", "normalised gradients", f"{CAT} --optimizer adam --normalize-gradients"),
            Entry("average", "average pooling", f"{CAT} --pooling average"),
        ],
    ),
    ("Textures", "Textures from noise.", _textures()),
    (
        "Reconstructions from layers",
        "From noise. Deep layers have little colour, so a large weight of total variation fades the colours;"
        " self-similarity alone has no picture, only the places that are alike.",
        _reconstructions(),
    ),
    (
        "Composed pictures",
        "A blend and generated faces ([a sheet of faces](../pictures/faces.jpg), 64 px each), both also painted.",
        [
            Entry("blend", "importing gradients", f"blend {BLEND}"),
            Entry("blend-mixed", "mixed gradients", f"blend {BLEND} --gradients mixed"),
            Entry(
                "blend-painted",
                "and painted",
                "stylize 'blend:sample:coffee,sample:brick?mask=docs/gallery/masks/coffee.png&at=-30,60' sample:flow"
                f" {SMALL}",
            ),
            *(
                Entry(
                    f"face-{seed}",
                    f"face {seed}, painted",
                    f"stylize 'generator:faces?seed={seed}' sample:{style} {SMALL} --strength 0.15 --style-scale 0.5",
                )
                for seed, style in ((3, "flow"), (9, "glass"), (14, "woodcut"), (10, "ink"))
            ),
        ],
    ),
]
