"""Neural style transfer: a photograph and a painting in, the photograph painted that way out.

>>> import impasto
>>> image = impasto.stylize("sample:chelsea", "sample:flow", impasto.StylizeSettings(size=32, steps=2, scales=1))
>>> impasto.write("painted.png", image)
()

`impasto.apply("photo.jpg", style="starry=0.7,wave=0.3")` paints in one pass of a trained network.

`for progress in impasto.run_sweep(impasto.read_sweep("weights"), "folder")` makes a grid of pictures.

Each verb that optimises has a second function that yields every step, such as `impasto.stylize_steps`; to stop a run,
stop reading. The functions of training yield steps, too. Called again, they continue from their last checkpoint.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from impasto.version import __version__

if TYPE_CHECKING:
    from impasto import encoders
    from impasto.errors import ImpastoError, UsageError
    from impasto.image import Picture, load, write
    from impasto.jobs.report import write_page
    from impasto.jobs.spec import Sweep, read_sweep
    from impasto.jobs.sweep import run_sweep
    from impasto.settings.editing import ApplySettings, BlendSettings, CompareSettings
    from impasto.settings.presets import preset
    from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, TextureSettings
    from impasto.settings.train import TrainAnySettings, TrainStyleSettings, TrainTextureSettings
    from impasto.synthesis import Step
    from impasto.tasks.apply import apply
    from impasto.tasks.blend import blend
    from impasto.tasks.compare import compare
    from impasto.tasks.export import export
    from impasto.tasks.reconstruct import reconstruct, reconstruct_steps
    from impasto.tasks.scene.regions import Region
    from impasto.tasks.stylize import stylize, stylize_steps
    from impasto.tasks.texture import texture, texture_steps
    from impasto.tasks.training.any_style import train_any_steps
    from impasto.tasks.training.loop import TrainStep
    from impasto.tasks.training.style import train_style_steps
    from impasto.tasks.training.texture import train_texture_steps

__all__ = [
    "ApplySettings",
    "BlendSettings",
    "CompareSettings",
    "ImpastoError",
    "Picture",
    "ReconstructSettings",
    "Region",
    "Step",
    "StylizeSettings",
    "Sweep",
    "TextureSettings",
    "TrainAnySettings",
    "TrainStep",
    "TrainStyleSettings",
    "TrainTextureSettings",
    "UsageError",
    "__version__",
    "apply",
    "blend",
    "compare",
    "encoders",
    "export",
    "load",
    "preset",
    "read_sweep",
    "reconstruct",
    "reconstruct_steps",
    "run_sweep",
    "stylize",
    "stylize_steps",
    "texture",
    "texture_steps",
    "train_any_steps",
    "train_style_steps",
    "train_texture_steps",
    "write",
    "write_page",
]

# The module of each name, imported at the first access: torch takes seconds, and `impasto --help` must not.
_MODULES = {
    "ApplySettings": "impasto.settings.editing",
    "BlendSettings": "impasto.settings.editing",
    "CompareSettings": "impasto.settings.editing",
    "ImpastoError": "impasto.errors",
    "Picture": "impasto.image",
    "ReconstructSettings": "impasto.settings.synthesis",
    "Region": "impasto.tasks.scene.regions",
    "Step": "impasto.synthesis",
    "StylizeSettings": "impasto.settings.synthesis",
    "Sweep": "impasto.jobs.spec",
    "TextureSettings": "impasto.settings.synthesis",
    "TrainAnySettings": "impasto.settings.train",
    "TrainStep": "impasto.tasks.training.loop",
    "TrainStyleSettings": "impasto.settings.train",
    "TrainTextureSettings": "impasto.settings.train",
    "UsageError": "impasto.errors",
    "apply": "impasto.tasks.apply",
    "blend": "impasto.tasks.blend",
    "compare": "impasto.tasks.compare",
    "export": "impasto.tasks.export",
    "load": "impasto.image",
    "preset": "impasto.settings.presets",
    "read_sweep": "impasto.jobs.spec",
    "reconstruct": "impasto.tasks.reconstruct",
    "reconstruct_steps": "impasto.tasks.reconstruct",
    "run_sweep": "impasto.jobs.sweep",
    "stylize": "impasto.tasks.stylize",
    "stylize_steps": "impasto.tasks.stylize",
    "texture": "impasto.tasks.texture",
    "texture_steps": "impasto.tasks.texture",
    "train_any_steps": "impasto.tasks.training.any_style",
    "train_style_steps": "impasto.tasks.training.style",
    "train_texture_steps": "impasto.tasks.training.texture",
    "write": "impasto.image",
    "write_page": "impasto.jobs.report",
}


def __getattr__(name: str) -> object:
    if name == "encoders":
        return import_module("impasto.encoders")
    if name not in _MODULES:
        raise AttributeError(f"module 'impasto' has no attribute '{name}'")
    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
