"""``fit``: the polynomial of a count, the sizes that it holds for, and counts that have none."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookcount import InputError
from hookcount.analysis.scaling.growth import DEGREES, fit
from hookcount.analysis.scaling.polynomial import Polynomial


def poly(*coefficients):
    """By rising powers."""
    return Polynomial(tuple(map(Fraction, coefficients)))


def test_the_lowest_degree_is_fitted_and_all_other_sizes_check_it():
    found = fit("MACs", {n: 3 * n * n + 1 for n in (1, 2, 4, 7, 9)})
    assert found.polynomial == poly(1, 0, 3)
    assert (found.fitted, found.checked, found.missed) == ((1, 2, 4), (7, 9), ())
    assert (found.step, found.offset, found.known_for) == (1, 0, "every n")
    assert found(100) == 30_001
    assert str(found) == "MACs(n) = 3 n^2 + 1"


def test_a_constant_is_fitted_to_one_size():
    found = fit("MACs", {3: 8, 5: 8, 6: 8, 10: 8})
    assert (found.polynomial, found.fitted, found.checked) == (poly(8), (3,), (5, 6, 10))
    assert fit("MACs", dict.fromkeys((3, 5, 6, 10), 0)).polynomial == poly()


def test_sizes_of_one_step_that_are_no_multiples_of_it():
    """5, 9, 13, 17 are 1 mod 4: the polynomial may hold only there."""
    found = fit("MACs", {n: n // 4 for n in (5, 9, 13, 17)})
    assert found.polynomial == poly(Fraction(-1, 4), Fraction(1, 4))
    assert (found.step, found.offset, found.known_for) == (4, 1, "n = 1 mod 4")
    assert str(found) == "MACs(n) = 1/4 n - 1/4, for n = 1 mod 4"
    assert found(21) == 5
    with pytest.raises(
        InputError, match=re.escape("MACs(22): the polynomial holds only for n = 1 ")
    ):
        found(22)


def test_a_count_that_rounds_is_fitted_to_the_multiples_of_a_step():
    """ceil(n / 3) at 6, 9, 12, 15 is n / 3, and 7 does not fit it."""
    points = {n: -(-n // 3) for n in (6, 7, 9, 12, 15)}
    found = fit("MACs", points)
    assert found.polynomial == poly(0, Fraction(1, 3))
    assert (found.fitted, found.checked, found.missed) == ((6, 9), (12, 15), (7,))
    assert (found.step, found.offset, found.known_for) == (3, 0, "multiples of 3")
    assert str(found) == "MACs(n) = 1/3 n, for multiples of 3, not at 7"
    assert (found(7), found(30)) == (3, 10)  # 7 was counted, 30 is a multiple of 3
    with pytest.raises(InputError, match=re.escape("To fix it: count at 10, or at sizes without")):
        found(10)


def test_a_value_that_is_not_whole_is_no_count():
    """The sizes share no step, and n (n + 1) / 4 is whole at all of them, but not at 5."""
    found = fit("MACs", {n: n * (n + 1) // 4 for n in (3, 4, 7, 8)})
    assert found.polynomial == poly(0, Fraction(1, 4), Fraction(1, 4))
    assert found.step == 1
    assert found(11) == 33
    with pytest.raises(
        InputError, match=re.escape("MACs(5): the polynomial gives 15/2, which is ")
    ):
        found(5)


def test_a_count_without_a_polynomial():
    points = {n: 2**n for n in range(1, 10)}
    found = fit("FLOPs", points)
    assert (found.polynomial, found.fitted, found.checked, found.missed) == (None, (), (), ())
    assert found.points == tuple(points.items())
    assert found(9) == 512  # it was counted
    assert str(found) == "FLOPs(n) is not a polynomial of degree 4 or less"
    with pytest.raises(InputError, match=re.escape("FLOPs(10): FLOPs are not a polynomial of n")):
        found(10)


def test_a_point_is_always_left_to_check():
    """Some cubic goes through any 4 points, so 4 sizes cannot show one."""
    assert fit("MACs", {n: n**3 for n in (1, 2, 3, 5)}).polynomial is None
    assert fit("MACs", {n: n**3 for n in (1, 2, 3, 5, 7)}).polynomial == poly(0, 0, 0, 1)
    assert fit("MACs", {n: n**4 for n in (1, 2, 3, 5, 7)}).polynomial is None
    assert fit("MACs", {n: n**4 for n in (1, 2, 3, 5, 7, 11)}).polynomial == poly(0, 0, 0, 0, 1)


def test_three_multiples_of_a_step_are_too_few():
    assert fit("MACs", {2: 2, 3: 30, 4: 4, 6: 6, 7: 50}).polynomial is None
    assert fit("MACs", {2: 2, 3: 30, 4: 4, 6: 6, 7: 50, 8: 8}).polynomial == poly(0, 1)


SIZES = st.sets(st.integers(1, 10**5), min_size=DEGREES + 2, max_size=DEGREES + 5)


@given(st.lists(st.integers(-(10**12), 10**12), max_size=DEGREES + 1), SIZES)
def test_every_polynomial_is_found_at_its_own_degree(coefficients, sizes):
    while coefficients and coefficients[-1] == 0:
        coefficients.pop()
    value = lambda n: sum(each * n**power for power, each in enumerate(coefficients))  # noqa: E731
    found = fit("it", {n: value(n) for n in sorted(sizes)})
    assert found.polynomial == poly(*coefficients)
    assert len(found.fitted) == max(len(coefficients), 1)
    assert (*found.fitted, *found.checked) == tuple(sorted(sizes))


@given(
    st.integers(2, 12),
    st.integers(1, 10**6),
    st.sets(st.integers(1, 50), min_size=5, max_size=5),
    st.data(),
)
def test_rounding_up_is_a_line_at_the_multiples(step, weight, multiples, data):
    """``weight * ceil(n / step)`` is ``weight / step * n`` at multiples of the step.

    One size is no multiple, and the count is above the line there. A polynomial of degree 4 that
    is not the line itself meets the line in at most 4 of its 5 points.
    """
    odd = data.draw(st.integers(1, 50 * step).filter(lambda n: n % step))
    sizes = sorted([odd, *(each * step for each in multiples)])
    found = fit("it", {n: weight * -(-n // step) for n in sizes})
    assert found.polynomial == poly(0, Fraction(weight, step))
    assert found.missed == (odd,)
    assert found.step % step == 0


@given(st.dictionaries(st.integers(1, 60), st.integers(0, 5), min_size=4, max_size=9))
def test_any_polynomial_that_is_found_gives_the_counts_and_names_the_sizes(points):
    points = dict(sorted(points.items()))
    found = fit("it", points)
    assert found.points == tuple(points.items())
    if found.polynomial is not None:
        used = (*found.fitted, *found.checked)
        assert found.checked
        assert sorted((*used, *found.missed)) == list(points)
        assert all(found.polynomial(n) == points[n] for n in used)
        assert {n % found.step for n in used} == {found.offset}
    assert all(found(n) == count for n, count in points.items())
