"""The tally."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookcount import Ops
from hookcount.core.ops import KINDS

tallies = st.builds(Ops, **{kind: st.integers(0, 10**20) for kind in KINDS})


@given(tallies, tallies, st.integers(0, 10**6))
def test_arithmetic_is_kind_by_kind(a, b, times):
    for kind in KINDS:
        assert getattr(a + b, kind) == getattr(a, kind) + getattr(b, kind)
        assert getattr(a * times, kind) == getattr(times * a, kind) == getattr(a, kind) * times
    assert bool(a) == any(getattr(a, kind) for kind in KINDS)
    assert eval(repr(a)) == a


@pytest.mark.parametrize("wrong", [1.0, True, "3", None])
def test_counts_are_ints(wrong):
    with pytest.raises(TypeError, match="macs"):
        Ops(macs=wrong)


def test_counts_are_never_negative():
    with pytest.raises(ValueError, match="adds=-1"):
        Ops(adds=-1)


def test_only_tallies_add():
    with pytest.raises(TypeError):
        Ops() + 1
    with pytest.raises(TypeError):
        Ops() * 1.5
