import pytest
import torch

from impasto.losses import IMAGE, Objective, Term


def test_an_objective_adds_its_terms_and_reports_them_by_name():
    terms = [Term("style", "a", 2.0, torch.sum), Term("style", "b", 0.5, torch.sum), Term("tv", IMAGE, 3.0, torch.mean)]
    image, features = torch.full((1, 3, 2, 2), 2.0), {"a": torch.ones(4), "b": torch.ones(2)}
    total, parts = Objective(terms)(image, features)
    assert total.item() == pytest.approx(2 * 4 + 0.5 * 2 + 3 * 2)
    assert {name: value.item() for name, value in parts.items()} == {"style": 9.0, "tv": 6.0}


def test_terms_without_weight_are_left_out_with_their_layers():
    objective = Objective([Term("style", "a", 0.0, torch.sum), Term("content", "b", 1.0, torch.sum)])
    assert objective.layers == {"b"}
    assert len(objective.terms) == 1


def test_an_objective_prints_its_formula():
    objective = Objective([Term("content", "relu4_2", 1.0, torch.sum), Term("tv", IMAGE, 0.25, torch.sum)])
    assert str(objective) == "1 content(relu4_2) + 0.25 tv(image)"
    assert str(Objective([])) == "0"
