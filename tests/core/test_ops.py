"""The tally."""

import enum

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hookcount
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


@pytest.mark.parametrize("wrong", [1.0, True, "3", None, numpy.float64(3), numpy.bool_(True), 3j])
def test_counts_are_ints(wrong):
    with pytest.raises(TypeError, match=f"macs=.*a count is an int, not {type(wrong).__name__}"):
        Ops(macs=wrong)


class Three(enum.IntEnum):
    THREE = 3


@pytest.mark.parametrize(
    "three", [numpy.int64(3), numpy.uint8(3), torch.tensor(3), Three.THREE], ids=repr
)
def test_other_integers_become_ints(three):
    for found in (Ops(muls=three), Ops(muls=1) * three):
        assert type(found.muls) is int
        assert found == Ops(muls=3)
        assert hash(found) == hash(Ops(muls=3))


def test_counts_larger_than_a_machine_word_stay_exact():
    big = numpy.int64(2**62)
    assert (Ops(macs=big) + Ops(macs=big)).macs == 2**63
    assert (Ops(macs=big) * numpy.int32(8)).macs == 2**65


def test_counts_are_never_negative():
    with pytest.raises(ValueError, match="adds=-1"):
        Ops(adds=-1)
    with pytest.raises(ValueError, match="adds=-1"):
        Ops(adds=numpy.int64(-1))


def test_only_tallies_add():
    with pytest.raises(TypeError):
        Ops() + 1
    with pytest.raises(TypeError):
        Ops() * 1.5
    with pytest.raises(TypeError, match="not bool"):
        Ops() * True
    with pytest.raises(ValueError, match="never negative"):
        Ops(macs=1) * numpy.int64(-1)


@given(tallies)
def test_flops_are_two_per_mac_and_one_per_other_operation(ops):
    assert ops.flops == 2 * ops.macs + ops.adds + ops.muls + ops.compares + ops.specials


def test_flops_of_a_row():
    report = hookcount.count(torch.nn.Linear(8, 4), torch.zeros(3, 8))
    assert report.tree.own.flops == 3 * 4 * (2 * 8 + 1)  # 8 MACs and the add of a bias
    assert report.total.flops == report.flops
