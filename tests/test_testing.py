"""``check_formula``: it passes what is right, and says by how much and where what is wrong is
wrong.
"""

import pytest
import torch
from torch import nn

import hookcount
from hookcount import FREE, OBSERVED, Ops, Registry
from hookcount.testing import FormulaDiffersError, check_formula, compare_formula

X = torch.rand(3, 6)


class Gate(nn.Module):
    """A product, a bias, a sigmoid and a layer of its own."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(6, 4)), nn.Parameter(torch.rand(4))
        self.out = nn.Linear(4, 5, bias=False)

    def forward(self, x, scale=1):
        return self.out((x @ self.weight + self.bias).sigmoid() * scale)


OWN = Ops(
    macs=3 * 6 * 4, adds=3 * 4 + 2 * 3 * 4, muls=3 * 4, specials=2 * 3 * 4
)  # sigmoid: negate, exp, add, divide
OUT = Ops(macs=3 * 4 * 5)


def gate(module, x, scale=1, *, out):
    rows, inner = x.numel() // x[-1], module.weight.shape[1]
    return Ops(
        macs=x.numel() * inner, adds=3 * rows * inner, muls=rows * inner, specials=2 * rows * inner
    )


def wrong(module, x, scale=1, *, out):
    return Ops(macs=x.numel(), adds=3 * 3 * 4, muls=3 * 4, specials=2 * 3 * 4)


@pytest.fixture
def registered(user_registrations):
    return hookcount.register


def test_a_right_formula_passes_and_is_given_back(registered):
    registered(Gate, gate)
    for found in (check_formula(Gate(), X), check_formula(Gate(), X, scale=2)):
        assert found.formula == found.ops == OWN + OUT  # of the module and what it calls
        assert found.differing() == {}
    assert {(record.path, record.target) for record in found.ran} == {
        ("", "aten::mm"),
        ("", "aten::add"),
        ("", "aten::sigmoid"),
        ("", "aten::mul"),
        ("out", "Linear"),
    }


def test_a_wrong_formula_is_told_by_how_much_and_where(registered):
    registered(Gate, wrong)
    with pytest.raises(AssertionError) as caught:
        check_formula(Gate(), X)
    assert isinstance(caught.value, hookcount.HookcountError)
    text = str(caught.value)
    assert "the formula for Gate (" in text
    assert "test_testing.py:" in text
    # 18 instead of 72, and 60 of the layer that it calls in both
    assert f"macs: {18 + 60} by the formula, {72 + 60} by the ops (-54)" in text
    assert "aten::mm in the model itself, 1 x: macs=72" in text
    assert "Linear in 'out', 1 x: macs=60" in text
    assert "adds:" not in text
    assert caught.value.comparison.differing() == {"macs": 18 - 72}


def test_some_kinds_alone(registered):
    registered(Gate, lambda module, x, *, out: Ops(macs=x.numel() * 4))
    found = compare_formula(Gate(), (X,))
    assert found.check(["macs"]) is found
    assert found.differing() == {"adds": -36, "muls": -12, "specials": -24}
    with pytest.raises(FormulaDiffersError, match=r"adds: 0 by the formula, 36 by the ops \(-36\)"):
        found.check(["macs", "adds"])


def test_a_formula_for_a_subtree(registered):
    def all_of_it(module, x, scale=1, *, out):
        return gate(module, x, out=out) + Ops(macs=out.numel() * module.out.in_features)

    registered(Gate, all_of_it, covers="subtree")
    assert check_formula(Gate(), X).formula == OWN + OUT
    hookcount.replace(Gate, gate, covers="subtree")
    with pytest.raises(FormulaDiffersError, match=r"\(-60\)"):
        check_formula(Gate(), X)


def test_the_formulas_of_what_it_calls_stay_unless_they_are_taken_too(registered):
    registered(Gate, gate)
    hookcount.register(nn.Linear, lambda module, x, *, out: Ops(macs=1))
    assert check_formula(Gate(), X).ops == OWN + Ops(macs=1)
    assert compare_formula(Gate(), (X,), without=[Gate, nn.Linear]).differing() == {"macs": 1 - 60}


def test_of_a_registry_of_ones_own():
    mine = Registry()
    mine.register(Gate, gate)
    assert compare_formula(Gate(), (X,), registry=mine).check().formula == OWN + OUT
    with pytest.raises(hookcount.RegistrationError, match="Gate: .*has no formula to check"):
        compare_formula(Gate(), (X,))


def test_by_name_and_free(registered):
    registered(f"{__name__}.Gate", FREE)
    with pytest.raises(FormulaDiffersError, match="macs: 60 by the formula, 132 by the ops"):
        check_formula(Gate(), X)
    hookcount.replace(f"{__name__}.Gate", gate)
    check_formula(Gate(), X)


class Reshapes(nn.Module):
    def forward(self, x):
        return x.view(-1)


def test_what_costs_nothing(registered):
    registered(Reshapes, FREE)
    assert check_formula(Reshapes(), X).ran == ()
    hookcount.replace(Reshapes, lambda module, x, *, out: Ops(adds=1))
    with pytest.raises(
        FormulaDiffersError,
        match=r"adds: 1 by the formula, 0 by the ops \(\+1\)\nno op that ran has a cost",
    ):
        check_formula(Reshapes(), X)


class Overridden(Gate):
    def forward(self, x):
        return super().forward(x)


@pytest.mark.parametrize("model", [nn.Sequential(), Overridden(), Gate()])
def test_without_a_formula_there_is_nothing_to_check(registered, model):
    if type(model) is Gate:
        registered(Gate, OBSERVED)
    else:
        registered(Gate, gate)
        registered(nn.Sequential, OBSERVED)
    with pytest.raises(
        hookcount.RegistrationError, match="has no formula to check.*\n?.*To fix it"
    ):
        check_formula(model, X)


class Unseen(nn.Module):
    def forward(self, x):
        return torch.from_numpy(x.numpy() * 2)


def test_what_runs_unseen_cannot_be_compared(registered):
    registered(Unseen, lambda module, x, *, out: Ops(muls=out.numel()))
    with pytest.raises(
        hookcount.UncountedError, match="the counts cannot be compared.*\n.*Unseen made its output"
    ):
        check_formula(Unseen(), X)


def test_on_meta(registered):
    registered(Gate, gate)
    assert check_formula(Gate().to("meta"), X).formula == OWN + OUT
    assert check_formula(Gate(), X.to("meta")).formula == OWN + OUT


def test_the_module_is_left_as_it_was(registered):
    registered(nn.BatchNorm1d, FREE, covers="own")
    layer = nn.BatchNorm1d(6)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    with pytest.raises(FormulaDiffersError):
        check_formula(layer, X)
    assert all(torch.equal(before[name], tensor) for name, tensor in layer.state_dict().items())


def test_a_long_list_of_what_ran_is_cut(registered):
    class Deep(nn.Sequential):
        def forward(self, x):
            return super().forward(x)

    registered(Deep, FREE, covers="subtree")
    hookcount.replace(Deep, lambda module, x, *, out: Ops(), covers="subtree")
    with pytest.raises(FormulaDiffersError, match="and 5 more"):
        check_formula(Deep(*[nn.Linear(6, 6) for _ in range(25)]), X)
