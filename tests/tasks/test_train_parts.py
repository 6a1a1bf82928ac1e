"""What training is made of: random crops of photos, names of styles, sheets, settings, the perceptual loss."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import UsageError
from impasto.image import load
from impasto.losses import blotches, lattice, repetition, repetition_of
from impasto.networks.norm import NORMS as KINDS
from impasto.networks.transformer import ENDS as SHAPES
from impasto.settings.presets import preset
from impasto.settings.synthesis import StylizeSettings
from impasto.settings.train import ENDS, NORMS, SCHEDULES, SHARED, TrainSettings, TrainTextureSettings
from impasto.tasks.stylize import stylize_job
from impasto.tasks.training.loop import SCHEDULES as SHAPES_OF_RATE
from impasto.tasks.training.network_training import GAP, contact_sheet
from impasto.tasks.training.perceptual_loss import PerceptualLoss
from impasto.tasks.training.photos import HELD, Photos, keyed_generator, pictures_in, shuffled_index
from impasto.tasks.training.style import named


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine photos of 90x60, each of one colour with a ramp across."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for k in range(9):
        values = np.full((60, 90, 3), 20 * k, np.uint8)
        values[..., 0] = np.arange(90)
        Image.fromarray(values).save(photos / f"{k}.png")
    return photos


def test_names_are_those_of_the_tables():
    assert tuple(SHAPES_OF_RATE) == SCHEDULES
    assert NORMS == KINDS
    assert ENDS == SHAPES


def test_shared_settings_are_those_of_stylize_with_its_defaults():
    ours, theirs = ({f.name: f.default for f in fields(kind)} for kind in (TrainSettings, StylizeSettings))
    assert {name for name in SHARED if ours[name] != theirs[name]} == {
        *("strength", "style_loss", "content_loss", "tv_weight", "tv_chroma_weight")
    }
    both = {*ours} & {*theirs} - {*SHARED}
    assert both == {"size", "steps", "rate", "blotch_weight"}  # these mean something else


def test_photos_are_told_by_their_content_and_the_rest_is_told(folder: Path):
    Image.open(folder / "0.png").save(folder / "photo.jfif", "JPEG")
    Image.open(folder / "0.png").save(folder / "photo", "AVIF")
    (folder / "._0.png").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    (folder / "captions.txt").write_text("nine ramps")
    assert [path.name for path in pictures_in(folder).pictures][-2:] == ["photo", "photo.jfif"]
    photos = Photos(folder)
    assert photos.pop_notice() == f"left out of '{folder}': captions.txt is no picture"
    assert photos.pop_notice() == ""
    assert len({*photos.paths, *photos._held_back}) == 11


def test_each_comes_once_before_any_comes_again():
    turns = [[shuffled_index(7, k, "x") for k in range(7 * turn, 7 * turn + 7)] for turn in range(3)]
    assert all(sorted(turn) == list(range(7)) for turn in turns)
    assert turns[0] != turns[1]
    assert shuffled_index(7, 3, "x") == turns[0][3]


def test_draws_depend_on_the_key_alone():
    assert torch.equal(
        torch.rand(3, generator=keyed_generator(1, "a")), torch.rand(3, generator=keyed_generator(1, "a"))
    )
    assert not torch.equal(
        torch.rand(3, generator=keyed_generator(1, "a")), torch.rand(3, generator=keyed_generator(1, "b"))
    )


def test_pieces_are_squares_of_photos(folder):
    photos = Photos(folder, seed=3)
    sides, mirrored = [], Counter[bool]()
    for k in range(60):
        piece = photos.random_crop(k, 32)
        assert piece.shape == (1, 3, 32, 32)
        ramp = piece[0, 0, 16, 4:28] * 255
        slope = float((ramp[-1] - ramp[0]) / (len(ramp) - 1))  # source pixels a pixel
        sides.append(abs(slope) * 32)
        mirrored[slope < 0] += 1
        assert float((ramp.diff() - slope).abs().max()) < 0.2
    assert 31.5 < min(sides) < 34
    assert 55 < max(sides) < 60.5
    assert min(mirrored.values()) > 15


def test_pieces_are_the_same_in_any_order_and_of_any_reader(folder):
    first, second = Photos(folder, 3), Photos(folder, 3)
    there = [first.random_crop(k, 32) for k in range(8)]
    back = [second.random_crop(k, 32) for k in reversed(range(8))]
    assert all(torch.equal(a, b) for a, b in zip(there, reversed(back), strict=True))
    assert not torch.equal(Photos(folder, 4).random_crop(0, 32), there[0])


def test_held_photos_are_never_learnt_from(folder):
    photos = Photos(folder, 3)
    held = {round(float(photo[0, 1].mean()) * 255) for photo in photos.held(90)}
    seen = {round(float(photos.random_crop(k, 32)[0, 1].mean()) * 255) for k in range(20)}
    assert len(held) == HELD
    assert len(seen) == 9 - HELD
    assert not held & seen


def test_small_photos_are_enlarged(tmp_path):
    Image.fromarray(np.full((20, 30, 3), 100, np.uint8)).save(tmp_path / "one.png")
    photos = Photos(tmp_path)
    assert photos.random_crop(0, 64).shape == (1, 3, 64, 64)
    assert len(photos.held(64)) == 1


def test_what_cannot_be_read_is_left_out_and_told_of_once(folder):
    whole = Photos(folder, 3)
    broken = whole.paths[2]
    broken.write_bytes(b"no picture")
    photos = Photos(folder, 3)
    pieces = [photos.random_crop(k, 32) for k in range(24)]
    told = photos.pop_notice()
    assert broken.name in told
    assert told.count("left out") == 1
    assert "\n" not in told
    assert photos.pop_notice() == ""
    others = [k for k in range(24) if shuffled_index(6, k, 3, "photo") != 2]
    assert len(others) == 20
    assert all(torch.equal(pieces[k], whole.random_crop(k, 32)) for k in others)


def test_photos_that_lack_rows_are_left_out(tmp_path):
    for name, level in (("a", 50), ("b", 200)):
        Image.fromarray(np.full((96, 96, 3), level, np.uint8)).save(tmp_path / f"{name}.bmp")
    (tmp_path / "b.bmp").write_bytes((tmp_path / "b.bmp").read_bytes()[:-5000])
    photos = Photos(tmp_path)
    assert {round(float(photos.random_crop(k, 32).max()) * 255) for k in range(8)} == {50}
    assert "b.bmp is cut short; 17 of its 96 rows are missing; left out" in photos.pop_notice()


def test_a_photo_that_is_a_line_is_left_out_and_told_of_once(folder):
    for seed in range(4):  # held back or learnt from, as the seed wants
        for name, size in (("zz.png", (800, 8)), ("zzz.png", (1, 1))):
            Image.new("RGB", size, "red").save(folder / name)
        photos = Photos(folder, seed)
        drawn = [photos.random_crop(k, 32) for k in range(24)]
        assert all((piece[0, 0] - piece[0, 1]).abs().max() < 0.99 for piece in drawn)
        assert min(min(photo.shape[-2:]) for photo in photos.held(64)) >= 24
        told = photos.pop_notice()
        assert "zz.png' is 800x8; a photo needs at least 16 px a side; left out" in told
        assert told.count("left out") == 2
        assert photos.pop_notice() == ""


def test_a_narrow_photo_is_learnt_from_but_not_looked_at_as_a_whole(tmp_path):
    Image.new("RGB", (640, 40), "red").save(tmp_path / "wide.png")
    photos = Photos(tmp_path)
    assert photos.random_crop(0, 64).shape == (1, 3, 64, 64)
    assert photos.held(256) == []
    assert "wide.png' is 640x40, too narrow for sheets of 256 px; left out" in photos.pop_notice()
    assert photos.held(300) == []
    assert photos.pop_notice() == ""
    assert [photo.shape for photo in photos.held(640)] == [(1, 3, 40, 640)]


def test_a_folder_of_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no pictures in"):
        pictures_in(tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        pictures_in(tmp_path / "missing")
    for k in range(4):
        (tmp_path / f"{k}.jpg").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"no photo in .* can be used: .*jpg"):
        Photos(tmp_path).random_crop(0, 32)


def test_styles_are_called_as_their_files_or_as_asked(tmp_path):
    assert named(["a/starry night.jpg", "wave=b/x.png", "sample:flow"]) == {
        "starry night": "a/starry night.jpg",
        "wave": "b/x.png",
        "flow": "sample:flow",
    }
    odd = tmp_path / "a=b.png"
    odd.touch()
    with pytest.raises(UsageError, match="cannot be the name of a style"):
        named([str(odd)])
    with pytest.raises(UsageError, match="two paintings are called 'x'"):
        named(["a/x.png", "x=y.png"])
    with pytest.raises(UsageError, match="no painting"):
        named([])


def test_a_sheet_has_every_picture_in_its_cell():
    sizes = [[(4, 6), (8, 2)], [(5, 6), (3, 4)]]
    rows = [[torch.full((1, 3, *size), 0.1 * n) for n, size in enumerate(row)] for row in sizes]
    sheet = contact_sheet(rows)
    assert sheet.shape == (1, 3, 8 + GAP + 5, 6 + GAP + 4)
    assert torch.equal(sheet[..., 2:6, :6], rows[0][0])
    assert torch.equal(sheet[..., :8, 6 + GAP + 1 : 6 + GAP + 3], rows[0][1])
    assert torch.equal(sheet[..., 8 + GAP + 1 : 8 + GAP + 4, 6 + GAP :], rows[1][1])
    assert float(sheet[..., :2, :6].min()) == 1


def test_a_batch_is_judged_as_stylize_judges_each_of_its_pictures(folder):
    """All terms but total variation, whose unit is that of other photos, and what only trainings have."""
    settings = TrainSettings(size=64, style_size=64, strength=0.5, tv_weight=0.0, tv_chroma_weight=0.0)
    perceptual = PerceptualLoss(replace(settings, lattice_weight=0.0, blotch_weight=0.0))
    photos = torch.cat([load(name).pixels[..., 40:104, 60:124] for name in ("sample:chelsea", "sample:coffee")])
    pictures = (torch.rand(2, 3, 64, 64, generator=keyed_generator(0)) * 1.2 - 0.1).requires_grad_()
    paintings = ["sample:flow", "sample:ink"]
    models = [perceptual.target(perceptual.read(painting)) for painting in paintings]
    total, parts = perceptual(pictures, photos, models, [0, 1])
    (gradient,) = torch.autograd.grad(total, pictures)
    expected, slopes = 0.0, []
    for k, painting in enumerate(paintings):
        losses = StylizeSettings(**preset("classic", "stylize") | {"size": 64, "scales": 1})
        run = stylize_job(photos[k : k + 1], painting, replace(losses, tv_weight=0.0, tv_chroma_weight=0.0))
        leaf = pictures[k : k + 1].detach().requires_grad_()
        value, _ = run.prepare((64, 64))(leaf, 0)
        slopes += torch.autograd.grad(value, leaf)
        expected += float(value.detach())
    assert {*parts} == {"style", "content", "range"}
    assert float(total.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(sum(parts.values())) == pytest.approx(expected, rel=1e-5)
    wanted = torch.cat(slopes)
    assert float((gradient - wanted).abs().max()) < 1e-4 * float(wanted.abs().max())


def test_what_keeps_step_with_the_grid_counts_relative_to_the_richest_model():
    photos = [load(name).pixels[..., 40:104, 60:124] for name in ("sample:chelsea", "sample:coffee")]
    settings = TrainSettings(size=64, style_size=64, strength=0.4, lattice_weight=3.0)
    perceptual = PerceptualLoss(settings, photos)
    area = perceptual.read("sample:ink")
    picture = torch.rand(1, 3, 64, 64, generator=keyed_generator(0))
    _, parts = perceptual(picture, photos[0], [perceptual.target(area)], [0])
    own = max(float(lattice(each)) for each in (*photos, area.style_images[0].pixels))
    assert own > (1 / 255) ** 2
    style = 50 * (0.4 / 0.6) ** 2
    assert float(parts["lattice"]) == pytest.approx(3.0 * style / 50 * float(lattice(picture)) / own, rel=1e-5)
    assert "lattice" in {term.name for term in perceptual.target(area).terms}
    assert "lattice" not in {term.name for term in PerceptualLoss(TrainTextureSettings(size=64)).target(area).terms}


def test_what_is_large_and_not_of_the_photo_counts_relative_to_a_usual_picture():
    photos = [load(name).pixels[..., 40:104, 60:124] for name in ("sample:chelsea", "sample:coffee")]
    perceptual = PerceptualLoss(TrainSettings(size=64, style_size=64, strength=0.4, blotch_weight=3.0))
    model = perceptual.target(perceptual.read("sample:ink"))
    pictures = torch.rand(2, 3, 64, 64, generator=keyed_generator(0))
    _, parts = perceptual(pictures, torch.cat(photos), [model, model], [0, 1])
    found = sum(float(blotches(pictures[k : k + 1], photos[k])) for k in range(2))
    assert float(parts["blotches"]) == pytest.approx(3.0 * (0.4 / 0.6) ** 2 * found / 0.01, rel=1e-5)
    only = replace(perceptual.settings, content_weight=0.0, style_weight=50.0)
    _, parts = PerceptualLoss(only)(pictures, torch.cat(photos), [model, model], [0, 1])
    assert "content" not in parts
    assert float(parts["blotches"]) == pytest.approx(3.0 * found / 0.01, rel=1e-5)
    textures = PerceptualLoss(TrainTextureSettings(size=64, photos="x"))
    assert "blotches" not in textures(pictures, torch.cat(photos), [model, model], [0, 1])[1]


def test_what_repeats_more_than_in_the_photo_and_the_painting_counts():
    photo = load("sample:chelsea").pixels[..., 40:136, 60:156]
    perceptual = PerceptualLoss(TrainSettings(size=96, style_size=96, strength=0.4, repetition_weight=2.0))
    area = perceptual.read("sample:ink")
    picture = torch.rand(1, 3, 12, 12, generator=keyed_generator(0)).tile(1, 1, 8, 8)
    _, parts = perceptual(picture, photo, [perceptual.target(area)], [0])
    found = repetition_of(photo, float(repetition(area.style_images[0].pixels).mean()))(picture)
    assert found > 0.1
    assert float(parts["repetition"]) == pytest.approx(2.0 * (0.4 / 0.6) ** 2 * float(found) / 0.02, rel=1e-5)


def test_a_painting_too_narrow_for_repetition_is_refused_by_name(tmp_path):
    path = tmp_path / "long.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 400, 3), np.uint8)).save(path)
    settings = {"style_size": 128, "size": 64, "style_loss": "w2"}
    with pytest.raises(UsageError, match=r"the painting '.*long.png' comes out at 128x20 px; repetition"):
        PerceptualLoss(TrainSettings(**settings, repetition_weight=1.0)).read(path)
    assert PerceptualLoss(TrainSettings(**settings, repetition_weight=0.0)).read(path).style_images[0].pixels.shape[
        -2:
    ] == (
        20,
        128,
    )
