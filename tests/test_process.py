"""The setting of the C library, in processes of its own."""

import os
import platform
import subprocess
import sys

import pytest

from impasto import process

CODE = """
import resource, sys
from impasto.process import keep_freed_memory
done = keep_freed_memory() if sys.argv[1] == "keep" else False
import torch
from impasto import encoders
torch.set_num_threads(1)
network = encoders.load("lite")
def step():
    picture = torch.full((1, 3, 512, 512), 0.5, requires_grad=True)
    network(picture, ["relu3_1"])["relu3_1"].sum().backward()
for _ in range(3): step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3): step()
print(done, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(what: str, **more: str) -> tuple[str, int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    told = subprocess.run(
        [sys.executable, "-c", CODE, what], env=clean | more, capture_output=True, text=True, check=True
    )
    done, count = told.stdout.split()
    return done, int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_freed_memory_is_used_again_without_page_faults():
    (done, kept), (_, usual) = faults("keep"), faults("leave")
    assert done == "True"
    # How many there are without depends on what lies at the heap's end, and on the size of pages: 130 to 75000.
    assert kept < usual / 3


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_the_environment_takes_precedence():
    assert faults("keep", MALLOC_TRIM_THRESHOLD_="131072")[0] == "False"


@pytest.mark.parametrize(
    ("system", "there", "found"), [("darwin", None, "1"), ("darwin", "0", "0"), ("linux", None, None)]
)
def test_the_processor_helps_apples_gpus_out(system, there, found, monkeypatch):
    name = "PYTORCH_ENABLE_MPS_FALLBACK"
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv(name, there) if there else monkeypatch.delenv(name, raising=False)
    process.help_out()
    try:
        assert os.environ.get(name) == found
    finally:
        os.environ.pop(name, None)


@pytest.mark.parametrize(
    ("several", "there", "found"), [(True, None, "ERROR"), (True, "INFO", "INFO"), (False, None, None)]
)
def test_of_several_processes_one_tells_of_errors(several, there, found, monkeypatch):
    name = "TORCH_CPP_LOG_LEVEL"
    monkeypatch.setenv("WORLD_SIZE", "2") if several else monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv(name, there) if there else monkeypatch.delenv(name, raising=False)
    process.speak_for_all()
    try:
        assert os.environ.get(name) == found
    finally:
        os.environ.pop(name, None)
