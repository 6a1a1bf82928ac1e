"""Runs the commands of README.md, docs/start and docs/guides, made small, and checks the messages that are quoted.

    python docs/check_commands.py            # all pages
    python docs/check_commands.py paint.md   # pages whose path contains the word

Each page runs in a temporary folder of its own, from top to bottom, with a small photo, painting and masks in it. So a
command may read what an earlier one of the same page wrote. `rewritten` replaces sizes and steps by small ones, and
nothing else. Nothing is downloaded: commands that need a network or an extra outside of `dev` are in `EXCEPTIONS`, with
the reason. Python blocks of the pages run as well, those of one page in one process.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
import re
import shlex
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/start/*.md", "docs/guides/*.md", "docs/choosing.md")
MESSAGES = "docs/troubleshooting.md"
PARALLEL = 2
PATIENCE = 240
"""Seconds that a command may take."""

SIDE = 64
"""Longer side of results, in pixels."""

EXCEPTIONS = {
    "impasto weights fetch": "downloads",
    "impasto sweep networks": "75 pictures",
}
"""Beginnings of commands that are not run, and why."""

LARGE = {"--size": SIDE, "--width": SIDE, "--height": SIDE, "--steps": 2, "--style-size": SIDE, "--batch": 1}
"""Options whose numbers are made smaller, and their greatest numbers."""

RUN = ["--size", str(SIDE), "--steps", "2", "--scales", "1"]
ADDED = {
    "stylize": RUN,
    "reconstruct": RUN,
    "texture": RUN,
    "apply": [],
    "train style": ["--steps", "2", "--size", "64", "--batch", "1", "--style-size", "64", "--sheet-every", "0"],
    "train any": ["--steps", "2", "--size", "64", "--batch", "1", "--style-size", "64", "--sheet-every", "0"],
    "train texture": ["--steps", "2", "--size", "64", "--batch", "1", "--scales", "2", "--sheet-every", "0"],
}
"""Options that a command gets where it has none of the name."""

STOPPED = 130
"""Exit code after Ctrl-C, which is how a studio ends."""

SWEEP = ["--set", f"size={SIDE}", "--set", "steps=1", "--set", "scales=1", "--workers", "1"]


@dataclass(frozen=True)
class Block:
    """A command, or a block of Python, and the line where it stands."""

    line: int
    text: str
    python: bool = False


def blocks(markdown: str) -> Iterator[Block]:
    """Yield the commands of a page, in fenced and in indented blocks, and its blocks of Python."""
    fence, code, start = None, list[str](), 0
    for number, line in enumerate(markdown.splitlines(), 1):
        if line.startswith("```"):
            if fence is not None and fence.startswith("python"):
                yield Block(start, "\n".join(code), python=True)
            fence, code, start = (line[3:].strip() if fence is None else None), [], number
        elif fence is not None:
            code.append(line)
        indented = fence is None and line.startswith("    ")
        if (indented or fence in ("", "sh", "bash", "console")) and line.strip().startswith("impasto "):
            yield Block(number, line.strip())


def rewritten(text: str) -> list[str]:
    """Return the words of a command, with small sizes and few steps."""
    words = shlex.split(text, comments=True)[1:]
    name = " ".join(words[: 2 if words[0] in ("train", "weights", "plan") else 1])
    if words[0] == "studio":
        return [*(word for word in words if word != "--open"), "--port", "0", "--folder", "studio"]
    if words[0] == "sweep" and "--list" not in words:
        return [*words, *SWEEP]
    for place, word in enumerate(words[:-1]):
        if word in LARGE and words[0] not in ("plan", "export"):
            words[place + 1] = str(min(int(words[place + 1]), LARGE[word]))
    added = list[str]()
    for option, value in zip(ADDED.get(name, [])[::2], ADDED.get(name, [])[1::2], strict=True):
        if option not in words and not (option == "--size" and "--width" in words):
            added += [option, value]
    count = len(name.split())
    return [*words[:count], *added, *words[count:]]


def small(code: str) -> str:
    """Return a block of Python with small sizes."""
    code = re.sub(r"\bsize=\d+", f"size={SIDE}, steps=2, scales=1", code)
    return re.sub(r'"size": \d+', f'"size": {SIDE}, "steps": 2, "scales": 1', code)


def make_inputs(folder: Path) -> None:
    """Write the pictures that the pages name into `folder`."""
    from PIL import Image  # noqa: PLC0415

    samples = ROOT / "src" / "impasto" / "image" / "samples"
    painting = Image.open(samples / "flow.jpg").convert("RGB").resize((96, 72))
    photo = Image.open(samples / "points.jpg").convert("RGB").resize((96, 64))
    map_ = Image.new("RGB", (96, 64), "#2ca02c")
    map_.paste("#d62728", (0, 0, 40, 64))
    map_.paste("#1f77b4", (40, 0, 70, 64))
    mask = Image.new("L", (96, 64))
    mask.paste(255, (20, 10, 76, 54))
    for name in ("photo.jpg", "holidays/a.jpg", "holidays/more/b.png", "photos/a.jpg", "photos/b.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        photo.save(folder / name)
    for name in ("painting.jpg", "paintings/a.jpg", "paintings/b.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        painting.save(folder / name)
    for name in ("map.png", "photo-map.png"):
        map_.save(folder / name)
    map_.resize(painting.size, Image.Resampling.NEAREST).save(folder / "painting-map.png")
    mask.save(folder / "mask.png")
    photo.resize((48, 32)).save(folder / "bird.png")
    mask.resize((48, 32)).save(folder / "bird-mask.png")
    photo.resize((192, 128)).save(folder / "sea.jpg")
    for name in ("a.png", "b.png"):
        photo.save(folder / name)


def make_files(markdown: str, folder: Path) -> None:
    """Write the files of settings that a page shows: blocks of TOML that begin with a comment of their name."""
    for name, text in re.findall(r"```toml\n# (\S+\.toml)\n(.*?)```", markdown, re.DOTALL):
        (folder / name).write_text(text, encoding="utf-8")


def execute(block: Block, folder: str, output: str) -> None:
    """Run a block in `folder`, in a process of its own, with what it prints in the file `output`."""
    os.chdir(folder)
    with open(output, "w", encoding="utf-8") as file:  # noqa: PTH123 (the descriptors are what is needed)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ["COLUMNS"] = "120"
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    if block.python:
        exec(compile(small(block.text), f"line {block.line}", "exec"), {"__name__": "page"})
        return
    from impasto.cli import main  # noqa: PLC0415

    words = rewritten(block.text)
    if words[0] == "studio":
        threading.Thread(target=end_studio, args=(output,), daemon=True).start()
    code = main(words)
    sys.exit(0 if words[0] == "studio" and code == STOPPED else code)


def end_studio(output: str) -> None:
    """End the studio of this process by Ctrl-C, after it has answered."""
    while not (address := re.search(r"http://\S+/", Path(output).read_text(encoding="utf-8"))):
        time.sleep(0.05)
    with urllib.request.urlopen(f"{address.group()}api/v1/about") as answer:
        answer.read()
    signal.raise_signal(signal.SIGINT)


def run_page(path: Path, context: multiprocessing.context.BaseContext) -> tuple[int, list[str]]:
    """Run the blocks of a page; return their number, and a text for each that failed."""
    markdown, failed = path.read_text(encoding="utf-8"), list[str]()
    found = [block for block in blocks(markdown) if not any(block.text.startswith(text) for text in EXCEPTIONS)]
    commands = [block for block in found if not block.python]
    code = [block for block in found if block.python]
    if code:  # names of one block are used in the next
        commands.append(Block(code[0].line, "\n".join(block.text for block in code), python=True))
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(Path(folder))
        make_files(markdown, Path(folder))
        for block in commands:
            failure = _run(block, folder, context)
            if failure:
                what = "Python" if block.python else f"{block.text}\n  as: impasto {shlex.join(rewritten(block.text))}"
                failed.append(f"{path.relative_to(ROOT)}:{block.line}: {what}\n{failure}")
    return len(commands), failed


def _run(block: Block, folder: str, context: multiprocessing.context.BaseContext) -> str:
    with tempfile.NamedTemporaryFile(suffix=".txt") as output:
        process = context.Process(target=execute, args=(block, folder, output.name))  # type: ignore[attr-defined]
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            return f"still running after {PATIENCE} s"
        text = Path(output.name).read_text(encoding="utf-8", errors="replace")
        return f"exit code {process.exitcode}\n{text[-3000:]}" if process.exitcode else ""


def literals() -> str:
    """Return all texts of the source, one a line, with a zero byte in place of each value of an f-string."""
    found = list[str]()
    for path in sorted((ROOT / "src" / "impasto").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def unknown_messages() -> list[str]:
    """Return the quoted messages of the page of troubles of which a part is nowhere in the source.

    Values are compared with nothing: what stands in single quotes, numbers, `...` and other people's words.
    """
    source, unknown = literals(), list[str]()
    for line in (ROOT / MESSAGES).read_text(encoding="utf-8").splitlines():
        if not line.startswith("| ") or " | " not in line:
            continue
        for quoted in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
            if " " not in quoted or quoted in FOREIGN:
                continue
            parts = VALUES.split(quoted)
            unknown += [f"{MESSAGES}: '{quoted}': no '{p.strip()}'" for p in parts if p.strip(" ;:,") not in source]
    return unknown


FOREIGN = {"no such option: --keep-colour"}
"""Messages that another package makes."""

VALUES = re.compile(
    r"\.\.\.|'[^']*'|\b\d+x\d+\b|#?\b[0-9a-f]*\d[0-9a-f]*\b|\((?=did)|\?\)|\./\S+|\.safetensors"
    r"|\b(?:are|is|carries|carry|sample|photo|cuda|JPEG|relu5_1|vgg19|lite)\b"
)
"""What stands for a value in a quoted message."""


def main(words: list[str]) -> int:
    """Check all pages, or those whose path contains one of `words`; return the exit code."""
    began, total, failed = time.monotonic(), 0, unknown_messages()
    pages = [page for pattern in PAGES for page in sorted(ROOT.glob(pattern))]
    pages = [page for page in pages if not words or any(word in str(page) for word in words)]
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    if sys.platform != "win32":
        context.set_forkserver_preload(["torch", "impasto.cli.run", "impasto.cli.apply", "impasto.cli.training"])
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "docs")])}
    with ThreadPoolExecutor(PARALLEL) as pool:
        for page, (count, errors) in zip(pages, pool.map(lambda page: run_page(page, context), pages), strict=True):
            total += count
            failed += errors
            print(f"{page.relative_to(ROOT)}: {count} run, {len(errors)} failed", flush=True)
    for failure in failed:
        print(f"\n{failure}", file=sys.stderr)
    print(f"{total} commands and blocks in {time.monotonic() - began:.0f} s, {len(failed)} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
