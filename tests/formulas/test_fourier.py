"""Fourier transforms: 5 N log2 N for a complex one, half of it where one side is real."""

from math import log2

import torch
from helpers.asked import ask
from hypothesis import given
from hypothesis import strategies as st
from torch import Size

import hookcount
from hookcount import Ops


def price(target, *args, out):
    return ask(target, *args, out=out)


def flops(ops):
    return ops.adds + ops.muls


def test_complex():
    ops = price("aten::_fft_c2c", Size([3, 64]), [1], 0, True, out=Size([3, 64]))
    assert ops == Ops(muls=3 * 2 * 64 * 6, adds=3 * 3 * 64 * 6)
    assert flops(ops) == 3 * 5 * 64 * 6


def test_real_either_way_is_half():
    assert (
        flops(price("aten::_fft_r2c", Size([3, 64]), [1], 0, True, out=Size([3, 33])))
        == 3 * 5 * 64 * 6 // 2
    )
    assert (
        flops(price("aten::_fft_c2r", Size([3, 33]), [1], 0, 64, out=Size([3, 64])))
        == 3 * 5 * 64 * 6 // 2
    )


def test_several_dims_are_one_transform_of_all_points():
    assert (
        flops(price("aten::_fft_c2c", Size([2, 8, 16]), [1, 2], 0, True, out=Size([2, 8, 16])))
        == 2 * 5 * 128 * 7
    )


def test_several_dims_are_the_sum_of_each_in_turn():
    rows = flops(price("aten::_fft_c2c", Size([8, 16]), [1], 0, True, out=Size([8, 16])))
    columns = flops(price("aten::_fft_c2c", Size([8, 16]), [0], 0, True, out=Size([8, 16])))
    assert (
        flops(price("aten::_fft_c2c", Size([8, 16]), [0, 1], 0, True, out=Size([8, 16])))
        == rows + columns
    )


def test_normalisation_is_a_mul_per_real_number_out():
    def more(target, size, out, *last):
        return (
            price(target, size, [0], 1, *last, out=out).muls
            - price(target, size, [0], 0, *last, out=out).muls
        )

    assert more("aten::_fft_c2c", Size([64]), Size([64]), True) == 2 * 64
    assert more("aten::_fft_r2c", Size([64]), Size([33]), True) == 2 * 33
    assert more("aten::_fft_c2r", Size([33]), Size([64]), 64) == 64


@given(st.integers(1, 5000))
def test_any_length_is_within_rounding_of_the_formula(n):
    assert (
        abs(
            flops(price("aten::_fft_c2c", Size([n]), [0], 0, True, out=Size([n]))) - 5 * n * log2(n)
        )
        <= 2.5
    )


class Spectrum(torch.nn.Module):
    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(x), n=x.shape[-1])


def test_there_and_back_in_a_model():
    report = hookcount.count(Spectrum(), torch.zeros(2, 64))
    # two half transforms; the way back is normalised, by a mul per output
    assert report.total == Ops(muls=2 * (64 * 6) * 2 + 2 * 64, adds=2 * (64 * 6 * 3 // 2) * 2)
