import numpy as np
import pytest
import torch
from benchmarks.networks import multiplications, plain, published
from scipy.ndimage import map_coordinates
from torch.nn import functional as F

from impasto.errors import UsageError
from impasto.networks import ConditionalNorm, Moments, Transformer, TransformerSettings
from impasto.networks.layers import Conditions, Convolution, Deep, NearestUpsampling

SMALL = {
    "detail": TransformerSettings(width=8, blocks=2, detail=6, deep=0),
    "convolution": TransformerSettings(width=8, blocks=2, ends="convolution"),
    "deep": TransformerSettings(width=8, blocks=3, detail=6, deep=2),
    "deep only": TransformerSettings(width=8, blocks=2, detail=4, deep=9),
    "batch": TransformerSettings(width=8, blocks=1, detail=6, deep=0, norm="batch"),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(batch: int = 1, height: int = 32, width: int = 48, seed: int = 0) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, generator=seeded(seed))


def new_network(settings: TransformerSettings) -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Transformer(settings).eval()


def some_code(network: Transformer, batch: int = 1, seed: int = 1) -> torch.Tensor:
    return network.plain_code() + torch.randn(batch, network.code_size, generator=seeded(seed)) / 4


@pytest.fixture(params=SMALL)
def network(request) -> Transformer:
    return new_network(SMALL[request.param])


@pytest.mark.parametrize(("height", "width"), [(24, 24), (25, 39), (41, 26), (48, 31)])
def test_any_size_from_24(network, height, width):
    """And each picture of a batch for itself."""
    image, code = picture(2, height, width), some_code(network, 2)
    result = network(image, code)
    assert result.shape == (2, 3, height, width)
    assert result.std() > 1e-3
    alone = torch.cat([network(image[k : k + 1], code[k : k + 1]) for k in range(2)])
    torch.testing.assert_close(result, alone, rtol=0, atol=1e-4)  # 1,000 roundoffs of pixels in [0, 1]


def test_the_network_sees_16_pixels_beyond_the_picture(network):
    """Or a few more on the right and below, to come to a multiple of 8: numpy's reflection, and the layers in turn."""
    image, code = picture(height=30, width=45), some_code(network)
    beyond = ((16, 18), (16, 19))
    x = torch.from_numpy(np.pad(image[0].numpy(), ((0, 0), *beyond), mode="reflect"))[None]
    conditions = Conditions(code)
    if network.settings.ends == "shuffle":
        x = F.pixel_unshuffle(x, 2)
    for part in (*network.head, *network.blocks, *network.tail):
        x = part(x, conditions)
    torch.testing.assert_close(network(image, code), network.last(x)[..., 16:46, 16:61].clamp(0, 1))


def test_pictures_of_a_batch_do_not_see_each_other():
    network = new_network(SMALL["detail"])
    image, code = picture(3), some_code(network, 3)
    alone = torch.cat([network(image[k : k + 1], code[k : k + 1]) for k in range(3)])
    torch.testing.assert_close(network(image, code), alone, atol=1e-5, rtol=1e-4)


def test_the_result_is_clamped_in_eval_only(network):
    image, code = picture(), 9 * some_code(network)
    assert 0 <= network(image, code).min() <= network(image, code).max() <= 1
    unclamped = network.train()(image, code)
    assert unclamped.min() < 0
    assert unclamped.max() > 1


def test_the_networks_of_the_literature():
    """Johnson's network has 1.68 million parameters; a style of one a quarter as wide is 800 numbers (Dumoulin: 806,
    with a norm after the last convolution, which has three channels)."""
    johnson = Transformer(TransformerSettings(width=128, ends="convolution"))
    assert sum(p.numel() for p in johnson.parameters()) == 1_676_035
    assert Transformer(TransformerSettings(width=32, ends="convolution")).code_size == 800


def test_the_benchmark_compares_with_johnsons_network():
    """1,679,235 is what PyTorch's example of fast neural style has; the products of a pass are the same."""
    ours, theirs = Transformer(TransformerSettings(width=128, ends="convolution")), published()
    assert sum(p.numel() for p in theirs.parameters()) == 1_679_235
    with torch.no_grad():  # ours sees 16 pixels more on all sides
        assert multiplications(theirs, theirs, picture(1, 64, 80)) == multiplications(
            ours, plain(ours, picture()), picture()
        )


def test_a_code_is_scales_then_shifts_norm_by_norm(network):
    """A change of one number of the code changes the norm that it belongs to, and none before."""
    image, code = picture(), some_code(network)
    outputs = []
    for norm in network.norms:
        norm.register_forward_hook(lambda module, inputs, output: outputs.append(output.detach().clone()))
    network(image, code)
    before, at = list(outputs), 0
    for k, norm in enumerate(network.norms):
        changed = code.clone()
        changed[0, at + norm.channels] += 1  # the first channel's shift
        outputs.clear()
        network(image, changed)
        assert all(torch.equal(a, b) for a, b in zip(outputs[:k], before[:k], strict=True))
        torch.testing.assert_close(outputs[k][0, 0], before[k][0, 0] + 1)
        torch.testing.assert_close(outputs[k][0, 1:], before[k][0, 1:])
        at += 2 * norm.channels
    assert at == network.code_size == network.plain_code().shape[1]


def test_one_mask_of_ones_is_no_mask(network):
    image, code = picture(height=35), some_code(network)
    masked = network(image, code[:, None], torch.ones(1, 1, 35, 48))
    torch.testing.assert_close(masked, network(image, code), atol=1e-5, rtol=1e-4)


def test_halves_by_two_codes(network):
    """Far from the border between two regions, each is as the whole picture in its own style would be, given the same
    moments."""
    side = 2 * network.reach + 16
    image, codes = picture(height=24, width=side), some_code(network, 2)
    left = torch.zeros(1, 1, 24, side)
    left[..., : side // 2] = 1
    moments: list[Moments] = []
    both = network(image, codes[None], torch.cat([left, 1 - left], dim=1), used_moments=moments)
    for code, columns in ((codes[:1], slice(0, 4)), (codes[1:], slice(side - 4, side))):
        alone = network(image, code, fixed_moments=moments)
        torch.testing.assert_close(both[..., columns], alone[..., columns], atol=1e-5, rtol=1e-4)
    assert (both - network(image, codes[:1], fixed_moments=moments)).abs().max() > 0.01


def test_soft_masks_mix_codes():
    network = new_network(SMALL["detail"])
    image, codes = picture(), some_code(network, 2)
    mixed = network(image, codes[None], torch.tensor([0.25, 0.75])[None, :, None, None].expand(1, 2, 32, 48))
    torch.testing.assert_close(mixed, network(image, 0.25 * codes[:1] + 0.75 * codes[1:]), atol=1e-5, rtol=1e-4)


def test_the_moments_of_the_picture_as_fixed_moments_change_nothing(network):
    image, code = picture(), some_code(network)
    moments: list[Moments] = []
    result = network(image, code, used_moments=moments)
    assert len(moments) == len(network.norms)
    again: list[Moments] = []
    assert torch.equal(network(image, code, fixed_moments=moments, used_moments=again), result)
    assert all(a is b for a, b in zip(again, moments, strict=True))


def test_with_fixed_moments_nothing_reaches_further_than_reach_says(network):
    """And it says at most a few pixels too many."""
    network, reach = network.double(), network.reach
    assert reach % network.multiple == 0
    side = 2 * reach + 33
    image, code = picture(height=24, width=side).double(), some_code(network).double()
    moments: list[Moments] = []
    network(image, code, used_moments=moments)
    network.train()  # without the clamp, which has no gradient beyond [0, 1]
    image.requires_grad_()
    fixed = [Moments(m.mean.detach(), m.variance.detach()) for m in moments]
    furthest = 0
    for column in range(side // 2 - 4, side // 2 + 4):
        (gradient,) = torch.autograd.grad(network(image, code, fixed_moments=fixed)[..., column].sum(), image)
        touched = gradient.abs().amax(dim=(0, 1, 2)).nonzero()
        furthest = max(furthest, int((touched - column).abs().max()))
    assert reach - 12 <= furthest <= reach


def on_grey(network: Transformer) -> torch.Tensor:
    """What becomes of a constant picture with moments that are another's: its own are zeros, which make much of
    rounding."""
    moments: list[Moments] = []
    code = some_code(network).double()
    network.double()(picture().double(), code, used_moments=moments)
    return network(torch.full((1, 3, 32, 32), 0.6, dtype=torch.float64), code, fixed_moments=moments)


def test_no_checkerboard_whatever_the_weights(network):
    """Pixels of a constant picture are the same at all places of the raster that the network works in."""
    phases = F.pixel_unshuffle(on_grey(network), 8).unflatten(1, (3, 64)).mean(dim=(3, 4))
    assert phases.std(dim=2).max() < 1e-9


def test_no_border_on_a_constant_picture(network):
    """Zeros beyond the border would show as a frame."""
    result = on_grey(network)
    torch.testing.assert_close(result, result[..., 16:17, 16:17].expand_as(result), atol=1e-9, rtol=0)


@pytest.mark.parametrize("up", [1, 2])
def test_a_convolution_enlarges_and_reflects(up):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = (NearestUpsampling(2, 3) if up == 2 else Convolution(2, 3)).double()
    torch.nn.init.normal_(layer.convolution.bias, generator=seeded(1))
    x = torch.rand(1, 2, 4, 5, generator=seeded(), dtype=torch.float64)
    enlarged = np.pad(x[0].numpy().repeat(up, axis=1).repeat(up, axis=2), ((0, 0), (1, 1), (1, 1)), mode="reflect")
    weight, bias = (p.detach().numpy() for p in layer.convolution.parameters())
    expected = np.einsum(
        "oikl,ihwkl->ohw", weight, np.lib.stride_tricks.sliding_window_view(enlarged, (3, 3), axis=(1, 2))
    )
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected + bias[:, None, None])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 3}, "width is 3; allowed: whole numbers from 4 to 1024"),
        ({"width": 48.0}, "width is 48.0"),
        ({"blocks": True}, "blocks is True"),
        ({"detail": 1}, "detail is 1; allowed: whole numbers from 2 to 1024"),
        ({"ends": "shufle"}, "unknown ends 'shufle'.*did you mean 'shuffle'"),
        ({"norm": "layer"}, "unknown norm 'layer'; allowed: instance, batch"),
    ],
)
def test_settings_that_make_no_network_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        TransformerSettings(**change)


def test_what_does_not_fit_is_refused():
    network = new_network(SMALL["detail"])
    image, code = picture(), some_code(network)
    mask = torch.ones(1, 1, 32, 48)
    for call, message in [
        (lambda: network(picture(height=23), code), "48x23 is too small; the least is 24x24"),
        (lambda: network(image, code[:, 1:]), rf"the code is \(1, {network.code_size - 1}\)"),
        (lambda: network(image, code[:, None]), "the code is"),
        (lambda: network(image, code, mask), "with masks"),
        (lambda: network(image, code[:, None], mask.expand(1, 2, 32, 48)), "2 masks for 1 codes"),
        (lambda: network(image, code[:, None], mask[..., 1:]), "masks of 47x32 for a picture of 48x32"),
        (lambda: network(image, code, fixed_moments=[]), "0 moments for 8 norms"),
    ]:
        with pytest.raises(UsageError, match=message):
            call()


def test_deep_blocks_add_to_what_comes_in_enlarged_linearly():
    """With scales of zero all that they add is the last shift; with others the reference is scipy's interpolation."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = Deep(4, 1).eval().double()
    x = torch.rand(1, 4, 8, 10, generator=seeded(), dtype=torch.float64)
    size = 2 * sum(norm.channels for norm in block.modules() if isinstance(norm, ConditionalNorm))
    code = torch.zeros(1, size, dtype=torch.float64)
    code[0, -4:] = torch.arange(4)
    torch.testing.assert_close(block(x, Conditions(code)), x + torch.arange(4)[:, None, None])
    outputs: list[torch.Tensor] = []
    block.up.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    result = block(x, Conditions(torch.randn(1, size, generator=seeded(1), dtype=torch.float64)))
    added, coarse = (result - x)[0].detach().numpy(), outputs[0][0].detach().numpy()
    assert coarse.shape == (4, 4, 5)
    places = np.meshgrid(*[(np.arange(2 * n) + 0.5) / 2 - 0.5 for n in (4, 5)], indexing="ij")
    for ours, theirs in zip(added, coarse, strict=True):
        np.testing.assert_allclose(ours, map_coordinates(theirs, places, order=1, mode="nearest"), atol=1e-12)
