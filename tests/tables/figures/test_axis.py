"""Figures of any size on an axis."""

import pytest

import hookcount
from hookcount.core.units import PREFIXES
from hookcount.tables.figures.axis import Axis


@pytest.mark.parametrize("power", range(len(PREFIXES)))
def test_an_axis_has_the_prefix_of_its_largest_value(power):
    axis = Axis("MACs", [5, -7 * 1000**power])
    assert axis.place(7 * 1000**power) == 7
    if power:
        assert axis.title == f"MACs in {PREFIXES[power]} (1 {PREFIXES[power]} = 1e{3 * power})"
    else:
        assert axis.title == "MACs"


def test_no_values_at_all():
    assert Axis("MACs", []).place(0) == 0


def test_a_value_that_no_float_holds_is_refused():
    axis = Axis("MACs", [10**400])
    with pytest.raises(hookcount.InputError, match="401 digits"):
        axis.place(10**400)
