"""Train the network of sixteen styles that is in the package.

python training/style.py --photos PHOTOS --paintings PAINTINGS --base any.safetensors --out styles.safetensors
    [--steps N] [--only NAME,NAME] [--settings FILE.toml]

It starts from the network for any painting and trains its decoder and the styles' codes, with the defaults of
`impasto train style`. With --only, BASE is a network of styles; it stays as it is, and the codes of these styles are
learnt anew. A killed run continues with the same command, and a finished one with more steps, from the checkpoint
beside OUT. With --ship FILE nothing is trained: OUT is written to FILE in half precision, with the sources of the
paintings.
"""

from typing import Any

from following import arguments, follow, settings_of, ship
from impasto.settings.train import TrainStyleSettings
from impasto.tasks.training.style import train_style_steps

PAINTED = {
    "starry": ("starry_night.jpg", "Vincent van Gogh, The Starry Night, 1889"),
    "wheat": ("wheat_field.jpg", "Vincent van Gogh, Wheat Field with Cypresses, 1889"),
    "scream": ("the_scream.jpg", "Edvard Munch, The Scream, 1893"),
    "wave": ("great_wave.jpg", "Katsushika Hokusai, The Great Wave off Kanagawa, about 1831"),
    "turner": ("shipwreck_turner.jpg", "J. M. W. Turner, The Wreck of a Transport Ship, about 1810"),
    "lilies": ("water_lilies.jpg", "Claude Monet, Water Lilies, 1919"),
    "kandinsky": ("composition_vii.jpg", "Wassily Kandinsky, Composition VII, 1913"),
    "mondrian": ("mondrian.jpg", "Piet Mondrian, a composition of about 1913"),
    "delaunay": ("delaunay_portrait.jpg", "Robert Delaunay, portrait of Jean Metzinger, 1906"),
    "matisse": ("woman_with_hat.jpg", "Henri Matisse, Woman with a Hat, 1905"),
}
"""Their painters died in 1954 or before, and they were made before 1929: out of copyright where 70 years count, and in
the United States."""

OURS = ("flow", "glass", "ink", "points", "tesserae", "woodcut")
"""Painted for Impasto; see training/paint.py."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", metavar="NAME,NAME")
    args = parser.parse_args()
    if args.ship:
        ship(args.out, args.ship, titles)
        return
    paintings = {name: args.paintings / file for name, (file, _) in PAINTED.items()}
    paintings |= {name: f"sample:{name}" for name in OURS}
    if args.only:
        paintings = {name: paintings[name] for name in args.only.split(",")}
    base = ({"base": str(args.base)} if args.base else {}) | ({"anew": True} if args.only else {})
    settings = TrainStyleSettings.from_mapping(settings_of(args, **base))
    follow(train_style_steps(args.photos, paintings, settings, out=args.out), args.out, args.sheet_every)


def titles(about: dict[str, Any]) -> None:
    """Tell of the paintings of all styles where a network comes from, and their names."""
    about["paintings"] = paintings_of(about)
    for name, painting in about["paintings"].items():
        painting["title"] = PAINTED[name][1] if name in PAINTED else "painted for Impasto (training/paint.py)"


def paintings_of(about: dict[str, Any]) -> dict[str, Any]:
    """Also those that the network that a training started from has kept."""
    kept = paintings_of(about["base"]["provenance"]) if about["settings"].get("anew") else {}
    return {**kept, **about["paintings"]}


if __name__ == "__main__":
    main()
