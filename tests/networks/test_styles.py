import pytest
import torch

from impasto.errors import UsageError
from impasto.networks import AnyStyle, ManyStyles, Transformer, TransformerSettings

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


@pytest.fixture
def arbitrary() -> AnyStyle:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AnyStyle(Transformer(SETTINGS), 10, layers=("relu1_1", "relu2_1"), hidden=16).eval()


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


def test_statistics_are_means_and_log_deviations_layer_by_layer():
    first = torch.randn(2, 3, 8, 9, generator=seeded(1)) * 5 + 1
    second = torch.randn(2, 2, 4, 5, generator=seeded(2))
    told = AnyStyle.statistics({"relu2_1": second, "relu1_1": first})
    expected = []
    for features in (first.numpy(), second.numpy()):
        expected += [torch.tensor(features.mean((2, 3))), torch.tensor(features.std((2, 3))).log()]
    torch.testing.assert_close(told, torch.cat(expected, dim=1), atol=1e-3, rtol=1e-3)


def test_statistics_of_silence_are_finite():
    assert AnyStyle.statistics({"relu1_1": torch.zeros(1, 3, 4, 4)}).isfinite().all()


def test_paintings_begin_near_the_plain_code_and_apart(arbitrary):
    codes = arbitrary.code(torch.randn(5, 10, generator=seeded()))
    plain = arbitrary.transformer.plain_code()
    assert codes.shape == (5, plain.shape[1])
    assert (codes - plain).abs().max() < 0.5
    assert codes.std(dim=0).min() > 0


def test_the_predictor_sees_standardised_statistics(arbitrary):
    paintings = torch.randn(50, 10, generator=seeded()) * 7 + 3
    paintings[:, 4] = 2  # a channel that never changes
    seen = []
    arbitrary.predictor.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    arbitrary.standardise(paintings)
    arbitrary.code(paintings)
    (relative,) = seen
    torch.testing.assert_close(relative.mean(dim=0), torch.zeros(10), atol=1e-5, rtol=0)
    expected = torch.ones(10)
    expected[4] = 0
    torch.testing.assert_close(relative.std(dim=0, correction=0), expected)


def test_statistics_of_another_encoder_are_refused(arbitrary):
    with pytest.raises(UsageError, match=r"the statistics are \(1, 11\); expected \(B, 10\)"):
        arbitrary.code(torch.zeros(1, 11))
