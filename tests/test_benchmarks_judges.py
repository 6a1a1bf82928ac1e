"""The judges' figures against independent formulas, on small random networks."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import ot
import pytest
import torch
from benchmarks.judges import judge as judging
from benchmarks.judges.distances import (
    gram,
    positions,
    projected_quantiles,
    relative_square,
    self_similarity_divergence,
    sliced_wasserstein,
)
from benchmarks.judges.efficientnet import OUTPUTS, STRIDES, EfficientNetLite0
from benchmarks.judges.judge import FIGURES, Judges, chroma_speckle, known_picture
from benchmarks.judges.lpips import ShiftTolerantLpips
from benchmarks.judges.pictures import fitted, judged_size, open_rgb, to_tensor
from benchmarks.judges.weights import VGG19, WeightFile, package_folders
from benchmarks.pairs import speckle
from PIL import Image
from scipy import stats
from scipy.special import rel_entr, softmax
from torch import Tensor, nn

from impasto.encoders.vgg import VGG
from impasto.errors import ImpastoError, UsageError
from impasto.losses import blotches


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def efficientnet_state() -> dict[str, Tensor]:
    """Random weights of a network as deep as the real one, with a few channels in each block."""
    widths = (4, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 8)
    state: dict[str, Tensor] = {}

    def conv(name: str, out: int, into: int, side: int) -> None:
        state[f"{name}.weight"] = random(out, into, side, side, seed=len(state)) / (into * side**2) ** 0.5

    def norm(name: str, channels: int) -> None:
        seed = len(state)
        state[f"{name}.running_mean"], state[f"{name}.bias"] = (random(channels, seed=seed + k) / 4 for k in range(2))
        state[f"{name}.running_var"], state[f"{name}.weight"] = (
            0.5 + random(channels, seed=seed + k).abs() for k in (2, 3)
        )

    conv("_conv_stem", widths[0], 3, 3)
    norm("_bn0", widths[0])
    for i, (into, out) in enumerate(pairwise(widths)):
        inner = into if i == 0 else 2 * into
        if i:
            conv(f"_blocks.{i}._expand_conv", inner, into, 1)
            norm(f"_blocks.{i}._bn0", inner)
        conv(f"_blocks.{i}._depthwise_conv", inner, 1, 5 if i % 2 else 3)
        norm(f"_blocks.{i}._bn1", inner)
        conv(f"_blocks.{i}._project_conv", out, inner, 1)
        norm(f"_blocks.{i}._bn2", out)
    return state


def lpips_state() -> dict[str, Tensor]:
    """Random weights of two stages with two convolutions each, in an order of keys that is not the network's."""
    blur = torch.tensor([1.0, 2.0, 1.0])
    state = {"lin0.model.1.weight": random(1, 4, 1, 1, seed=9).abs(), "lin1.model.1.weight": random(1, 6, 1, 1).abs()}
    state["net.slice2.10.filt"] = (blur[:, None] * blur / 16).expand(4, 1, 3, 3)
    for k, (name, out, into) in enumerate((("1.2", 4, 4), ("1.0", 4, 3), ("2.13", 6, 6), ("2.11", 6, 4))):
        state[f"net.slice{name}.weight"] = random(out, into, 3, 3, seed=k) / 5
        state[f"net.slice{name}.bias"] = random(out, seed=k + 20) / 10
    state["scaling_layer.shift"] = torch.tensor([-0.03, -0.09, -0.19]).view(1, 3, 1, 1)
    state["scaling_layer.scale"] = torch.tensor([0.46, 0.45, 0.45]).view(1, 3, 1, 1)
    return state


@pytest.fixture
def judges(tiny: VGG) -> Judges:
    return Judges(tiny, EfficientNetLite0(efficientnet_state()), ShiftTolerantLpips(lpips_state()))


def saved(file: Path, pixels: Tensor) -> Path:
    Image.fromarray((255 * pixels[0].permute(1, 2, 0)).round().byte().numpy()).save(file)
    return file


def test_one_direction_is_the_wasserstein_distance_of_scipy_and_pot() -> None:
    a, b = random(1, 1, 8, 8), 2 * random(1, 1, 8, 8, seed=1) + 1
    # 64 samples divide 2048 quantiles: the quantiles are the samples, so the distance is exact
    p, q = (projected_quantiles(x, directions=1) for x in (a, b))
    x, y = (v.flatten().double().numpy() for v in (a, b))
    assert float((p - q).abs().mean()) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-5)
    assert sliced_wasserstein(p, q) == pytest.approx(ot.wasserstein_1d(x, y, p=2) / y.var(), rel=1e-5)


def test_quantiles_are_the_middles_of_equal_shares() -> None:
    samples = torch.tensor([30.0, 10.0, 20.0]).view(1, 1, 1, 3)
    found = projected_quantiles(samples, directions=1, count=2)
    assert sorted(found.abs()[0].tolist()) == [10, 30]  # of three samples, those at 1/4 and at 3/4


def test_many_directions_are_pots_and_numbers_of_samples_may_differ() -> None:
    a, b = random(1, 5, 8, 8), random(1, 5, 16, 16, seed=1) * torch.arange(1, 6).view(1, 5, 1, 1)
    axes = torch.randn(128, 5, generator=torch.Generator().manual_seed(0))
    axes = (axes / axes.norm(dim=1, keepdim=True)).double()
    x, y = (v[0].flatten(1).T.double() for v in (a, b))
    expected = ot.sliced_wasserstein_distance(x.numpy(), y.numpy(), projections=axes.T.numpy()) ** 2
    variance = float((y @ axes.T).var(dim=0, correction=0).mean())
    found = sliced_wasserstein(projected_quantiles(a), projected_quantiles(b))
    assert found == pytest.approx(expected / variance, rel=1e-5)


def test_gram_matrices_and_relative_squares() -> None:
    f = random(1, 3, 4, 5)
    expected = np.einsum("ihw,jhw->ij", f[0].numpy(), f[0].numpy()) / 20
    assert gram(f).numpy() == pytest.approx(expected, rel=1e-5)
    assert relative_square(torch.tensor([1.0, 4.0]), torch.tensor([3.0, 4.0])) == pytest.approx(4 / 25)


def test_self_similarity_divergence_is_scipys_entropy() -> None:
    a, b = random(1, 6, 8, 8), random(1, 6, 8, 8, seed=1)
    rows = []
    for x in (a, b):
        points = x[0].reshape(6, 4, 2, 4, 2).mean((2, 4)).reshape(6, 16).T.double().numpy()
        unit = points / np.linalg.norm(points, axis=1, keepdims=True)
        rows.append(softmax(unit @ unit.T / 0.1, axis=1))
    expected = rel_entr(rows[1], rows[0]).sum(1).mean()
    found = self_similarity_divergence(positions(a, side=4), positions(b, side=4))
    assert found == pytest.approx(expected, rel=1e-4)


class Bottleneck(nn.Module):
    """The block by PyTorch's own modules, with its input padded as TensorFlow pads even sides."""

    def __init__(self, state: dict[str, Tensor], prefix: str, stride: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        norms = iter(("_bn0", "_bn1", "_bn2") if f"{prefix}_expand_conv.weight" in state else ("_bn1", "_bn2"))
        for name in ("_expand_conv", "_depthwise_conv", "_project_conv"):
            if (weight := state.get(f"{prefix}{name}.weight")) is None:
                continue
            groups, own = (len(weight), stride) if name == "_depthwise_conv" else (1, 1)
            side = weight.shape[-1]
            low = (side - own) // 2
            conv = nn.Conv2d(weight.shape[1] * groups, len(weight), side, own, groups=groups, bias=False)
            conv.load_state_dict({"weight": weight})
            stage = [
                nn.ZeroPad2d((low, side - own - low) * 2 if side > 1 else 0),
                conv,
                batch_norm(state, prefix + next(norms)),
            ]
            self.stages.append(nn.Sequential(*stage, *([] if name == "_project_conv" else [nn.ReLU6()])))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for stage in self.stages:
            y = stage(y)
        return x + y if x.shape == y.shape else y


def batch_norm(state: dict[str, Tensor], name: str) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(len(state[f"{name}.weight"]), eps=1e-3).eval()
    norm.load_state_dict(
        {key: state[f"{name}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")}, strict=False
    )
    return norm


@torch.no_grad()
def test_efficientnet_is_the_network_of_pytorchs_modules() -> None:
    state = efficientnet_state()
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    x = (image - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        1, 3, 1, 1
    )
    x = batch_norm(state, "_bn0")(
        nn.functional.conv2d(nn.functional.pad(x, (0, 1, 0, 1)), state["_conv_stem.weight"], stride=2)
    )
    x, expected = x.clamp(0, 6), []
    for i, stride in enumerate(STRIDES):
        x = Bottleneck(state, f"_blocks.{i}.", stride)(x)
        expected += [x] if i in OUTPUTS else []
    found = EfficientNetLite0(state)(image)
    assert [tuple(f.shape[-2:]) for f in found] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert len(expected) == len(found)
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@torch.no_grad()
def test_lpips_is_the_distance_of_pytorchs_modules() -> None:
    state = lpips_state()

    def conv(name: str) -> nn.Module:
        weight = state[f"net.slice{name}.weight"]
        made = nn.Conv2d(weight.shape[1], len(weight), 3, padding=1)
        made.load_state_dict({"weight": weight, "bias": state[f"net.slice{name}.bias"]})
        return made

    blur = nn.Conv2d(4, 4, 3, stride=2, padding=1, padding_mode="reflect", groups=4, bias=False)
    blur.load_state_dict({"weight": state["net.slice2.10.filt"]})
    first = nn.Sequential(conv("1.0"), nn.ReLU(), conv("1.2"), nn.ReLU())
    second = nn.Sequential(nn.MaxPool2d(2, stride=1), blur, conv("2.11"), nn.ReLU(), conv("2.13"), nn.ReLU())
    a, b = (torch.rand(1, 3, 16, 20, generator=torch.Generator().manual_seed(k)) for k in range(2))
    shallow = [first((2 * x - 1 - state["scaling_layer.shift"]) / state["scaling_layer.scale"]) for x in (a, b)]
    expected = 0.0
    for k, (x, y) in enumerate((shallow, [second(x) for x in shallow])):
        difference = nn.functional.normalize(x, dim=1) - nn.functional.normalize(y, dim=1)
        expected += float((state[f"lin{k}.model.1.weight"] * difference**2).sum(1).mean())
    lpips = ShiftTolerantLpips(state)
    assert lpips.distance(lpips.features(a), lpips.features(b)) == pytest.approx(expected, rel=1e-4)
    assert lpips.distance(lpips.features(a), lpips.features(a)) == 0


def test_the_photo_and_the_painting_are_the_two_ends(judges: Judges, tmp_path: Path) -> None:
    photo, painting = (saved(tmp_path / f"{k}.png", known_picture(k)) for k in range(2))
    own, other = judges(photo, painting, photo), judges(photo, painting, painting)
    assert tuple(own) == tuple(other) == FIGURES
    assert (own["eff"], own["gram"], own["lpips"], own["cfsd"], own["relu42"]) == pytest.approx(
        (0, 0, 0, 0, 0), abs=1e-4
    )
    assert (other["eff"], other["gram"]) == pytest.approx((100, 100), abs=1e-4)
    assert min(other["lpips"], other["cfsd"], other["relu42"]) > 0.01
    assert own["score"] == pytest.approx(2)
    assert other["score"] == pytest.approx(1 + other["lpips"])


def test_figures_are_what_their_names_say(judges: Judges, tiny: VGG, tmp_path: Path) -> None:
    photo, painting, picture = (saved(tmp_path / f"{k}.png", known_picture(k)) for k in range(3))
    found = judges(photo, painting, picture)
    p, a, x = (to_tensor(open_rgb(file)) for file in (photo, painting, picture))
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]

    def far(image: Tensor) -> float:
        ours, theirs = tiny(image, layers), tiny(a, layers)
        pairs = ((gram(ours[n]), gram(theirs[n])) for n in layers)
        return sum(float(((g - h) ** 2).sum() / (h**2).sum()) for g, h in pairs)

    assert found["gram"] == pytest.approx(100 * (1 - far(x) / far(p)), rel=1e-4)
    deep = [tiny(image, ["relu4_2"])["relu4_2"] for image in (x, p)]
    assert found["relu42"] == pytest.approx(float(((deep[0] - deep[1]) ** 2).sum() / (deep[1] ** 2).sum()), rel=1e-4)
    assert found["score"] == pytest.approx((1 + found["lpips"]) * (2 - found["eff"] / 100))
    assert found["blotch"] == pytest.approx(255 * float(blotches(x, p)) ** 0.5, rel=1e-4)


def test_the_order_of_pictures_does_not_change_figures(judges: Judges, tmp_path: Path) -> None:
    a, b, c = (saved(tmp_path / f"{k}.png", known_picture(k)) for k in range(3))
    first = judges(a, b, c)
    assert judges(b, a, c) != first
    assert judges(a, b, c) == first


def test_speckle_is_relative_to_the_greater_input() -> None:
    plain, noise = torch.full((1, 3, 40, 40), 0.5), 0.1 * random(1, 3, 40, 40)
    weak, strong = (plain + noise * k for k in (0.2, 0.4))
    assert chroma_speckle(strong, weak, plain) == pytest.approx(2, rel=0.05)
    assert chroma_speckle(weak, weak, strong) == pytest.approx(0.5, rel=0.05)
    grey = chroma_speckle(strong, plain, plain)
    assert grey == pytest.approx(speckle(strong)[1] / 0.1)


def test_equal_photo_and_painting_are_refused(judges: Judges, tmp_path: Path) -> None:
    photo, picture = (saved(tmp_path / f"{k}.png", known_picture(k)) for k in range(2))
    with pytest.raises(UsageError, match="same style"):
        judges(photo, photo, picture)


def test_a_change_of_the_judges_is_noticed(judges: Judges, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judges.figures(known_picture(2), judges.references(known_picture(0), known_picture(1)))
    monkeypatch.setattr(judging, "KNOWN", found)
    judges.check()
    monkeypatch.setattr(judging, "KNOWN", {**found, "cfsd": 1.01 * found["cfsd"]})
    with pytest.raises(ImpastoError, match="the judges changed: cfsd"):
        judges.check()


def test_the_sizes_of_judging() -> None:
    assert judged_size((512, 300)) == (512, 300)
    assert judged_size((300, 1024)) == (150, 512)
    assert fitted((1000, 20), 500) == (500, 32)


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("nothing")
    with pytest.raises(UsageError, match=r"a\.png"):
        open_rgb(tmp_path / "a.png")


def test_weights_are_found_in_a_folder_and_checked(tmp_path: Path) -> None:
    content = b"weights"
    file = WeightFile("some==1", "some_package", "in/a.pth", hashlib.sha256(content).hexdigest())
    with pytest.raises(UsageError, match=r"some==1 are not in .*impasto\[judges\]"):
        file.locate(tmp_path)
    path = tmp_path / "some_package" / "in" / "a.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert file.locate(tmp_path) == path
    path.write_bytes(b"others")
    with pytest.raises(ImpastoError, match="is not the file of some==1"):
        file.locate(tmp_path)


def test_an_installed_package_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "unimportable_judge"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert package_folders("unimportable_judge") == [package]
    assert package_folders("no_such_judge") == []
    assert len(VGG19.digest) == 64
