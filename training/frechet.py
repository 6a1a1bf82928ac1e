"""How far the pictures of a generator are from a folder's: the Fréchet distance of Heusel et al. (2017), by VGG-19.

    python training/frechet.py --teacher FILE --faces DIR MODEL.onnx [MODEL.onnx ...]

Theirs is on Inception's last features; this is on the means over positions of VGG-19's relu5_1, so that its numbers
compare only with each other. Beside them stands that of one half of the folder from the other, which is as near as
can be told with so few pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from faces import load_faces
from teachers import Teacher, load_teacher


def features(teacher: Teacher, images: Tensor) -> Tensor:
    """One vector of relu5_1 for each of `(N, 3, H, W)` in [0, 1], in double precision."""
    parts = (teacher(part, lambda _, f: f)["relu5_1"].mean((2, 3)) for part in images.split(32))
    return torch.cat(list(parts)).double()


def frechet(a: Tensor, b: Tensor) -> float:
    """|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)) of the means and covariances of two sets of vectors `(N, C)`."""
    s, t = torch.cov(a.T), torch.cov(b.T)
    value, vector = torch.linalg.eigh(s)
    root = (vector * value.clamp_min(0).sqrt()) @ vector.T
    cross = torch.linalg.eigvalsh(root @ t @ root).clamp_min(0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + s.trace() + t.trace() - 2 * cross)


def drawn(model: Path, count: int) -> Tensor:
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    z = np.random.default_rng(0).standard_normal((count, session.get_inputs()[0].shape[1]), np.float32)
    return torch.cat(
        [torch.from_numpy(session.run(None, {"z": part})[0]) for part in np.split(z, range(64, count, 64))]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True, help="VGG-19, or collaborative distillation's file")
    parser.add_argument("--faces", type=Path, required=True, help="the folder of pictures it was trained on")
    parser.add_argument("models", type=Path, nargs="+")
    args = parser.parse_args()
    teacher = load_teacher(args.teacher)
    faces = features(teacher, load_faces(args.faces).float() / 255)
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(0))
    print(f"{frechet(faces[order[::2]], faces[order[1::2]]):10.2f}  half of the folder from the other half")
    for model in args.models:
        print(f"{frechet(faces, features(teacher, drawn(model, len(faces)))):10.2f}  {model.name}", flush=True)


if __name__ == "__main__":
    main()
