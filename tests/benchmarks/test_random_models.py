"""``benchmarks/random_models/``: 300 random models, counted in every run. More are run by hand."""

from __future__ import annotations

import warnings

import pytest
import torch
from random_models import random_models
from random_models.checking import wrong
from random_models.making import Made, made
from random_models.program import Program, Step


@pytest.fixture(scope="module")
def results():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(random_models.checked(range(300)))


def test_the_counts_of_random_models_agree(results):
    assert [
        (each.seed, kind, what, each.steps) for each in results for kind, what in each.wrong.items()
    ] == []


def test_the_models_have_steps_of_every_kind(results):
    ran = {step for each in results for step in each.steps.split(", ")}
    assert {"Block", "Twice", "Tied", "again", "cell", "LSTM", "MultiheadAttention"} <= ran
    assert {"in place", "reshaped in place", "out=", "view", "split", "by option"} <= ran
    assert {each.grad_mode for each in results} == {"grad", "no_grad", "inference"}
    assert sum(each.asked for each in results) > 100


def test_a_seed_gives_one_model():
    first, second = made(7), made(7)
    assert first.steps() == second.steps()
    assert repr(first.model) == repr(second.model)
    assert all(map(torch.equal, first.args, second.args))
    assert made(8).steps() != first.steps()


def asks_for_the_device_between(model, values, options):
    x = torch.neg(values[0])
    return x.relu() if x.is_meta else x.exp()


def needs_values(model, values, options):
    return values[0][values[0] > 0]


def has_a_product_outside(model, values, options):
    values[0].mv(torch.ones(4))  # FlopCounterMode knows no product with a vector
    return values[0]


@pytest.mark.parametrize(
    ("run", "kinds"),
    [
        (asks_for_the_device_between, {"totals"}),
        (needs_values, {"values"}),
        (has_a_product_outside, {"FlopCounterMode"}),
    ],
)
def test_a_wrong_count_is_told(run, kinds):
    model = Program("tensor")
    model.steps.append(Step("made up", run))
    assert set(wrong(Made(0, model, (torch.ones(2, 4),), {}, "no_grad"))) == kinds


@pytest.mark.slow
def test_the_command_prints_a_table(capfd):
    status = random_models.main(["--models", "6", "--jobs", "2"])
    out = capfd.readouterr().out
    assert "6 random models" in out
    assert "second count" in out
    assert status == 0
