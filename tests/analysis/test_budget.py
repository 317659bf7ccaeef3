"""Limits and baselines: what passes, what does not, and which rows are named."""

from fractions import Fraction

import pytest
import torch
from torch import nn

import hookcount
from hookcount import BudgetError, InputError
from hookcount.analysis.budget import growth, number, require_no_growth

MACS, PARAMS = 2 * (8 * 16 + 16 * 4), 8 * 16 + 16 * 4


def net(middle=16, *more):
    return nn.Sequential(
        nn.Linear(8, middle, bias=False), nn.ReLU(), nn.Linear(middle, 4, bias=False), *more
    )


def counted(model, rows=2):
    return hookcount.count(model, torch.zeros(rows, 8))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4.2G", Fraction(42 * 10**8)),
        ("4.2 G", Fraction(42 * 10**8)),
        (25e6, Fraction(25 * 10**6)),
        ("1e3", Fraction(1000)),
        ("3k", Fraction(3000)),
        ("2Y", Fraction(2 * 10**24)),
        (10**30, Fraction(10**30)),
    ],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["4.2X", "", "G", "-1", "1..2", None, True, "nan", "inf", "4g"])
def test_no_numbers(text):
    with pytest.raises(InputError, match="no limit.*To fix it"):
        number(text)


@pytest.mark.parametrize(
    "limits",
    [
        {"macs": MACS},
        {"macs": "384"},
        {"macs": (MACS, MACS)},
        {"params": PARAMS},
        {"macs": "1k", "params": "1k", "flops": "1k", "figure": "1k"},
        {"flops": 2 * MACS + 2 * 16},
    ],
)
def test_within(limits):
    report = counted(net())
    assert report.assert_within(**limits) is report


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"macs": MACS - 1}, "macs 384 (384) is over the limit 383 by 1"),
        ({"macs": (MACS + 1, "1G")}, "macs 384 (384) is under the limit 385 by 1"),
        ({"params": 0.1}, "params 192 (192) is over the limit 0.1"),
        ({"flops": 2 * MACS}, "flops 800 (800) is over the limit 768 by 32"),
        ({"macs": "1G", "params": PARAMS - 1}, "params 192"),
    ],
)
def test_not_within(limits, said):
    with pytest.raises(BudgetError) as caught:
        counted(net()).assert_within(**limits)
    assert said in str(caught.value)
    assert "To fix it" in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_the_dearest_rows_are_named():
    with pytest.raises(BudgetError, match=r"'0' \(Linear\) has 256\n  '2' \(Linear\) has 128\n"):
        counted(net()).assert_within(macs=1)


def test_the_figure_is_that_of_the_convention():
    report = counted(net()).under("torch")
    report.assert_within(figure=2 * MACS)
    with pytest.raises(BudgetError, match="figure 768"):
        report.assert_within(figure=2 * MACS - 1)


@pytest.mark.parametrize("limits", [{}, {"macs": "much"}, {"macs": (1, 2, 3)}, {"macs": [1, 2]}])
def test_no_limit(limits):
    with pytest.raises(InputError):
        counted(net()).assert_within(**limits)


def test_a_lower_bound_is_within_no_limit_but_its_parameters_are():
    class Odd(nn.Linear):
        def forward(self, x):
            return torch.linalg.eigvals(super().forward(x))

    with pytest.warns(hookcount.UncountedWarning):
        report = counted(Odd(8, 8), rows=8)
    report.assert_within(params="1k")
    with pytest.raises(BudgetError, match="only a lower bound: aten::linalg_eig is uncounted"):
        report.assert_within(macs="1T")


# -- a baseline


def test_no_growth():
    for model in (net(), net(8)):
        require_no_growth(counted(model).priced, counted(net()).priced)


def test_growth_names_the_totals_and_the_rows():
    new, old = counted(net(32)).priced, counted(net()).priced
    with pytest.raises(BudgetError) as caught:
        require_no_growth(new, old)
    text = str(caught.value)
    assert "macs 384 -> 768 (+384, +100.0%)" in text
    assert "params 192 -> 384 (+192, +100.0%)" in text
    assert text.index("'0' (Linear): macs 256 -> 512") < text.index("'2' (Linear): macs 128 -> 256")
    assert [row.path for row in growth(new, old)] == ["0", "2", "1"]


def test_a_new_module():
    with pytest.raises(BudgetError, match=r"'3' \(Linear\), a new module: macs 0 -> 32 \(\+32\)"):
        require_no_growth(
            counted(net(16, nn.Linear(4, 4, bias=False))).priced, counted(net()).priced
        )


@pytest.mark.parametrize("rows", [1, 3])
def test_another_input_is_refused(rows):
    text = rf"its input was \(2, 8\) and now is \({rows}, 8\)"
    with pytest.raises(InputError, match=text):
        require_no_growth(counted(net(), rows).priced, counted(net()).priced)


@pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
def test_a_lower_bound_is_growth_unless_the_baseline_has_the_same():
    class Odd(nn.Linear):
        def forward(self, x):
            return torch.linalg.eig(super().forward(x)[:, :2])[0]

    new, old = counted(Odd(8, 8, bias=False)).priced, counted(nn.Linear(8, 8)).priced
    with pytest.raises(BudgetError, match="only a lower bound: aten::linalg_eig is uncounted"):
        require_no_growth(new, old)
    require_no_growth(new, new)


def test_a_row_may_grow_if_the_whole_does_not():
    """The first layer grows from 256 to 264 MACs, the other is gone."""
    new = counted(nn.Sequential(nn.Linear(8, 17, bias=False))).priced
    require_no_growth(new, counted(net()).priced)


def test_another_convention_is_refused():
    with pytest.raises(InputError, match="figures of 'thop', not 'default'"):
        require_no_growth(counted(net()).priced, counted(net()).under("thop").priced)


def test_many_rows():
    def layers(bias):
        return nn.Sequential(*[nn.Linear(8, 8, bias=bias) for _ in range(30)])

    with pytest.raises(BudgetError, match="and 20 more rows"):
        require_no_growth(counted(layers(True)).priced, counted(layers(False)).priced)


def test_a_least_above_the_most_is_no_limit():
    with pytest.raises(InputError, match="the least is more than the most"):
        counted(net()).assert_within(macs=(5, 1))
