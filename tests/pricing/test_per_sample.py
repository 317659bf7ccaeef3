"""The work of modules for one sample of the model's first input."""

import pytest
from helpers.traces import Call, run, spec, trace
from torch import nn

from hookcount.core.ops import KINDS, Ops
from hookcount.pricing.per_sample import Mean, length, samples


def test_samples_of_all_calls_of_the_model():
    model = nn.Module()
    runs = [
        run("", model, call=Call(nn.Module, (spec(*shape),), {}, None, model))
        for shape in ((5, 3), (2,), ())
    ]
    inner = run("a", call=Call(nn.Module, (spec(9, 9),), {}, None, model), parent=0)
    assert samples(trace(*runs, inner)) == 5 + 2 + 1
    assert samples(trace(inner)) == 1
    assert samples(trace(run(call=None))) == 1
    assert samples(trace(run(call=Call(nn.Module, (), {"x": spec(5)}, None, model)))) == 1


@pytest.mark.parametrize(
    ("first", "expected"),
    [(spec(4, 2), 4), (spec(), 1), ([spec(2), spec(3)], 2), ({"x": spec(7)}, 1), (None, 1)],
)
def test_the_length_of_an_input(first, expected):
    assert length(first) == expected


def test_shares_add_up_to_the_quotient_of_the_sum():
    prices = [Ops(macs=5, adds=4), Ops(specials=1), Ops(), Ops(macs=100, muls=3)]
    mean = Mean(7)
    shares = [mean.of(each) for each in prices]
    assert sum(getattr(each, kind) for each in shares for kind in KINDS) == (9 + 1 + 103) // 7
    # 5 // 7; (5 + 4) // 7 less that; (9 + 1) // 7 less that
    assert shares[:2] == [Ops(adds=1), Ops()]
    assert mean.of(None) is None
