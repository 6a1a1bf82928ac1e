import pytest
import torch
from tests.painters import anything, moving

from impasto.errors import UsageError
from impasto.networks import ManyStyles, Transformer, TransformerSettings

SETTINGS = TransformerSettings(width=8, blocks=1, detail=6)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def many() -> ManyStyles:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ManyStyles(Transformer(SETTINGS), ["starry", "wave", "ink"]).eval()
    with torch.no_grad():
        network.codes.add_(torch.randn(network.codes.shape, generator=seeded()))
    return network


def test_every_style_begins_as_the_plain_one():
    network = ManyStyles(Transformer(SETTINGS), ["a", "b"])
    assert torch.equal(network.codes, network.transformer.plain_code().expand(2, -1))


def test_a_name_alone_is_its_code(many):
    assert torch.equal(many.code({"wave": 1}), many.codes[1:2])
    assert torch.equal(many.code({"wave": 0.2}), many.codes[1:2])


def test_shares_mix_codes(many):
    mixed = many.code({"ink": 3, "starry": 1, "wave": 0})
    torch.testing.assert_close(mixed, 0.75 * many.codes[2:] + 0.25 * many.codes[:1])


def test_a_mixture_trains_the_codes_in_it_only(many):
    many.code({"ink": 0.5, "starry": 0.5}).sum().backward()
    expected = torch.tensor([0.5, 0.0, 0.5])[:, None].expand_as(many.codes)
    assert torch.equal(many.codes.grad, expected)


def test_the_forward_pass_is_the_transformers(many):
    image, code = torch.rand(1, 3, 24, 32, generator=seeded()), many.code({"wave": 1})
    assert torch.equal(many(image, code), many.transformer(image, code))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"stary": 1.0}, "unknown style 'stary'.*did you mean 'starry'.*allowed: starry, wave, ink"),
        ({}, "shares of styles are none"),
        ({"wave": 0.0, "ink": 0.0}, "wave=0, ink=0; allowed"),
        ({"wave": 2.0, "ink": -1.0}, "ink=-1; allowed: from 0"),
        ({"wave": float("nan")}, "wave=nan"),
        ({"wave": float("inf")}, "wave=inf"),
    ],
)
def test_shares_that_mix_nothing_are_refused(many, shares, message):
    with pytest.raises(UsageError, match=message):
        many.code(shares)


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_styles_need_names_of_their_own(names):
    with pytest.raises(UsageError, match="a name of its own"):
        ManyStyles(Transformer(SETTINGS), names)


def test_the_code_of_a_painting_begins_with_its_statistics():
    network, painting = anything(), torch.rand(2, 3, 40, 52, generator=seeded())
    codes = network.code(painting)
    statistics = network.transformer.style_numbers(painting)
    assert torch.equal(codes[:, : statistics.shape[1]], statistics)
    assert not torch.allclose(codes[0], codes[1], atol=1e-3)


def test_a_network_of_transport_may_have_named_styles():
    body = moving()
    network = ManyStyles(body, ["sea", "sand"])
    torch.testing.assert_close(network.code({"sand": 1.0}), body.plain_code())
    again = ManyStyles.from_description(network.description())
    assert again.styles == ("sea", "sand")
    assert again.transformer.settings == body.settings
