import torch

from impasto.losses import LayerFeatures, replaced
from impasto.losses.cloud import cloud
from impasto.tasks.objective.context import Context
from impasto.tasks.objective.terms import nearest_features
from impasto.tasks.scene.areas import Area, StyleImage

LAYERS = ["relu3_1", "relu4_1"]


def picture(seed: int, side: int = 48) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def test_every_area_takes_the_features_of_its_painting(tiny):
    photo, left, right = tiny(picture(0), LAYERS), picture(1), picture(2, 64)
    mask = torch.zeros(1, 1, 48, 48)
    mask[..., :24] = 1
    areas = [Area("left", (StyleImage(left),), mask), Area("right", (StyleImage(right),), 1 - mask)]
    found = nearest_features(Context(tiny), photo, areas)
    for layer in LAYERS:
        wanted = [replaced(photo[layer], cloud(LayerFeatures(tiny(p, LAYERS)[layer]))) for p in (left, right)]
        middle = found[layer].shape[-1] // 2
        assert torch.equal(found[layer][..., :middle], wanted[0][..., :middle])
        assert torch.equal(found[layer][..., middle:], wanted[1][..., middle:])


def test_areas_of_no_weight_keep_the_photos_features(tiny):
    photo = tiny(picture(0), LAYERS)
    found = nearest_features(Context(tiny), photo, [Area("picture", (StyleImage(picture(1)),), None, 0.0)])
    assert all(torch.equal(found[layer], photo[layer]) for layer in LAYERS)
