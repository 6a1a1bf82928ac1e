"""Train the network of many styles that is in the package.

python training/style.py --photos PHOTOS --paintings PAINTINGS --out styles.safetensors [--steps N]

Goes on after a kill, and with more steps after its end, from the state that it keeps beside OUT. With --ship FILE it
trains nothing, but writes OUT in half precision to FILE, with the sources of the paintings.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import torch

from impasto import networks
from impasto.image import write
from impasto.tasks.train_options import TrainStyleSettings
from impasto.tasks.train_style import train_style_steps

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sheet-every", type=int, default=250)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--ship", type=Path)
    args = parser.parse_args()
    if args.ship:
        ship(args.out, args.ship)
        return
    if args.threads:
        torch.set_num_threads(args.threads)
    paintings = {name: args.paintings / file for name, (file, _) in PAINTED.items()}
    paintings |= {name: f"sample:{name}" for name in OURS}
    settings = TrainStyleSettings(steps=args.steps, batch=args.batch, checkpoint_every=100)
    began, sums = time.perf_counter(), Counter[str]()
    for step in train_style_steps(args.photos, paintings, settings, out=args.out):
        sums.update({"steps": 1, "loss": step.loss, **step.terms})
        if step.notice:
            print(step.notice, flush=True)
        if step.index % 50 == 0:
            count, now = sums.pop("steps"), time.perf_counter()
            means = "  ".join(f"{name} {value / count:.4f}" for name, value in sums.items())
            print(f"{step.index}/{step.total}  {means}  {(now - began) / count:.2f} s a step", flush=True)
            began, sums = now, Counter()
        if step.index % args.sheet_every == 0 or step.index == step.total:
            write(args.out.with_suffix(".png"), step.sheet())


def ship(trained: Path, file: Path) -> None:
    """Half precision, and the names of the paintings; nothing of this machine."""
    network = networks.load(trained)
    about = networks.describe(trained)["provenance"]
    for name, painting in about["paintings"].items():
        painting["title"] = PAINTED[name][1] if name in PAINTED else "painted for Impasto (training/paint.py)"
    networks.save(network, file, about, half=True)
    print(json.dumps(about, indent=1), f"{file.stat().st_size / 1e6:.2f} MB", sep="\n")


if __name__ == "__main__":
    main()
