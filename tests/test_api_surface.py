"""What `import impasto` offers, as a list: whoever changes it changes it here, on purpose."""

from __future__ import annotations

import subprocess
import sys

import pytest

import impasto

SURFACE = """
ApplySettings
BlendSettings
CompareSettings
ImpastoError
Picture
ReconstructSettings
Region
Step
StylizeSettings
Sweep
TextureSettings
TrainAnySettings
TrainStep
TrainStyleSettings
TrainTextureSettings
UsageError
__version__
apply
blend
compare
encoders
export
load
preset
read_sweep
reconstruct
reconstruct_steps
run_sweep
stylize
stylize_steps
texture
texture_steps
train_any_steps
train_style_steps
train_texture_steps
write
write_page
"""


def test_the_surface_is_this_list() -> None:
    assert impasto.__all__ == SURFACE.split()
    assert set(SURFACE.split()) <= set(dir(impasto))


@pytest.mark.parametrize("name", SURFACE.split())
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(impasto, name)
    assert value.__doc__
    assert not callable(value) or value.__name__ == name


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        _ = impasto.stylise  # type: ignore[attr-defined]


def test_importing_impasto_does_not_import_torch() -> None:
    code = "import sys, impasto; assert 'torch' not in sys.modules; impasto.encoders.load; impasto.StylizeSettings()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_settings_import_torch_or_what_reads_pictures() -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        "import impasto.settings\n"
        "for module in pkgutil.iter_modules(impasto.settings.__path__, 'impasto.settings.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'impasto.settings.recipe' in sys.modules\n"
        "assert not {'torch', 'numpy', 'PIL'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_star_import_gives_the_verbs() -> None:
    subprocess.run([sys.executable, "-c", "from impasto import *; stylize, load, UsageError, encoders"], check=True)


def test_every_module_imports_where_only_unix_has_more() -> None:
    """As on Windows, which lacks these modules of the standard library. (`encoders/download.py` asks for the platform
    before it imports `fcntl`.)"""
    code = (
        "import importlib, pkgutil, sys\n"
        "sys.modules.update(dict.fromkeys(('resource', 'pwd', 'grp', 'termios', 'readline')))\n"
        "import impasto\n"
        "names = [m.name for m in pkgutil.walk_packages(impasto.__path__, 'impasto.') if '__main__' not in m.name]\n"
        "print(len([importlib.import_module(name) for name in names]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150
