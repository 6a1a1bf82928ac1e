"""VGG-19 on a GPU: speed against the textbook loop and against the arithmetic, memory of a large picture, the tests.

    python -m benchmarks.gpu --out FOLDER                            everything, at most 10 minutes: `benchmarks/gpu.sh`
    python -m benchmarks.gpu --out FOLDER --device cpu --small       the same code at 64 px, without a GPU

Each part is a process of its own with a time of its own, and `gpu.md` is written after each, so that a failure loses
nothing else. Weights are random: times and memory do not depend on them. No network is needed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import textbook
from impasto import encoders
from impasto.encoders import Encoder
from impasto.encoders.compiled import compile_network
from impasto.encoders.vgg import VGG, VGG19
from impasto.image import resize
from impasto.settings.synthesis import StylizeSettings
from impasto.synthesis import LBFGS, Evaluate, Scale, Step, synthesise
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.style import style_terms
from impasto.tasks.objective.terms import content_terms
from impasto.tasks.run.evaluator import evaluation
from impasto.tasks.scene.areas import Area, StyleImage
from impasto.tasks.stylize import stylize_job

ROOT = Path(__file__).resolve().parent.parent

PEAKS = {
    "H200": (989e12, 494e12),
    "H100 PCIe": (756e12, 378e12),
    "H100": (989e12, 494e12),
    "A100": (312e12, 156e12),
}
"""Dense FLOP/s in bfloat16 and in TF32, from NVIDIA's data sheets, by a part of the device's name."""

BUDGETS = {"speed": 200, "profile": 50, "large": 110, "pixels": 60, "tests": 100}
"""Seconds for each part."""


@dataclass(frozen=True)
class Plan:
    """What is run: `weights` is the file of the network's; `large` the side of the picture seen in tiles, within
    `memory`; `backend` the compiler."""

    device: torch.device
    weights: Path
    side: int = 512
    steps: int = 300
    large: int = 8192
    memory: str = "16GB"
    sides: tuple[int, ...] = (256, 512, 1024, 2048, 4096)
    backend: str = "inductor"

    def load(self, kind: torch.dtype) -> Encoder:
        encoder = encoders.load("vgg19", weights=self.weights, device=self.device, dtype=kind)
        assert isinstance(encoder, VGG)
        encoder.winograd = False  # on a CPU: what is counted and compared is the convolution by its definition
        return encoder

    def pictures(self, side: int) -> tuple[Tensor, Tensor]:
        """A photo and a painting with forms of all sizes, on the device."""
        draw = torch.Generator().manual_seed(0)
        made = []
        for _ in range(2):
            coarse = [torch.rand(1, 3, side // k, side // k, generator=draw) for k in (1, 4, 16)]
            made.append(sum(resize(part, (side, side)) for part in coarse).div(3).clamp(0, 1).to(self.device))
        return made[0], made[1]


def plan(device: str, small: bool, weights: Path) -> Plan:
    whole = Plan(torch.device(device), weights)
    if not small:
        return whole
    return replace(whole, side=64, steps=6, large=128, memory="99GB", sides=(64, 96), backend="aot_eager")


def write_weights(path: Path) -> None:
    """VGG-19 with random weights of He's scale, under the names of torchvision."""
    network, draw, state = VGG("vgg19", VGG19), torch.Generator().manual_seed(0), {}
    for number, name in enumerate(network.layers):
        if name in network.convs:
            weight, bias = (getattr(network.convs[name], part).data for part in ("weight", "bias"))
            nn.init.kaiming_normal_(weight, generator=draw)
            state |= {f"features.{number}.weight": weight, f"features.{number}.bias": bias.zero_()}
    save_file(state, path)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def peak(device: torch.device, found: dict[str, float]) -> Iterator[None]:
    """The most memory that tensors take on the device, in GB."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    yield
    if device.type == "cuda":
        found["peak"] = torch.cuda.max_memory_allocated() / 1e9


def objective(encoder: Encoder, content: Tensor, style: Tensor) -> Evaluate:
    """The textbook's layers, at Impasto's scale of weights."""
    context, area = Context(encoder), Area("picture", (StyleImage(style),))
    terms = content_terms(context, content, {"relu4_2": 1.0}, 1.0)
    terms += style_terms(context, [area], dict.fromkeys(encoder.default_style, 1.0), 40.0)
    return evaluation(context, terms)


def steps(evaluate: Evaluate, content: Tensor, count: int) -> Iterator[Step]:
    size = (content.shape[-2], content.shape[-1])
    return synthesise(content, [Scale(size, count, lambda: evaluate, LBFGS)], resize)


def failing(make: Callable[[], str], name: str) -> str:
    """A row of a table, or that it failed."""
    try:
        return make()
    except Exception as error:  # the other rows are still wanted
        return f"| {name} | failed: {type(error).__name__}: {' '.join(str(error).split())[:200]} |"


# The parts --------------------------------------------------------------------------------------------------------


def speed(plan: Plan) -> list[str]:
    """Time of all steps at one size, in each way, and what of the device's peak that is."""
    content, style = plan.pictures(plan.side)
    judge = objective(plan.load(torch.float32), content, style)
    name = torch.cuda.get_device_name() if plan.device.type == "cuda" else "CPU"
    peaks = next((rates for part, rates in PEAKS.items() if part in name), None)
    flops, start = count_flops(judge, content), loss_of(judge, content)
    lines = [
        f"VGG-19 to relu5_1, {plan.side}x{plan.side}, {plan.steps} evaluations with L-BFGS, {name}, "
        f"torch {torch.__version__}. A step is {flops / 1e12:.3f} TFLOP (forward, and backward to the picture). "
        f"A product of 8192x8192 matrices in bfloat16 reaches {product_rate(plan.device) / 1e12:.0f} TFLOP/s here. "
        "The loss is judged in float32, relative to the start; warming up and compiling are not counted.",
        "",
        "| way | seconds | ms a step, median | of the peak | loss | waits a step | peak GB | warming up, s |",
        "|---|---|---|---|---|---|---|---|",
        failing(lambda: textbook_row(plan, content, style, judge, start), "textbook loop, float32 (TF32)"),
    ]
    print("\n".join(lines), flush=True)
    for kind, compiled, tuned in (
        (torch.bfloat16, False, False),
        (torch.float32, False, False),
        (torch.bfloat16, False, True),
        (torch.bfloat16, True, False),
        (torch.float32, True, False),
    ):
        way = str(kind).removeprefix("torch.") + ", compiled" * compiled + ", cudnn.benchmark" * tuned
        rate = None if peaks is None else peaks[kind == torch.float32]

        def row(way: str = way, kind: torch.dtype = kind, compiled: bool = compiled, tuned: bool = tuned) -> str:
            return our_row(plan, way, kind, compiled, tuned, content, style, judge, start, flops, rate)  # noqa: B023

        lines.append(failing(row, way))
        print(lines[-1], flush=True)
    return lines


def loss_of(judge: Evaluate, picture: Tensor) -> float:
    with torch.no_grad():
        return float(judge(picture, 0)[0])


def count_flops(evaluate: Evaluate, picture: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        leaf = picture.clone().requires_grad_()
        torch.autograd.grad(evaluate(leaf, 0)[0], leaf)
    return counter.get_total_flops()


def product_rate(device: torch.device) -> float:
    """FLOP/s of the largest kind of work."""
    side, repeats = (8192, 10) if device.type == "cuda" else (256, 1)
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        a @ b
    wait(device)
    return repeats * 2 * side**3 / (time.perf_counter() - began)


def our_row(  # noqa: PLR0917
    plan: Plan,
    way: str,
    kind: torch.dtype,
    compiled: bool,
    tuned: bool,
    content: Tensor,
    style: Tensor,
    judge: Evaluate,
    start: float,
    flops: int,
    rate: float | None,
) -> str:
    torch.backends.cudnn.benchmark = tuned
    found: dict[str, float] = {}
    began = time.perf_counter()
    encoder = plan.load(kind)
    evaluate = objective(compile_network(encoder, plan.backend) if compiled else encoder, content, style)
    for _ in steps(evaluate, content, 5):
        pass
    wait(plan.device)
    warm = time.perf_counter() - began
    waits = count_waits(evaluate, content) if plan.device.type == "cuda" else float("nan")
    with peak(plan.device, found):
        ends, last = [0.0], None
        for last in steps(evaluate, content, plan.steps):
            ends.append(last.seconds)
        wait(plan.device)
    torch.backends.cudnn.benchmark = False
    assert last is not None
    middle = statistics.median(b - a for a, b in pairwise(ends[1:]))
    share = "" if rate is None else f"{flops / middle / rate:.0%}"
    loss = loss_of(judge, last.image()) / start
    memory = f"{found['peak']:.2f}" if found else ""
    return (
        f"| Impasto, {way} | {ends[-1]:.2f} | {1e3 * middle:.2f} | {share} | {loss:.4f} | {waits:.1f} | {memory} "
        f"| {warm:.1f} |"
    )


def count_waits(evaluate: Evaluate, content: Tensor, count: int = 5) -> float:
    """How often a step waits for the GPU."""
    run = steps(evaluate, content, count + 1)
    next(run)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in run:
                pass
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing" in str(warning.message) for warning in caught) / count


def textbook_row(plan: Plan, content: Tensor, style: Tensor, judge: Evaluate, start: float) -> str:
    """The textbook's loop with the same weights, everything on the device."""
    network = plan.load(torch.float32)
    layers: list[tuple[str, nn.Module]] = [("normalise", textbook.Normalise().to(plan.device))]
    for name in network.layers:
        if name.startswith("conv"):
            own = network.get_submodule(f"convs.{name}")
            conv = nn.Conv2d(own.in_channels, own.out_channels, 3, padding=1).to(plan.device)
            conv.load_state_dict({key: value.contiguous() for key, value in own.state_dict().items()})
            layers.append((name, conv))
        else:
            layers.append((name, nn.MaxPool2d(2) if name.startswith("pool") else nn.ReLU()))
        if name == "relu5_1":
            break
    began = time.perf_counter()
    textbook.run(content, style, min(25, plan.steps), layers=layers)
    wait(plan.device)
    warm, found = time.perf_counter() - began, dict[str, float]()
    with peak(plan.device, found):
        began = time.perf_counter()
        image, spent = textbook.run(content, style, plan.steps, layers=layers)
        wait(plan.device)
        seconds = (time.perf_counter() - began) * plan.steps / len(spent)  # it stops after whole rounds of 20
    memory = f"{found['peak']:.2f}" if found else ""
    return (
        f"| textbook loop, float32 (TF32) | {seconds:.2f} | {1e3 * seconds / plan.steps:.2f} | "
        f"| {loss_of(judge, image) / start:.4f} | | {memory} | {warm:.1f} |"
    )


def profile(plan: Plan) -> list[str]:
    """Where the time of a step in bfloat16 goes."""
    content, style = plan.pictures(plan.side)
    evaluate, count = objective(plan.load(torch.bfloat16), content, style), min(20, plan.steps)
    for _ in steps(evaluate, content, 5):
        pass
    kinds = [torch.profiler.ProfilerActivity.CPU]
    kinds += [torch.profiler.ProfilerActivity.CUDA] if plan.device.type == "cuda" else []
    with torch.profiler.profile(activities=kinds) as profiler:
        for _ in steps(evaluate, content, count):
            pass
        wait(plan.device)
    own = "self_device_time_total" if plan.device.type == "cuda" else "self_cpu_time_total"
    events = sorted(profiler.key_averages(), key=lambda event: -getattr(event, own))
    if plan.device.type == "cuda":  # kernels alone: the operators that launch them carry the same time
        events = [event for event in events if event.device_type == torch.autograd.DeviceType.CUDA]
    busy = sum(getattr(event, own) for event in events) / count / 1e3
    lines = [f"The device is busy for {busy:.2f} ms of a step. The longest:", "", "| what | calls a step | ms a step |"]
    lines.append("|---|---|---|")
    for event in events[:14]:
        name = event.key.replace("|", " ")[:90]
        lines.append(f"| `{name}` | {event.count / count:.1f} | {getattr(event, own) / count / 1e3:.3f} |")
    return lines


def large(plan: Plan) -> list[str]:
    """Three steps of `stylize` at a large size, in tiles and as it comes."""
    draw = torch.Generator().manual_seed(0)
    content, style = (torch.rand(3, plan.large, plan.large, generator=draw) for _ in range(2))
    lines = [
        f"`stylize`, VGG-19, {plan.large}x{plan.large}, 3 steps:",
        "",
        "| memory allowed | network seen | planned GB | peak GB | seconds a step | targets and all, s |",
        "|---|---|---|---|---|---|",
    ]
    for memory in (plan.memory, None):

        def row(memory: str | None = memory) -> str:
            settings = StylizeSettings(
                network="vgg19",
                weights=str(plan.weights),
                size=plan.large,
                steps=3,
                scales=1,
                init="photo",
                device=plan.device.type,
                precision="bfloat16",
                memory=memory,
                tile=64 if plan.large < 1024 and memory else None,
            )
            found: dict[str, float] = {}
            began = time.perf_counter()
            with peak(plan.device, found):
                job = stylize_job(content, style, settings)
                seen = "whole" if job.plan()[0].memory_plan.whole else "in tiles"
                ends = [step.seconds for step in job.steps()]
                wait(plan.device)
            whole = time.perf_counter() - began
            took = statistics.median(b - a for a, b in pairwise(ends))
            peaked = f"{found['peak']:.2f}" if found else ""
            return f"| {memory or 'all'} | {seen} | {job.peak / 1e9:.2f} | {peaked} | {took:.2f} | {whole:.1f} |"

        lines.append(failing(row, memory or "all"))
        print(lines[-1], flush=True)
    return lines


def pixels(plan: Plan) -> list[str]:
    """The cost of a step, whole, against its pixels."""
    encoder = plan.load(torch.bfloat16)
    lines = ["| side | ms a step | ns a pixel | peak GB |", "|---|---|---|---|"]
    for side in plan.sides:

        def row(side: int = side) -> str:
            content, style = plan.pictures(side)
            found: dict[str, float] = {}
            with peak(plan.device, found):
                evaluate = objective(encoder, content, style)
                ends = [step.seconds for step in steps(evaluate, content, 12)]
            took = statistics.median(b - a for a, b in pairwise(ends[1:]))
            peaked = f"{found['peak']:.2f}" if found else ""
            return f"| {side} | {1e3 * took:.2f} | {1e9 * took / side**2:.2f} | {peaked} |"

        lines.append(failing(row, str(side)))
        print(lines[-1], flush=True)
    return lines


def tests(plan: Plan) -> list[str]:
    """The tests marked `gpu`; without a GPU they are only collected."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "tests/gpu", "-q", "-p", "no:cacheprovider", "-rA"]
    command += ["-o", "filterwarnings=ignore"] + ([] if plan.device.type == "cuda" else ["--collect-only"])
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    output = (told.stdout + told.stderr).strip().splitlines()[-40:]
    return [f"pytest exits with {told.returncode}.", "", "```", *output, "```"]


PARTS = {"speed": speed, "profile": profile, "large": large, "pixels": pixels, "tests": tests}


# All of them ------------------------------------------------------------------------------------------------------


def run_all(args: argparse.Namespace, weights: Path) -> int:
    """Each part in a process of its own; `gpu.md` after each. The number of those that failed."""
    args.out.mkdir(parents=True, exist_ok=True)
    written, failed = ["# On a GPU", ""], 0
    for name in args.parts:
        command = [sys.executable, "-m", "benchmarks.gpu", "--part", name, "--weights", str(weights)]
        command += ["--device", args.device, "--out", str(args.out)] + ["--small"] * args.small
        began, result = time.perf_counter(), args.out / f"{name}.md"
        try:
            told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUDGETS[name], check=False)
            code, output = told.returncode, told.stdout + told.stderr
        except subprocess.TimeoutExpired as error:
            code, parts = -1, (error.stdout or b"", error.stderr or b"")
            output = "".join(part.decode(errors="replace") for part in parts) + f"\nstopped after {BUDGETS[name]} s"
        (args.out / f"{name}.log").write_text(output, encoding="utf-8")
        failed += code != 0
        body = (
            result.read_text(encoding="utf-8")
            if code == 0 and result.exists()
            else f"```\n{output[-3000:].strip()}\n```"
        )
        written += [f"## {name} ({time.perf_counter() - began:.0f} s)", "", body.strip(), ""]
        (args.out / "gpu.md").write_text("\n".join(written), encoding="utf-8")
        print("\n".join(written[-4:]), flush=True)
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a folder for the results")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="the same code on small pictures")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--part", choices=PARTS, help="this one only, here")
    parser.add_argument("--weights", type=Path, help="the file of the network's weights; made if not given")
    args = parser.parse_args()
    args.out = args.out.resolve()
    if args.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device here; --device cpu --small runs the same code without one")
    if args.part:
        lines = PARTS[args.part](plan(args.device, args.small, args.weights))
        (args.out / f"{args.part}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = args.weights or Path(folder) / "vgg19.safetensors"
        if not args.weights:
            write_weights(weights)
        raise SystemExit(1 if run_all(args, weights) else 0)


if __name__ == "__main__":
    main()
