"""How pictures are shown to the network: in tiles what they are at once, up to the finished picture."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

import impasto
from impasto import encoders
from impasto.encoders import Encoder
from impasto.encoders.resnet import ResNet
from impasto.encoders.vgg import VGG
from impasto.errors import UsageError
from impasto.image import Size, mapped
from impasto.losses import Part, total_variation
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, TextureSettings
from impasto.tasks.objective.context import Context, untiled
from impasto.tasks.tiling.tile_sizes import TileSizes
from impasto.tasks.tiling.tiled_objective import TiledObjective

PHOTO, PAINTING = "sample:chelsea", "sample:flow"

SIZE = (101, 131)

ROUNDING = 1e-5
"""By how much values of two runs in float64 may differ: a 400th of a level of 8 bits.

One evaluation in tiles differs from one at once by some roundoffs of 1.1e-16. L-BFGS enlarges differences at each
step, because its first move is so short that it learns from the last digits: in float32, three to twelve steps have
made up to 5e-3 of 6e-8. A halo that is too narrow, or a tile left out, is off by more than 1e-3.
"""


@cache
def network(name: str) -> Encoder:
    """One of each kind, in float64."""
    if name == "lite":
        return encoders.load("lite", dtype=torch.float64)
    widths = ((4, 4), (6, 6), (8, 8, 8, 8), (8, 8, 8, 8), (8,))
    network = ResNet(name, (2, 4, 2, 1), 4) if name == "resnet" else VGG(name, widths)
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.normal_(0, 0.2, generator=generator)
    return network.double()


def picture(size: Size) -> Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


every = pytest.mark.parametrize("name", ["lite", "vgg", "resnet"])

CUTS = {
    "tiles": TileSizes(0.0, 32),
    "the smallest": TileSizes(0.0, 1),
    "what fits": TileSizes(1e5),
    "only first": lambda *_: (40, 0),
    "only last": lambda *_: (0, 0, 4),
    "larger than the picture": TileSizes(0.0, 500),
    "none": TileSizes(0.0, 0),
}

cuts = pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)


@every
@cuts
@pytest.mark.parametrize("size", [SIZE, (64, 200)])
def test_features_put_together_from_tiles_are_those_of_the_whole_picture(name, cut, size):
    encoder, x = network(name), picture(size)
    layers = [*encoder.default_style, *encoder.default_content, next(iter(encoder.layers))]
    expected = encoder(x, layers)
    found = Context(encoder, tile_sizes=cut).features(x, layers)
    assert found.keys() == expected.keys()
    for layer, features in expected.items():
        torch.testing.assert_close(found[layer], features, rtol=1e-10, atol=1e-12, msg=layer)
        assert found[layer].is_contiguous(memory_format=torch.channels_last)


@every
@cuts
def test_every_position_is_shown_once(name, cut):
    encoder, x = network(name), picture(SIZE)
    layers = [*encoder.default_style, *encoder.default_content]
    expected = encoder(x, layers)
    count = {layer: torch.zeros(encoder.grid(layer, SIZE)) for layer in layers}

    def visit(layer: str, features: Tensor, part: Part) -> None:
        assert part.grid == encoder.grid(layer, SIZE)
        assert features.shape[-2:] == (part.height, part.width)
        torch.testing.assert_close(features, part.of(expected[layer]), rtol=1e-10, atol=1e-12)
        part.of(count[layer]).add_(1)

    Context(encoder, tile_sizes=cut).show(x, layers, visit)
    assert all((seen == 1).all() for seen in count.values())


def test_tiles_are_tiles():
    """The cuts above cut, in many parts and in some."""
    encoder, x = network("lite"), picture(SIZE)
    shown = {}
    for name, cut in CUTS.items():
        parts: dict[str, int] = {}

        def visit(layer: str, features: Tensor, part: Part, parts: dict[str, int] = parts) -> None:
            parts[layer] = parts.get(layer, 0) + 1

        Context(encoder, tile_sizes=cut).show(x, encoder.default_style, visit)
        shown[name] = [parts[layer] for layer in encoder.default_style]
    assert shown["tiles"][0] == 20  # 4 x 5 tiles of the picture
    assert all(count > 1 for count in [*shown["tiles"], *shown["the smallest"], *shown["what fits"]])
    assert shown["only first"] == [12, 12, 1, 1, 1]
    assert shown["only last"] == [1, 1, 1, 12, 4]
    assert shown["larger than the picture"] == shown["none"] == [1] * 5


def test_without_a_cut_a_picture_is_seen_at_once():
    encoder = network("lite")
    assert list(untiled(encoder, frozenset(["relu1_1"]), (5000, 5000))) == [0]
    assert Context(encoder).tile_sizes is untiled
    assert all(stage.whole for stage in Context(encoder).stages(encoder.default_style, (5000, 5000)))


def test_the_cut_is_asked_with_the_network_the_layers_and_the_size():
    encoder, asked = network("vgg"), []

    def cut(*arguments: object) -> tuple[int]:
        asked.append(arguments)
        return (16,)

    found = Context(encoder, tile_sizes=cut).stages(["relu3_1", "relu1_1"], SIZE)
    assert asked == [(encoder, frozenset(["relu1_1", "relu3_1"]), SIZE)]
    assert [stage.side for stage in found] == [16, 16]
    assert [stage.size for stage in found] == [SIZE, SIZE]


@every
def test_features_may_lie_in_files(name, tmp_path):
    """What is as large as the picture does: the features, and between the stages their ends."""
    encoder, x, made = network(name), picture(SIZE), []
    allocate = mapped(tmp_path)

    def counted(shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> Tensor:
        made.append(shape)
        return allocate(shape, kind, device)

    layers = [*encoder.default_style, *encoder.default_content]
    expected = encoder(x, layers)
    found = Context(encoder, tile_sizes=TileSizes(0.0, 32), allocate=counted).features(x, layers)
    for layer, features in expected.items():
        torch.testing.assert_close(found[layer], features, rtol=1e-10, atol=1e-12, msg=layer)
        assert found[layer].is_contiguous(memory_format=torch.channels_last)
    shapes = [(1, *features.shape[-2:], features.shape[1]) for features in expected.values()]
    ends = [stage.segment.end for stage in Context(encoder).stages(layers, SIZE) if stage.segment.end]
    shapes += [(1, *encoder.grid(end, SIZE), encoder.layers[end].channels) for end in ends]
    assert sorted(made) == sorted(shapes)


@cuts
def test_features_have_no_gradient_in_tiles(cut):
    """A target is a number, not a way back."""
    encoder, x = network("vgg"), picture(SIZE).requires_grad_()
    with torch.no_grad():
        found = Context(encoder, tile_sizes=cut).features(x, ["relu2_1", "relu4_2"])
    assert not any(features.requires_grad for features in found.values())


def test_no_layers_show_nothing():
    assert Context(network("vgg"), tile_sizes=TileSizes(0.0, 32)).features(picture(SIZE), []) == {}


@cuts
def test_layers_may_be_any_iterable(cut):
    """Also one that can be gone through only once."""
    found = Context(network("vgg"), tile_sizes=cut).features(picture(SIZE), iter(["relu1_1", "relu3_1"]))
    assert found.keys() == {"relu1_1", "relu3_1"}


# End to end


@pytest.fixture
def evaluations(monkeypatch) -> list[int]:
    """How many tiles the first stage has in each evaluation of an objective in tiles."""
    counts: list[int] = []
    call = TiledObjective.__call__

    def counted(self: TiledObjective, picture: Tensor) -> object:
        counts.append(len(list(self.stages[0].tiles())))
        return call(self, picture)

    monkeypatch.setattr(TiledObjective, "__call__", counted)
    return counts


def small(**changes: object) -> StylizeSettings:
    return StylizeSettings(**({"size": 200, "steps": 3, "scales": 1} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adam", "style_loss": "gram,w2(layers=relu3_1)=0.2", "laplacian_weight": 0.3},
        {"keep_color": "lab"},
        {"optimizer": "adam", "alpha_weight": 0.1, "content_layers": "relu3_1,relu4_2"},
        {"canvas": "pyramid"},
        {"optimizer": "adam", "style_scale": 2.0},
        {"mix": ("sample:ink=0.4",)},
    ],
    ids=str,
)
@pytest.mark.usefixtures("in_double")
def test_stylize_in_tiles_is_stylize_at_once(changes, evaluations):
    expected = impasto.stylize(PHOTO, PAINTING, small(**changes, tile=0))
    assert evaluations == []
    found = impasto.stylize(PHOTO, PAINTING, small(**changes, tile=64))
    assert len(evaluations) >= 3
    assert max(evaluations) == 12  # of 200x133, in tiles of 50x44
    photo = impasto.stylize(PHOTO, PAINTING, small(**changes, steps=0, scales=1))
    assert float((expected - photo).abs().max()) > 0.02
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING)


@pytest.mark.usefixtures("in_double")
def test_regions_in_tiles_are_regions_at_once(evaluations):
    left = torch.zeros(1, 1, 133, 200)
    left[..., :90] = 1
    region = impasto.Region(left, "sample:ink")
    expected, found = (impasto.stylize(PHOTO, PAINTING, small(tile=tile), regions=[region]) for tile in (0, 64))
    assert max(evaluations) == 12
    torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING)
    plain = impasto.stylize(PHOTO, PAINTING, small(tile=0))
    assert float((expected - plain).abs().max()) > 0.02


@pytest.mark.parametrize("loss", ["sliced", "gram,patches(layers=relu3_1)=0.5"])
def test_losses_that_sample_run_in_tiles(loss, evaluations):
    """Other positions are drawn than at once."""
    once, found = (impasto.stylize(PHOTO, PAINTING, small(style_loss=loss, tile=tile)) for tile in (0, 64))
    photo = impasto.stylize(PHOTO, PAINTING, small(steps=0))
    assert max(evaluations) == 12
    moved = float((once - photo).abs().mean())
    assert 0 < float((found - once).abs().mean()) < 0.3 * moved


def edges(a: Tensor, b: Tensor) -> Tensor:
    return (total_variation(a) / total_variation(b) - 1).square()


@pytest.mark.parametrize(
    ("changes", "name"), [({"normalize_gradients": True}, "style|content"), ({"style_loss": edges}, "style")]
)
def test_what_does_not_go_in_tiles_is_refused_before_any_step(changes, name):
    with pytest.raises(UsageError, match=rf"the term [\d.]+ ({name})\(relu\d_\d\) needs .* --tile 0"):
        next(impasto.stylize_steps(PHOTO, PAINTING, small(**changes, tile=64)))
    next(impasto.stylize_steps(PHOTO, PAINTING, small(**changes, tile=0)))


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("changes", [{}, {"layers": "relu2_2,relu3_1=0.5"}])
def test_reconstruct_in_tiles_is_reconstruct_at_once(changes, evaluations):
    own = {"size": 150, "steps": 3, "scales": 1} | changes
    expected, found = (impasto.reconstruct(PHOTO, ReconstructSettings(**own, tile=tile)) for tile in (0, 64))
    assert max(evaluations) == 6
    torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING)


def test_self_similarity_descends_in_tiles_as_at_once(evaluations):
    """Other positions are drawn than at once, so the pictures differ; their distances are much the same."""
    own = {"size": 150, "steps": 6, "scales": 1, "content_loss": "self-similarity"}
    once, tiled = (
        [step.loss for step in impasto.reconstruct_steps(PHOTO, ReconstructSettings(**own, tile=tile))]
        for tile in (0, 64)
    )
    assert max(evaluations) == 6
    assert min(once) < 0.8 * once[0]
    assert once[0] - min(tiled) > 0.5 * (once[0] - min(once))


def test_a_patch_of_features_is_refused_in_tiles():
    own = {"size": 150, "steps": 3, "scales": 1, "patch": "5x5"}
    with pytest.raises(UsageError, match=r"content\(relu4_2\) needs .* --tile 0"):
        next(impasto.reconstruct_steps(PHOTO, ReconstructSettings(**own, tile=64)))
    next(impasto.reconstruct_steps(PHOTO, ReconstructSettings(**own, tile=0)))


@pytest.mark.usefixtures("in_double")
def test_textures_in_tiles_are_textures_at_once(evaluations):
    expected, found = (
        impasto.texture(PAINTING, TextureSettings(size=150, steps=3, scales=1, tile=tile)) for tile in (0, 64)
    )
    assert max(evaluations) == 6
    torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDING)


def test_a_texture_that_repeats_is_seen_at_once(evaluations):
    """Its network sees an endless picture."""
    found = impasto.texture(PAINTING, TextureSettings(size=160, steps=3, scales=1, tileable=True))
    assert evaluations == []
    assert found.shape[-1] == 160
    with pytest.raises(UsageError, match="tile is 64, but a tileable texture has no tiles"):
        TextureSettings(tileable=True, tile=64)
