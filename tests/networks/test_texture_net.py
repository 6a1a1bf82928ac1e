import pytest
import torch
from torch.nn import functional as F

from impasto.errors import UsageError
from impasto.networks import TextureNet, TextureSettings


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def new_network(**settings: object) -> TextureNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TextureNet(TextureSettings(**{"scales": 4, "channels": 4, **settings})).eval()


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("content", [False, True])
def test_any_size_from_two_pixels_at_the_coarsest_scale(norm, content):
    network = new_network(norm=norm, content=content)
    for height, width in ((16, 16), (17, 31), (40, 23)):
        image = torch.rand(2, 3, height, width, generator=seeded()) if content else None
        result = network(network.noise(2, (height, width), seeded()), image)
        assert result.shape == (2, 3, height, width)
        assert result.isfinite().all()
        assert not torch.equal(result[0], result[1])
    with pytest.raises(UsageError, match="16x15 is too small; the least is 16 a side"):
        network.noise(1, (15, 16), seeded())


def test_noise_is_three_uniform_channels_a_scale_from_coarse_to_fine():
    noise = new_network().noise(2, (37, 64), seeded())
    assert [tuple(z.shape) for z in noise] == [(2, 3, 5, 8), (2, 3, 10, 16), (2, 3, 19, 32), (2, 3, 37, 64)]
    values = torch.cat([z.flatten() for z in noise])
    assert 0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1
    assert abs(float(values.mean()) - 0.5) < 0.01
    assert all(torch.equal(a, b) for a, b in zip(noise, new_network().noise(2, (37, 64), seeded()), strict=True))
    assert not torch.equal(noise[-1], new_network().noise(2, (37, 64), seeded(1))[-1])


def test_the_defaults_are_the_papers():
    """Six scales; eight channels more at each; five scales have about the 65 thousand parameters that it tells."""
    network = TextureNet()
    assert len(network.scales) == 6
    assert network.last.convolution.in_channels == 48
    five = TextureNet(TextureSettings(scales=5))
    assert abs(sum(p.numel() for p in five.parameters()) - 65_000) < 10_000


def test_textures_are_seamless():
    """Shifting the noise shifts the texture, across the border too."""
    network = new_network()
    noise = network.noise(1, 32, seeded())
    shifted_noise = [z.roll((z.shape[-2] // 2, z.shape[-1] // 4), dims=(2, 3)) for z in noise]
    torch.testing.assert_close(network(shifted_noise), network(noise).roll((16, 8), dims=(2, 3)), atol=1e-5, rtol=1e-4)


def test_every_scale_of_the_noise_matters():
    network = new_network()
    noise = network.noise(1, 32, seeded())
    before = network(noise)
    for k in range(4):
        changed = list(noise)
        changed[k] = 1 - changed[k]
        assert (network(changed) - before).abs().mean() > 1e-4


def test_neither_the_coarse_scales_nor_the_noise_drown_the_other():
    """Where scales meet both are normalised, so that it does not matter how loud they are."""
    network = new_network().double()
    coarse, fine = (torch.rand(1, 4, side, side, generator=seeded(), dtype=torch.float64) for side in (8, 16))
    join = network.joins[0]
    torch.testing.assert_close(join(9 * coarse + 1, fine), join(coarse, fine), atol=1e-3, rtol=0)
    torch.testing.assert_close(join(coarse, 9 * fine + 1), join(coarse, fine), atol=1e-3, rtol=0)
    assert (join(coarse, fine.flip(2)) - join(coarse, fine)).abs().mean() > 0.1


def test_the_photo_is_seen_at_every_scale():
    """What the layers of each scale see beside the noise is the photo, averaged down."""
    network, image = new_network(content=True), torch.rand(1, 3, 32, 32, generator=seeded(1))
    inputs: list[torch.Tensor] = []
    for scale in network.scales:
        scale.register_forward_pre_hook(lambda module, arguments: inputs.append(arguments[0]))
    noise = network.noise(1, 32, seeded())
    network(noise, image)
    for k, (z, x) in enumerate(zip(noise, inputs, strict=True)):
        ratio = 2 ** (3 - k)
        torch.testing.assert_close(x, torch.cat([z, F.avg_pool2d(image, ratio) if ratio > 1 else image], dim=1))


def test_batch_norm_keeps_moments_for_later():
    network = new_network(norm="batch").train()
    result = network(network.noise(2, 32, seeded()))
    moments = {name: value for name, value in network.state_dict().items() if "running" in name}
    assert moments
    assert any((value - (1.0 if "var" in name else 0.0)).abs().max() > 0.01 for name, value in moments.items())
    network.eval()(network.noise(1, 32, seeded(1)))
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in moments.items())
    assert result.requires_grad


def test_what_does_not_fit_is_refused():
    texture, style = new_network(), new_network(content=True)
    noise = texture.noise(1, 16, seeded())
    for call, message in [
        (lambda: texture(noise[1:]), "3 maps of noise for 4 scales"),
        (lambda: texture(noise, torch.rand(1, 3, 16, 16)), "takes no photo"),
        (lambda: style(noise), "takes a photo"),
        (lambda: TextureSettings(scales=0), "scales is 0; allowed: whole numbers from 1"),
        (lambda: TextureSettings(norm="none"), "unknown norm 'none'"),
        (lambda: TextureSettings(content=1), "content is 1; allowed: true and false"),
    ]:
        with pytest.raises(UsageError, match=message):
            call()
