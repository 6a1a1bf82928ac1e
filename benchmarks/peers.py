"""Programs of others, as they come, timed: run by an interpreter that has them, which needs only torch besides.

    PYTHON benchmarks/peers.py list
    PYTHON benchmarks/peers.py neural-style|pastiche|style-transfer-pytorch PHOTO PAINTING SIZE ITERATIONS

The seconds are those between the ends of two backward passes, of which each of these programs makes one an iteration;
what comes before the first one of a size (loading, targets) is none of them. The networks have random weights where the
program comes without any: the time of a step does not depend on them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple


class Words(NamedTuple):
    """What is asked of a program, and a folder that is thrown away."""

    photo: str
    painting: str
    size: int
    iterations: int
    folder: Path


class Program(NamedTuple):
    """A program: its module with a `main`, its command line, its own numbers of steps at the first and later sizes."""

    module: str
    words: Callable[[Words], list[str]]
    published: tuple[int, int]


def neural_style(w: Words) -> list[str]:
    """The PyTorch version of neural-style, with its own settings. Its network is read from a file."""
    import torch  # noqa: PLC0415
    from torchvision.models import vgg19  # noqa: PLC0415

    torch.manual_seed(0)
    file = w.folder / "vgg19.pth"
    torch.save({f"features.{name}": value for name, value in vgg19().features.state_dict().items()}, file)
    words = ["-content_image", w.photo, "-style_image", w.painting, "-image_size", str(w.size), "-gpu", "c"]
    words += ["-num_iterations", str(w.iterations), "-seed", "0", "-print_iter", "0", "-save_iter", "0"]
    return [*words, "-model_file", str(file), "-disable_check", "-output_image", str(w.folder / "made.png")]


def pastiche(w: Words) -> list[str]:
    words = ["--content", w.photo, "--styles", w.painting, "--size", str(w.size), "--num-steps", str(w.iterations)]
    return [*words, "--seed", "0", "--device", "cpu", "--no-verbose", "--output", str(w.folder / "made.png")]


def crowson(w: Words) -> list[str]:
    words = [w.photo, w.painting, "--end-scale", str(w.size), "--iterations", str(w.iterations), "--devices", "cpu"]
    return [*words, "--initial-iterations", str(w.iterations), "--output", str(w.folder / "made.png")]


PROGRAMS = {
    "neural-style": Program("neural_style.neural_style", neural_style, (1000, 1000)),
    "pastiche": Program("pastiche.pastiche", pastiche, (1000, 1000)),
    "style-transfer-pytorch": Program("style_transfer.cli", crowson, (1000, 500)),
}


def stages(ends: list[float], each: int, published: tuple[int, int]) -> list[tuple[int, list[float]]]:
    """The ends of backward passes, `each` at every size, as seconds of steps with the program's own numbers."""
    sizes = [ends[at : at + each] for at in range(0, len(ends), each)]
    return [(published[i > 0], [b - a for a, b in pairwise(size)]) for i, size in enumerate(sizes)]


def watched() -> list[float]:
    """The times at which backward passes end, from now on."""
    import torch  # noqa: PLC0415

    ends: list[float] = []
    backward = torch.Tensor.backward

    def timed(self: torch.Tensor, *args: object, **kwargs: object) -> None:
        backward(self, *args, **kwargs)
        ends.append(time.perf_counter())

    torch.Tensor.backward = timed
    return ends


def run(name: str, w: Words) -> dict[str, object]:
    """Run a program in this process."""
    program = PROGRAMS[name]
    sys.argv = [name, *program.words(w)]
    ends = watched()
    try:
        import_module(program.module).main()
    except SystemExit as ended:
        if ended.code:
            raise
    vision = sys.modules.get("torchvision")
    return {
        "side": name,
        "scales": stages(ends, w.iterations, program.published),
        "torchvision": getattr(vision, "__version__", None),
    }


def main() -> None:
    sys.path = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent]
    if sys.argv[1] == "list":
        print(json.dumps({"installed": [name for name, p in PROGRAMS.items() if find_spec(p.module.split(".")[0])]}))
        return
    name, photo, painting, size, iterations = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        print("\n" + json.dumps(run(name, Words(photo, painting, int(size), int(iterations), Path(folder)))))


if __name__ == "__main__":
    main()
