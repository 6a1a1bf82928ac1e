"""What a person can ask of a run besides a photo and a painting, each seen in the result."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, laplace

from impasto import encoders
from impasto.errors import UsageError
from impasto.image import SPACES, load, resize
from impasto.losses import RandomDraws, blotches, self_similarity
from impasto.settings.presets import preset
from impasto.settings.synthesis import OPTIMIZERS, ReconstructSettings, StylizeSettings, TextureSettings
from impasto.synthesis import PARAMETERIZATIONS
from impasto.tasks.objective.layers import default_layers, parse_layers
from impasto.tasks.reconstruct import parse_patch, reconstruct
from impasto.tasks.run.schedule import draws_of, optimizer_of, schedule
from impasto.tasks.scene.reading import full_size
from impasto.tasks.scene.regions import Region
from impasto.tasks.stylize import stylize, stylize_steps
from impasto.tasks.texture import texture

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

PHOTO, PAINTING, OTHER = "sample:chelsea", "sample:flow", "sample:glass"


def small(**changes) -> StylizeSettings:
    return StylizeSettings(**({"size": 64, "steps": 6, "scales": 1} | changes))


def photo_at(picture: torch.Tensor) -> torch.Tensor:
    return resize(load(PHOTO).pixels, (picture.shape[-2], picture.shape[-1])).clamp(0, 1)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("matched", [False, True])
def test_kept_colours_are_the_photos_and_its_light_is_not(space, matched):
    made = stylize(PHOTO, PAINTING, small(keep_color=space, match_luminance=matched))
    photo = photo_at(made)
    ours, theirs = SPACES[space].forward(made), SPACES[space].forward(photo)
    scale = 255.0 if space == "lab" else 1.0
    assert float((ours - theirs)[:, 1:].abs().max()) / scale < 1 / 255
    assert float((ours - theirs)[:, :1].abs().mean()) / scale > 2 / 255


def mean_color(picture: torch.Tensor) -> torch.Tensor:
    return picture.mean((0, 2, 3))


@pytest.mark.parametrize("when", ["before", "after"])
def test_matched_colours_are_nearer_to_the_photos(when):
    plain = stylize(PHOTO, PAINTING, small())
    matched = stylize(PHOTO, PAINTING, small(match_colors="transport", match_when=when))
    goal = mean_color(photo_at(plain))
    assert (mean_color(matched) - goal).norm() < 0.3 * (mean_color(plain) - goal).norm()


def test_a_mixture_of_a_painting_with_itself_is_that_painting():
    once = stylize(PHOTO, PAINTING, small())
    mixed = stylize(PHOTO, [(PAINTING, 3.0), (PAINTING, 1.0)], small())
    assert (once - mixed).abs().max() < 0.02
    other = stylize(PHOTO, PAINTING, small(mix=(f"{OTHER}=0.5",)))
    assert (once - other).abs().mean() > 0.02


@pytest.mark.parametrize("loss", ["nearest", "patches", "remd"])
def test_nearest_neighbours_take_no_unequal_shares(loss):
    settings = small(style_loss=loss, style_layers="relu3_1", mix=(f"{OTHER}=0.3",))
    with pytest.raises(UsageError, match="share"):
        stylize(PHOTO, PAINTING, settings)


def speckled(color: tuple[float, float, float]) -> torch.Tensor:
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.2
    return torch.tensor(color).view(1, 3, 1, 1) + noise


@pytest.mark.parametrize("propagation", ["all", "inside"])
def test_each_region_is_painted_after_its_own_painting(propagation):
    red, blue = speckled((0.8, 0.1, 0.1)), speckled((0.1, 0.1, 0.8))
    mask = torch.zeros(3, 300, 451)
    mask[..., :225] = 1
    settings = small(style_layers="relu1_1,relu2_1", steps=25, init="photo", propagation=propagation)
    made = stylize(PHOTO, blue, settings, regions=[Region(mask, red)])
    left, right = mean_color(made[..., :28]), mean_color(made[..., 36:])
    assert left[0] > left[2] + 0.3
    assert right[2] > right[0] + 0.3


def test_a_function_may_be_the_style_loss():
    def darkness(picture, painting):
        return (picture.mean() - painting.mean()).square()

    settings = small(style_loss=darkness, style_layers="relu2_1", strength=0.9, init="photo", steps=15)
    first, *_, last = stylize_steps(PHOTO, PAINTING, settings)
    assert last.terms["style"] < 0.05 * first.terms["style"]
    with pytest.raises(UsageError, match="'darkness' is a plain function of features, which knows one painting"):
        stylize(PHOTO, PAINTING, small(style_loss=darkness, mix=(f"{OTHER}=0.5",)))


def test_the_laplacian_keeps_edges():
    def edges(picture):
        return laplace(torch.nn.functional.avg_pool2d(picture.sum(1), 4)[0].numpy(), mode="nearest")

    plain, kept = (stylize(PHOTO, PAINTING, small(laplacian_weight=w, steps=15)) for w in (0.0, 10.0))
    goal = edges(photo_at(plain))
    assert ((edges(kept) - goal) ** 2).mean() < 0.3 * ((edges(plain) - goal) ** 2).mean()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("canvas", ["pixels", "pyramid", "fourier"])
def test_every_optimizer_descends_on_every_canvas(optimizer, canvas):
    steps = list(stylize_steps(PHOTO, PAINTING, small(optimizer=optimizer, canvas=canvas, steps=15)))
    assert steps[-1].loss < 0.9 * steps[0].loss
    assert torch.isfinite(steps[-1].image()).all()


def test_normalised_gradients_and_other_priors_descend_and_smooth():
    settings = small(normalize_gradients=True, optimizer="adam", tv_beta=1.0, alpha_weight=1.0, steps=15)
    *_, last = steps = list(stylize_steps(PHOTO, PAINTING, settings))
    assert last.loss < 0.9 * steps[0].loss
    rough = stylize(PHOTO, PAINTING, replace(settings, tv_weight=0.0, tv_chroma_weight=0.0))
    smooth = stylize(PHOTO, PAINTING, replace(settings, tv_weight=20.0, tv_chroma_weight=20.0))
    assert smooth.diff(dim=3).abs().mean() < 0.8 * rough.diff(dim=3).abs().mean()


@pytest.mark.parametrize("losses", ["self-similarity", "features,self-similarity=0.5"])
def test_self_similarity_is_a_content_loss(losses):
    def away(picture):
        lite, layer = encoders.load("lite"), "relu4_1"
        ours, theirs = (lite(each, [layer])[layer] for each in (picture, photo_at(picture)))
        return float(self_similarity(ours, theirs, lite.metric(layer), RandomDraws(0)))

    kept, lost = (stylize(PHOTO, PAINTING, small(content_loss=losses, strength=s, steps=10)) for s in (0.2, 1.0))
    assert away(kept) < 0.8 * away(lost)


def test_a_patch_of_features_tells_of_its_field_of_view_only():
    settings = ReconstructSettings(
        size=96, layers="relu2_1", patch="3x3", steps=30, scales=1, range_weight=0.0, init="noise"
    )
    made = reconstruct(PHOTO, settings)
    start = reconstruct(PHOTO, ReconstructSettings(size=96, layers="relu2_1", steps=0, scales=1, init="noise"))
    moved = (made - start).abs().sum((0, 1)) > 1e-6
    rows, columns = moved.any(1).nonzero().flatten(), moved.any(0).nonzero().flatten()
    # relu2_1 sees 10 pixels of the picture, and three of them 2 x 2 more.
    assert rows.max() - rows.min() + 1 <= 14
    assert columns.max() - columns.min() + 1 <= 14
    middle = torch.tensor([made.shape[-2], made.shape[-1]]) // 2
    assert moved[middle[0], middle[1]]


@pytest.mark.parametrize("text", ["5", "0x3", "axb", "5x5x5"])
def test_bad_patches_are_refused(text):
    with pytest.raises(UsageError, match="a patch is WIDTHxHEIGHT"):
        parse_patch(text)


def test_a_patch_larger_than_the_layer_is_refused_with_its_size():
    with pytest.raises(UsageError, match="larger than the grid of relu4_2, which is"):
        reconstruct(PHOTO, ReconstructSettings(size=64, patch="50x50", steps=1))


def seam(picture: torch.Tensor) -> float:
    """How much larger the step over the edge is than the steps beside it."""
    wrapped = picture.roll(8, 3)
    steps = wrapped.diff(dim=3).square().mean((0, 1, 2))
    return float(steps[7] / steps.mean())


def test_a_tileable_texture_has_no_seam():
    settings = {"size": 96, "steps": 60, "scales": 1, "init": "noise"}
    plain, tiled = (texture(PAINTING, TextureSettings(tileable=t, **settings)) for t in (False, True))
    assert seam(tiled) < 1.5
    assert seam(plain) > 1.7


@pytest.mark.parametrize("canvas", PARAMETERIZATIONS)
def test_a_tileable_texture_has_no_seam_on_any_canvas(canvas):
    made = texture(PAINTING, TextureSettings(size=96, steps=60, scales=1, tileable=True, canvas=canvas))
    for picture in (made, made.transpose(2, 3)):
        # Steps between neighbouring columns of means over 5 pixels, in which a seam stands out from fine texture.
        smooth = sum(picture.roll(k, 2) for k in range(-2, 3)) / 5
        steps = (smooth - smooth.roll(1, 3)).abs().mean((0, 1, 2))
        assert steps[0] < 1.1 * steps[1:].max()


def test_a_texture_may_have_any_size():
    settings = TextureSettings(size=64, width=100, height=40, steps=2, scales=2)
    assert texture("sample:brick", settings).shape == (1, 3, 40, 100)
    tiled = TextureSettings(size=64, width=100, height=70, tileable=True, scales=2)
    assert full_size(tiled, (512, 512)) == (64, 96)
    assert all(side % 32 == 0 for size, _ in schedule(tiled, (64, 96)) for side in size)


def stripes(down: bool, color: tuple[float, float, float]) -> torch.Tensor:
    """Lines of a colour, eight pixels from one to the next."""
    waves = 0.5 + 0.5 * torch.sin(torch.arange(64) * 2 * torch.pi / 8)
    picture = waves.expand(1, 3, 64, 64) * torch.tensor(color).view(1, 3, 1, 1)
    return picture.transpose(2, 3) if down else picture


def test_textures_mix():
    """The more of the blue painting there is in a mixture, the bluer the texture."""
    red, blue = stripes(True, (1.0, 0.1, 0.1)), stripes(True, (0.1, 0.1, 1.0))
    settings = TextureSettings(size=64, steps=20, scales=1)
    mixtures = (red, [(red, 0.9), (blue, 0.1)], [(red, 0.5), (blue, 0.5)], [(red, 0.1), (blue, 0.9)], blue)
    colors = [mean_color(texture(mixture, settings)) for mixture in mixtures]
    redness = np.array([float(color[0] - color[2]) for color in colors])
    assert redness[0] > 0.05
    assert redness[-1] < -0.05
    assert (np.diff(redness) < 0).all()


def test_textures_of_a_painting_that_is_also_turned_have_both_directions():
    def upright(picture: torch.Tensor) -> float:
        """The share of the steps between neighbours that go down; of `stripes(down=True)` it is 1."""
        down, across = (float(picture.diff(dim=dim).square().mean()) for dim in (2, 3))
        return down / (down + across)

    given, settings = stripes(True, (1.0, 1.0, 1.0)), TextureSettings(size=64, steps=20, scales=1)
    plain, turned = (upright(texture(given, replace(settings, rotations=turns))) for turns in (None, "90"))
    assert plain > 0.6
    assert abs(turned - 0.5) < 0.5 * (plain - 0.5)


@pytest.mark.parametrize("name", ["tutorial", "assignment", "seo2023", "cheng", "gatys2016", "strotss", "nnst"])
def test_the_weights_of_a_source_move_the_photo_to_the_painting_and_keep_its_forms(name):
    """Forms: the light of the photo and of the result, blurred and standardised, correlate; with noise they do not."""
    chosen = preset(name, "stylize") | {"size": 64, "steps": 40, "init": "photo"}
    made = stylize(PHOTO, PAINTING, StylizeSettings.from_mapping(chosen))
    photo, painting = photo_at(made), resize(load(PAINTING).pixels, made.shape[-2:]).clamp(0, 1)

    def forms(picture: torch.Tensor) -> np.ndarray:
        return gaussian_filter(picture.mean(1)[0].numpy(), 2).ravel()

    def kept(picture: torch.Tensor) -> float:
        return float(np.corrcoef(forms(picture), forms(photo))[0, 1])

    def away(picture: torch.Tensor) -> float:
        """The distance to the painting by the Gram matrices of a network, in numpy."""
        ours, theirs = (encoders.load("lite")(each, LAYERS) for each in (picture, painting))
        grams = [[np.cov(f[layer][0].flatten(1).numpy(), ddof=0) for f in (ours, theirs)] for layer in LAYERS]
        return sum(((a - b) ** 2).sum() / (b**2).sum() for a, b in grams)

    assert away(made) < 0.8 * away(photo)
    assert kept(made) > 0.5 > abs(kept(painting))


def test_losses_that_draw_at_random_are_left_to_adam():
    plain, drawn = StylizeSettings(), StylizeSettings(style_loss="sliced", seed=3)
    assert optimizer_of(plain, False) == "lbfgs"
    assert optimizer_of(drawn, True) == "adam"
    assert optimizer_of(StylizeSettings(optimizer="lbfgs-wolfe"), True) == "lbfgs-wolfe"
    assert draws_of(drawn, True).fresh
    assert not draws_of(StylizeSettings(optimizer="lbfgs"), True).fresh


def test_a_run_with_draws_is_the_same_every_time_and_another_with_another_seed():
    settings = small(style_loss="sliced(samples=64)", steps=4)
    once, again = (stylize(PHOTO, PAINTING, settings) for _ in range(2))
    assert torch.equal(once, again)
    other = stylize(PHOTO, PAINTING, small(style_loss="sliced(samples=64)", steps=4, seed=1))
    assert not torch.equal(once, other)


def test_blotches_are_held_down():
    plain, held = (stylize(PHOTO, OTHER, small(size=128, steps=20, blotch_weight=weight)) for weight in (0.0, 20.0))
    photo = photo_at(plain)
    assert blotches(held, photo) < 0.5 * blotches(plain, photo)


def test_strokes_count_more_than_grain_unless_layers_are_named():
    encoder = encoders.load("lite")
    weighted = parse_layers(encoder, None, default_layers(encoder))
    assert weighted == {"relu1_1": 0.5, "relu2_1": 1.0, "relu3_1": 2.0, "relu4_1": 2.0}
    assert parse_layers(encoder, "usual", encoder.default_style) == dict.fromkeys(encoder.default_style, 1.0)
    named = stylize(PHOTO, PAINTING, small(style_layers="relu1_1=0.5,relu2_1=1,relu3_1=2,relu4_1=2"))
    assert torch.equal(named, stylize(PHOTO, PAINTING, small()))
