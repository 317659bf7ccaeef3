"""``Polynomial``: interpolation, values, text. Expected coefficients are worked out by hand."""

from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from hookcount.analysis.scaling.polynomial import Polynomial

VALUES = st.integers(-(10**15), 10**15)


def poly(*coefficients):
    """By rising powers."""
    return Polynomial(tuple(map(Fraction, coefficients)))


@pytest.mark.parametrize(
    ("points", "coefficients"),
    [
        ([(5, 7)], [7]),
        ([(5, 0)], []),
        ([(1, 2), (3, 2), (8, 2)], [2]),
        ([(2, 4), (4, 8)], [0, 2]),
        ([(1, 1), (2, 4), (3, 9)], [0, 0, 1]),
        ([(1, 1), (2, 3), (3, 6)], [0, Fraction(1, 2), Fraction(1, 2)]),  # 1 + 2 + ... + n
        ([(1, 1), (2, 5), (3, 14), (4, 30)], [0, Fraction(1, 6), Fraction(1, 2), Fraction(1, 3)]),
        ([(-1, -1), (0, 0), (1, 1), (2, 8)], [0, 0, 0, 1]),
        ([(0, 1), (1, 0)], [1, -1]),
    ],
)
def test_through_points(points, coefficients):
    assert Polynomial.through(points) == poly(*coefficients)


def test_sizes_must_differ():
    with pytest.raises(ZeroDivisionError):
        Polynomial.through([(2, 1), (2, 3)])


@given(st.dictionaries(st.integers(-1000, 1000), VALUES, min_size=1, max_size=7))
def test_it_goes_through_every_point_and_the_order_of_points_does_not_matter(points):
    found = Polynomial.through(list(points.items()))
    assert all(found(n) == value for n, value in points.items())
    assert found.degree < len(points)
    assert not found.coefficients or found.coefficients[-1] != 0
    assert Polynomial.through(list(points.items())[::-1]) == found


@given(st.lists(VALUES, max_size=6), st.sets(st.integers(-1000, 1000), min_size=6, max_size=8))
def test_a_polynomial_is_found_again_from_its_values(coefficients, sizes):
    while coefficients and coefficients[-1] == 0:
        coefficients.pop()
    value = lambda n: sum(each * n**power for power, each in enumerate(coefficients))  # noqa: E731
    assert Polynomial.through([(n, value(n)) for n in sizes]) == poly(*coefficients)


def test_degree_coefficients_and_values():
    found = poly(5, 0, Fraction(3, 2))
    assert (found.degree, poly(4).degree, poly().degree) == (2, 0, 0)
    assert [found.coefficient(power) for power in range(4)] == [5, 0, Fraction(3, 2), 0]
    assert (found(0), found(2), found(3)) == (5, 11, Fraction(37, 2))
    assert poly()(100) == 0


@pytest.mark.parametrize(
    ("coefficients", "text"),
    [
        ([], "0"),
        ([-3], "-3"),
        ([0, 1], "n"),
        ([0, -1], "-n"),
        ([1, 1, 1], "n^2 + n + 1"),
        ([-1234, 0, 5678], "5,678 n^2 - 1,234"),
        ([0, Fraction(-1, 2), 2], "2 n^2 - 1/2 n"),
        ([Fraction(10_000, 3)], "10,000/3"),
    ],
)
def test_as_text(coefficients, text):
    assert str(poly(*coefficients)) == text


def test_as_a_sympy_expression():
    n = sympy.Symbol("n", integer=True)
    assert poly(-3, 0, Fraction(1, 2)).sympy() == n**2 / 2 - 3
    assert poly().sympy() == 0
    assert sympy.solve(poly(-8, 0, 2).sympy(), n) == [-2, 2]
