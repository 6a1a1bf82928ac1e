import pytest
import torch

from impasto import encoders
from impasto.errors import ImpastoError, UsageError
from impasto.image import load, resize
from impasto.losses import gram, relative
from impasto.settings.synthesis import ReconstructSettings, StylizeSettings, TextureSettings
from impasto.tasks.objective.weights import weights_of
from impasto.tasks.reconstruct import reconstruct
from impasto.tasks.run.run import last
from impasto.tasks.run.schedule import schedule
from impasto.tasks.scene.reading import full_size
from impasto.tasks.stylize import stylize, stylize_job, stylize_steps
from impasto.tasks.texture import texture

PHOTO, PAINTING = "sample:chelsea", "sample:flow"


def small(**changes) -> StylizeSettings:
    return StylizeSettings(**({"size": 64, "steps": 8, "scales": 1} | changes))


def style_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    lite = encoders.load("lite")
    layers = lite.default_style
    fa, fb = lite(a, layers), lite(b, layers)
    return sum(float(relative(gram(fa[n], lite.metric(n)), gram(fb[n], lite.metric(n)))) for n in layers) / len(layers)


def test_a_photo_moves_toward_the_painting_and_keeps_its_shape():
    result = stylize(PHOTO, PAINTING, small(steps=25))
    photo, painting = (resize(load(name).pixels, result.shape[-2:]) for name in (PHOTO, PAINTING))
    assert max(result.shape) == 64
    assert 0 <= result.min() <= result.max() <= 1
    assert style_distance(result, painting) < 0.35 * style_distance(photo, painting)
    assert (result - photo).abs().mean() < (painting - photo).abs().mean()


def test_the_same_settings_give_the_same_picture_to_the_bit():
    for init in ("photo", "noise"):
        once, twice = (stylize(PHOTO, PAINTING, small(init=init, steps=4)) for _ in range(2))
        assert torch.equal(once, twice)


def test_seeds_differ_only_where_something_is_random():
    def of(seed, init):
        return stylize(PHOTO, PAINTING, small(init=init, seed=seed, steps=3))

    assert not torch.equal(of(1, "noise"), of(2, "noise"))
    assert torch.equal(of(1, "photo"), of(2, "photo"))


def test_strength_runs_from_the_photo_to_the_texture():
    photo = load(PHOTO).pixels
    none = stylize(PHOTO, PAINTING, small(strength=0.0))
    expected = resize(photo, none.shape[-2:]).clamp(0, 1)
    torch.testing.assert_close(none, expected)
    away = [(stylize(PHOTO, PAINTING, small(strength=s, steps=15)) - expected).abs().mean() for s in (0.2, 0.5, 0.9)]
    assert 0 < away[0] < away[1] < away[2]
    assert weights_of(StylizeSettings(strength=0.0)) == (1.0, 0.0)
    assert weights_of(StylizeSettings(strength=1.0))[0] == 0.0


@pytest.mark.parametrize("growth", [1.0, 3.0])
def test_content_weighs_more_at_coarser_sizes_if_it_is_to_grow(growth):
    job = stylize_job(PHOTO, PAINTING, small(size=256, scales=2, content_growth=growth))
    coarse, fine = (
        [term.weight for term in planned.prepare(planned.size).objective.terms if term.name == "content"]
        for planned in job.plan()
    )
    assert coarse == pytest.approx([growth * weight for weight in fine])


def test_weights_given_take_the_place_of_strength():
    settings = StylizeSettings(strength=0.3, content_weight=2.0, style_weight=7.0)
    assert weights_of(settings) == (2.0, 7.0)
    assert weights_of(StylizeSettings(style_weight=3.0))[1] == 3.0


@pytest.mark.parametrize("init", ["recolored", "photo", "noise", "pink", "painting", "sample:coffee"])
def test_every_start_is_what_it_is_called_and_leads_towards_the_painting(init):
    start = stylize(PHOTO, PAINTING, small(init=init, steps=0))
    pictures = {"photo": PHOTO, "painting": PAINTING, "sample:coffee": "sample:coffee"}
    if init in pictures:
        expected = resize(load(pictures[init]).pixels, start.shape[-2:]).clamp(0, 1)
        assert (start - expected).abs().mean() < 0.01  # paintings come to this size in two steps
    elif init == "recolored":  # clamping moves the mean a little
        assert (start.mean((2, 3)) - load(PAINTING).pixels.mean((2, 3))).abs().max() < 0.03
    else:
        fine = start - torch.nn.functional.avg_pool2d(start, 3, 1, 1)
        assert fine[..., 1:-1, 1:-1].std() > (0.08 if init == "noise" else 0.01)
    painting = resize(load(PAINTING).pixels, start.shape[-2:])
    made = stylize(PHOTO, PAINTING, small(init=init, steps=10, strength=0.9))
    if init != "painting":
        assert style_distance(made, painting) < 0.7 * style_distance(start, painting)


def test_a_bad_start_is_refused_with_the_names_that_are_allowed():
    with pytest.raises(
        UsageError, match=r"init must be recolored, photo, painting, noise, pink or a picture.*did you mean 'noise'"
    ):
        stylize(PHOTO, PAINTING, small(init="nois"))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_both_optimisers_lower_the_loss(optimizer):
    losses = [step.loss for step in stylize_steps(PHOTO, PAINTING, small(optimizer=optimizer, steps=20))]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.usefixtures("without_packages")
def test_the_schedule_ends_at_the_full_size_and_leaves_out_what_is_too_small():
    first, then, last = 150, 120, 80
    for side, counts in ((512, [first, then]), (1024, [first, then, last]), (4096, [first, then, last, last, last])):
        found = schedule(StylizeSettings(quality="fine"), (side, side))
        assert found == [((side >> k, side >> k), n) for k, n in zip(reversed(range(len(counts))), counts, strict=True)]
    for quality, steps in {"draft": [18, 3], "standard": [52, 26, 14]}.items():
        found = schedule(StylizeSettings(quality=quality, scales=len(steps)), (1024, 1024))
        assert [count for _, count in found] == steps
    for quality, steps in {"draft": [40, 12], "standard": [70, 50], "fine": [150, 250]}.items():
        found = schedule(TextureSettings(quality=quality, scales=2), (512, 512))
        assert [count for _, count in found] == steps
    assert [size for size, _ in schedule(StylizeSettings(scales=3), (384, 512))] == [(96, 128), (192, 256), (384, 512)]
    assert [size for size, _ in schedule(StylizeSettings(scales=8), (200, 256))] == [(100, 128), (200, 256)]
    assert schedule(StylizeSettings(steps=7, scales=1), (64, 64)) == [((64, 64), 7)]


@pytest.mark.parametrize(
    ("quality", "own", "side"),
    [("standard", 2000, 1024), ("standard", 400, 800), ("draft", 2000, 512), ("fine", 30, 60)],
)
def test_the_usual_size_is_the_qualitys_and_at_most_twice_the_photos(quality, own, side):
    assert full_size(StylizeSettings(quality=quality), (own, own // 2)) == (side, side // 2)
    assert full_size(StylizeSettings(quality=quality, size=300), (own, own // 2)) == (300, 150)
    assert full_size(ReconstructSettings(quality=quality), (own, own)) == (512, 512)


def test_no_steps_give_the_start():
    settings = small(steps=0, init="photo")
    photo = load(PHOTO).pixels
    result = stylize(PHOTO, PAINTING, settings)
    torch.testing.assert_close(result, resize(photo, result.shape[-2:]).clamp(0, 1))


def test_size_zero_keeps_the_pictures_own():
    photo = torch.rand(3, 40, 72, generator=torch.Generator().manual_seed(0))
    assert stylize(photo, PAINTING, small(size=0, steps=1)).shape == (1, 3, 40, 72)


def test_reconstruction_comes_closer_from_shallow_layers_than_from_deep_ones():
    photo = load(PHOTO).pixels

    def error(layers):
        result = reconstruct(PHOTO, ReconstructSettings(size=64, scales=1, steps=40, layers=layers))
        return float((result - resize(photo, result.shape[-2:])).square().mean())

    shallow, deep = error("relu1_1"), error("relu4_2")
    assert shallow < 0.003
    assert shallow < deep


def test_reconstruction_from_the_photo_itself_stays_there():
    settings = ReconstructSettings(size=64, scales=1, steps=5, init="photo")
    result = reconstruct(PHOTO, settings)
    expected = resize(load(PHOTO).pixels, result.shape[-2:]).clamp(0, 1)
    assert (result - expected).abs().max() < 1e-3


def test_textures_from_two_seeds_are_different_pictures_with_much_the_same_statistics():
    def of(seed):
        return texture("sample:brick", TextureSettings(size=96, scales=1, steps=60, seed=seed))

    a, b = of(1), of(2)
    painting = resize(load("sample:brick").pixels, (96, 96))
    assert (a - b).abs().mean() > 0.05
    start = style_distance(torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)), painting)
    assert style_distance(a, painting) < 0.1 * start
    assert style_distance(b, painting) < 0.1 * start


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 12}, "the result comes out at 12x8 px, but these layers of lite need at least 16 px"),
        ({"style_scale": 0.25}, "the painting comes out at"),
        ({"style_layers": "relu9_9"}, "no layer 'relu9_9'"),
        ({"content_layers": "relu42"}, "did you mean 'relu4_2'"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(settings, message):
    with pytest.raises(UsageError, match=message):
        next(stylize_steps(PHOTO, PAINTING, small(**settings)))


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="there is no cuda device here; allowed: auto"):
        next(stylize_steps(PHOTO, PAINTING, small(device="cuda")))


def test_a_run_of_nothing_is_an_error():
    with pytest.raises(ImpastoError, match="made no step"):
        last(iter(()))
