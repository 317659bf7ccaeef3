"""The registry of hookcount's own formulas, and the two shorthands that fill it."""

import pytest
from torch import nn

from hookcount import FREE, OBSERVED, Ops, RegistrationError, Registry
from hookcount.formulas import BUILTIN, builtin


@pytest.fixture
def mine(monkeypatch):
    """An empty registry in the place of ``BUILTIN``."""
    registry = type(BUILTIN)(name="mine")
    monkeypatch.setattr(builtin, "BUILTIN", registry)
    return registry


def test_the_package_fills_it():
    assert isinstance(BUILTIN, Registry)
    assert BUILTIN.base is None
    for target in (nn.Linear, "aten::mm", "aten::view_copy", "torchvision.ops.RoIAlign"):
        assert target in BUILTIN, target


def test_free_registers_each_target_with_its_kind(mine):
    builtin.free(["lib::a", "lib::b"], kind="embedding")
    assert list(mine) == ["lib::a", "lib::b"]
    for each in mine:
        assert (mine.get(each).price, mine.get(each).kind) == (FREE, "embedding")


def test_observed_registers_each_target_with_its_kind(mine):
    builtin.observed([nn.Sequential, "lib.Module"])
    assert len(mine) == 2
    for each in mine:
        assert (mine.get(each).price, mine.get(each).kind) == (OBSERVED, None)


def test_a_target_is_registered_once(mine):
    builtin.free(["lib::a"])
    with pytest.raises(RegistrationError, match="lib::a is registered in mine already"):
        builtin.observed(["lib::a"])


def test_the_decorator_gives_the_formula_back():
    assert builtin.formula == BUILTIN.register
    registry = type(BUILTIN)(name="mine")

    @registry.register("lib::a", kind="elementwise")
    def price(out):
        return Ops(adds=out.numel())

    assert registry.get("lib::a").price is price


def test_names_of_another_release_do_not_break_the_import():
    """A user's registry refuses a keyword-only name that no overload has; this one does not."""

    def price(*, of_another_release, out):
        return Ops()

    with pytest.raises(RegistrationError, match="of_another_release"):
        Registry().register("aten::mm", price)
    own = type(BUILTIN)(name="mine")
    own.register("aten::mm", price)
    assert own.get("aten::mm").price is price
