"""Measure the studio: `python -m benchmarks.studio PHOTO PAINTING`. Needs the extra `studio`, Playwright and Chromium.

The figures are those of docs/studio.md: seconds until the page is usable, its weight, the first preview, updates
during a run, the cost of the live preview, and a crowd of visitors.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

TRIES = 20
CROWD, OPTIMISING = 20, 5
RUN = {"size": 512, "steps": 60, "scales": 1}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@contextmanager
def studio(folder: Path) -> Iterator[tuple[str, float, int]]:
    """Start `impasto studio`; yield its address, the time of its start on the clock, and the number of its process."""
    began = time.perf_counter()
    words = [sys.executable, "-m", "impasto", "studio", "--port", "0", "--folder", str(folder)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    address = process.stderr.readline().split()[-1]
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield address, began, process.pid
    finally:
        process.terminate()
        process.wait(30)


def peak(pid: int) -> float:
    """Return the peak memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def client(address: str) -> httpx.Client:
    return httpx.Client(base_url=f"{address}api/v1", timeout=600)


def upload(http: httpx.Client, file: Path) -> str:
    return str(http.post("/pictures", params={"name": file.name}, content=file.read_bytes()).json()["source"])


def follow(http: httpx.Client, run: str) -> list[tuple[float, dict[str, Any]]]:
    """Return all events of a run with their times."""
    events = []
    with http.stream("GET", f"/runs/{run}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                events.append((time.perf_counter(), json.loads(line[6:])))
                if events[-1][1]["state"] in {"done", "failed"}:
                    break
    return events


def page(photo: Path, painting: Path) -> Iterator[tuple[str, str]]:
    """Yield the figures of the page in Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    starts, first, tasks = [], [], []
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for _ in range(3):
            with studio(Path(folder)) as (address, began, _):
                window = browser.new_page()
                window.goto(address)
                window.wait_for_function("() => document.body.dataset.state === 'ready'")
                starts.append(time.perf_counter() - began)
                window.close()
        yield "command to usable page, s", f"{statistics.median(starts):.2f} (worst {max(starts):.2f}) of 3"
        with studio(Path(folder)) as (address, _, _):
            window = browser.new_page()
            window.goto(address)
            window.wait_for_function("() => document.body.dataset.state === 'ready'")
            window.wait_for_timeout(500)
            yield "weight before pictures, kB", f"{window.evaluate(WEIGHT) / 1000:.0f}"
            window.close()
            for _ in range(TRIES):
                window = browser.new_context().new_page()
                window.add_init_script(LONG_TASKS)
                window.goto(address)
                window.wait_for_function("() => document.body.dataset.state === 'ready'")
                began = time.perf_counter()
                window.set_input_files("#photo-file", photo)
                window.set_input_files("#painting-file", painting)
                window.wait_for_function("() => document.querySelector('#caption').textContent.startsWith('Preview')")
                first.append(time.perf_counter() - began)
                tasks.append(window.evaluate("window.longest ?? 0"))
                window.context.close()
            yield "two pictures to the first preview, s", f"{statistics.median(first):.2f} (worst {max(first):.2f})"
            yield "longest task of the page, ms", f"{max(tasks):.0f}"
        browser.close()


WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter(({ name }) => !/image|preview|events/.test(name.split("?")[0].split("/").pop()))
  .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)"""

LONG_TASKS = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
}).observe({ type: "longtask", buffered: true });
"""


def by_command_line(photo: Path, painting: Path, output: Path) -> float:
    """Return the seconds of the steps of the same run without a studio."""
    settings = [word for name, value in RUN.items() for word in (f"--{name}", str(value))]
    words = [sys.executable, "-m", "impasto", "stylize", *map(str, (photo, painting)), "-o", str(output), "--json"]
    words += ["--overwrite", *settings]
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    steps = [event for event in map(json.loads, lines) if event["event"] == "step"]
    return float(steps[-1]["seconds"])


def live(photo: Path, painting: Path) -> Iterator[tuple[str, str]]:
    """Yield the gaps between updates, and the cost of a run in the studio beside the same run of the library."""
    ratios = []
    with (
        tempfile.TemporaryDirectory() as folder,
        studio(Path(folder)) as (address, _, _),
        closing(client(address)) as http,
    ):
        style = [{"source": upload(http, painting)}]
        request = {"task": "stylize", "content": upload(http, photo), "style": style, "settings": RUN}
        gaps: list[float] = []
        for _ in range(3):
            events = follow(http, http.post("/runs", json=request).json()["id"])
            shown = [at for at, run in events if run["step"]]
            gaps += [after - before for before, after in itertools.pairwise(shown)]
            inside = events[-1][1]["step"]["seconds"]
            ratios.append(inside / by_command_line(photo, painting, Path(folder) / "painted.png"))
        yield "longest gap between updates, s", f"{max(gaps):.2f} (median {statistics.median(gaps):.2f})"
        yield (
            "seconds of a run in the studio over the command line's",
            f"{statistics.median(ratios):.3f} of 3 ({RUN['steps']} steps at 512 px)",
        )


def crowd(photo: Path, painting: Path) -> Iterator[tuple[str, str]]:
    """Yield how a crowd fares: visitors that upload and run at once."""
    ends: dict[int, tuple[str, float]] = {}

    def visit(k: int, address: str, began: float) -> None:
        with closing(client(address)) as http:
            request: dict[str, Any] = {"task": "apply", "content": upload(http, photo), "style": [{"source": "starry"}]}
            if k < OPTIMISING:
                request |= {"task": "stylize", "style": [{"source": upload(http, painting)}], "settings": {"size": 256}}
            run = follow(http, http.post("/runs", json=request).json()["id"])[-1][1]
            ends[k] = (run["state"], time.perf_counter() - began)

    with tempfile.TemporaryDirectory() as folder, studio(Path(folder)) as (address, _, pid):
        began = time.perf_counter()
        threads = [threading.Thread(target=visit, args=(k, address, began)) for k in range(CROWD)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = sum(state == "done" for state, _ in ends.values())
        yield f"{CROWD} visitors at once, {OPTIMISING} optimising at 256 px", f"{done} done"
        waits = [seconds for k, (_, seconds) in ends.items() if k >= OPTIMISING]
        yield "one pass: median and longest wait, s", f"{statistics.median(waits):.1f}, {max(waits):.1f}"
        yield "all done after, s; peak memory, MB", f"{max(s for _, s in ends.values()):.1f}; {peak(pid):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("painting", type=Path)
    parts = {"page": page, "live": live, "crowd": crowd}
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all by default")
    words = parser.parse_args()
    for name in words.parts or parts:
        for figure, value in parts[name](words.photo, words.painting):
            print(f"{figure:60} {value}", flush=True)


if __name__ == "__main__":
    main()
