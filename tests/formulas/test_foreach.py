"""The list forms: the element-wise figure, over the elements of all tensors of the list."""

import pytest
from helpers.asked import ask
from torch import Size

from hookcount import Ops

LIST = (Size([2, 3]), Size([4]))
NUMBERS = (Size([]), Size([]))
N = 2 * 3 + 4


def price(target, *args, out=LIST, **kwargs):
    return ask(target, *args, out=out, **kwargs)


@pytest.mark.parametrize(
    ("op", "args", "kwargs", "expected"),
    [
        ("neg", (), {}, Ops(adds=N)),
        ("sqrt", (), {}, Ops(specials=N)),
        ("mul", (2.0,), {}, Ops(muls=N)),
        ("add", (1,), {}, Ops(adds=N)),
        ("add", (LIST,), {"alpha": 0.5}, Ops(adds=N, muls=N)),
        ("add", ((1.0, 2.0),), {}, Ops(adds=N)),
        ("sub", (LIST,), {}, Ops(adds=N)),
        ("div", (LIST,), {}, Ops(specials=N)),
        ("addcmul", (LIST, LIST), {}, Ops(adds=N, muls=N)),
        ("addcmul", (LIST, LIST, 0.5), {}, Ops(adds=N, muls=2 * N)),
        (
            "addcdiv",
            (LIST, LIST, (1, 0.5)),
            {},
            Ops(adds=N, muls=4, specials=N),
        ),  # only the second is scaled
        ("lerp", (LIST, 0.1), {}, Ops(adds=2 * N, muls=N)),
        ("pow", (2,), {}, Ops(muls=N)),
        ("pow", ((2, 0.5),), {}, Ops(muls=2 * 3, specials=4)),
        ("pow", (LIST,), {}, Ops(specials=N)),
        ("max", (), {}, Ops(compares=2 * 3 - 1 + 4 - 1)),
        ("norm", (), {}, Ops(muls=N, adds=2 * 3 - 1 + 4 - 1, specials=2)),
    ],
)
def test_over_a_list(op, args, kwargs, expected):
    assert price(f"aten::_foreach_{op}", LIST, *args, **kwargs) == expected
    assert (
        price(f"aten::_foreach_{op}", LIST, *args, out=None, **kwargs) == expected
    )  # in place nothing is returned


def test_number_to_the_powers_of_a_list():
    assert price("aten::_foreach_pow", 2.0, LIST) == Ops(specials=N)


@pytest.mark.parametrize(
    ("op", "more", "expected"),
    [
        ("mul", (LIST,), Ops(muls=N)),
        ("add", (LIST,), Ops(adds=N)),
        ("div", (LIST,), Ops(specials=N)),
        ("maximum", (LIST,), Ops(compares=N)),
        ("addcmul", (NUMBERS, LIST), Ops(adds=N, muls=N)),
        ("addcdiv", (LIST, NUMBERS), Ops(adds=N, specials=N)),
        ("pow", (LIST,), Ops(specials=N)),
    ],
)
def test_numbers_meet_a_list_of_larger_tensors(op, more, expected):
    """Each element of the result is computed, as the kernels broadcast."""
    assert price(f"aten::_foreach_{op}", NUMBERS, *more) == expected


def test_unscaling_gradients():
    assert price(
        "aten::_amp_foreach_non_finite_check_and_unscale", LIST, Size([]), Size([])
    ) == Ops(muls=N, compares=N)
