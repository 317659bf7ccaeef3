"""Factorisations: small ones counted by hand, large ones against the printed leading terms."""

import pytest
from helpers.asked import ask
from torch import Size

from hookcount import Ops
from hookcount.formulas.linalg import (
    cholesky,
    householder,
    lu,
    reflectors_product,
    triangular_solve,
)

N = 600


def price(target, *args, out=None, **kwargs):
    return ask(target, *args, out=out, **kwargs)


def flops(ops):
    return ops.adds + ops.muls + ops.specials


def test_three_by_three_by_hand():
    # LU: 2 pivots to choose from 2 and 1 below, 2 + 1 divisions, 2 * 2 + 1 * 1 updates
    assert lu(3, 3) == Ops(adds=5, muls=5, compares=3, specials=3)
    # Cholesky: 3 roots, 2 + 1 divisions, 3 + 1 updates
    assert cholesky(3) == Ops(adds=4, muls=4, specials=6)
    # substitution: 1 + 2 products, 3 divisions, for each of 2 columns
    assert triangular_solve(3, 2, unit=False) == Ops(adds=3, muls=3, specials=3) * 2
    assert triangular_solve(3, 2, unit=True) == Ops(adds=3, muls=3) * 2


@pytest.mark.parametrize(
    ("ops", "leading"),
    [
        (lu(N, N), 2 * N**3 / 3),
        (cholesky(N), N**3 / 3),
        (triangular_solve(N, 1, unit=False), N**2),
        (householder(2 * N, N), 2 * N**2 * (2 * N - N / 3)),
        (reflectors_product(2 * N, N, N), 2 * N**2 * (2 * N - N / 3)),
        (price("aten::linalg_inv_ex", Size([N, N])), 8 * N**3 / 3),
        (price("aten::cholesky_inverse", Size([N, N])), 2 * N**3 / 3),
        (price("aten::_linalg_eigh", Size([N, N])), 9 * N**3),
        (price("aten::_linalg_eigh", Size([N, N]), "L", False), 4 * N**3 / 3),
        (price("aten::_linalg_svd", Size([2 * N, N])), 14 * 2 * N * N**2 + 8 * N**3),
        (price("aten::_linalg_svd", Size([N, 2 * N])), 14 * 2 * N * N**2 + 8 * N**3),
        (
            price("aten::_linalg_svd", Size([2 * N, N]), False, False),
            4 * 2 * N * N**2 - 4 * N**3 / 3,
        ),
    ],
)
def test_leading_terms(ops, leading):
    assert flops(ops) == pytest.approx(leading, rel=0.02)
    assert ops.macs == 0


def test_batches_multiply():
    for target in (
        "aten::linalg_cholesky_ex",
        "aten::linalg_lu_factor_ex",
        "aten::linalg_inv_ex",
        "aten::_linalg_det",
    ):
        assert price(target, Size([2, 3, 5, 5])) == price(target, Size([5, 5])) * 6


def test_solving_is_an_lu_and_two_triangles_per_column():
    expected = lu(4, 4) + triangular_solve(4, 3, unit=True) + triangular_solve(4, 3, unit=False)
    assert (
        price(
            "aten::_linalg_solve_ex",
            Size([4, 4]),
            Size([4, 3]),
            out=(Size([4, 3]), Size([4, 4])),
        )
        == expected
    )
    one = lu(4, 4) + triangular_solve(4, 1, unit=True) + triangular_solve(4, 1, unit=False)
    assert (
        price("aten::_linalg_solve_ex", Size([4, 4]), Size([4]), out=(Size([4]), Size([4, 4])))
        == one
    )


def test_triangular_systems():
    three_columns = Ops(adds=6, muls=6, specials=4) * 3
    assert (
        price(
            "aten::linalg_solve_triangular",
            Size([4, 4]),
            Size([4, 3]),
            upper=True,
            out=Size([4, 3]),
        )
        == three_columns
    )
    assert (
        price(
            "aten::triangular_solve",
            Size([4, 3]),
            Size([4, 4]),
            out=(Size([4, 3]), Size([4, 4])),
        )
        == three_columns
    )
    assert (
        price("aten::cholesky_solve", Size([4, 3]), Size([4, 4]), out=Size([4, 3]))
        == three_columns * 2
    )


def test_qr_with_and_without_q():
    r = price("aten::linalg_qr", Size([7, 5]), "r", out=(Size([0]), Size([5, 5])))
    assert r == price("aten::geqrf", Size([7, 5])) == householder(7, 5)
    both = price("aten::linalg_qr", Size([7, 5]), out=(Size([7, 5]), Size([5, 5])))
    assert both == r + price(
        "aten::linalg_householder_product", Size([7, 5]), Size([5]), out=Size([7, 5])
    )


def test_pseudo_inverse_ends_in_a_product():
    assert price("aten::linalg_pinv", Size([7, 5]), out=Size([5, 7])).macs == 5 * 5 * 7


def test_matrix_exponential():
    """Per matrix of 3 x 3: 5 products of 27; 25 scaled matrices, summed by fives; 3 more sums."""
    expected = Ops(macs=5 * 27, muls=25 * 9, adds=(5 * 4 + 3) * 9)
    assert price("aten::linalg_matrix_exp", Size([2, 3, 3])) == expected * 2
    assert price("aten::linalg_matrix_exp", Size([7, 1, 1])) == Ops(specials=7)
    assert price("aten::linalg_matrix_exp", Size([0, 3, 3])) == Ops()


def lstsq(a, b, solution, **kwargs):
    return price("aten::linalg_lstsq", Size(a), Size(b), out=(Size(solution),), **kwargs)


def test_least_squares_by_hand():
    """A of 2 x 1. Its one reflector takes 2 squares, 2 adds, 3 special ops and meets no column.

    On the one column of b: 2 + 2 - 1 adds, 2 * 2 + 1 muls. Then one division.
    """
    one = Ops(adds=2 + 3, muls=2 + 5, specials=3 + 1)
    assert lstsq([2, 1], [2, 1], [1, 1]) == one
    assert lstsq([2, 1], [2], [1]) == one
    assert lstsq([5, 2, 1], [5, 2], [5, 1]) == one * 5


@pytest.mark.parametrize(("m", "n"), [(2 * N, N), (N, 2 * N)])
def test_least_squares_leading_terms(m, n):
    """QR of the long form: 2 s^2 (l - s / 3); a column: 4 l s - 2 s^2 by Q, s^2 by R."""
    long, short, k = max(m, n), min(m, n), N
    of_a_column = 4 * long * short - 2 * short**2 + short**2
    leading = 2 * short**2 * (long - short / 3) + k * of_a_column
    found = lstsq([m, n], [m, k], [n, k])
    assert flops(found) == pytest.approx(leading, rel=0.02)
    by_svd = lstsq([m, n], [m, k], [n, k], driver="gelsd")
    assert by_svd.macs == short * m * k + n * short * k
    assert lstsq([m, n], [m, k], [n, k], driver="gelsy") == found


def test_least_squares_of_nothing():
    assert lstsq([3, 0], [3, 2], [0, 2]) == Ops()
    assert lstsq([0, 3, 2], [0, 3, 2], [0, 2, 2]) == Ops()
