"""``benchmarks/agreement``: each known difference to a tool is tied to a line of ``differs``."""

import pytest
from agreement.verdicts import BECAUSE, Verdict, unexplained

from hookcount.conventions import CONVENTIONS


@pytest.mark.parametrize(
    ("convention", "begins"),
    [(name, begins) for name, cases in BECAUSE.items() for begins in dict.fromkeys(cases.values())],
)
def test_a_reason_is_a_line_of_the_convention(convention, begins):
    lines = CONVENTIONS[convention].differs
    assert len([line for line in lines if line.startswith(begins)]) == 1


def test_a_difference_without_a_line_is_not_explained():
    name, begins = "x@y_bcast_lhs", BECAUSE["fvcore"]["x@y_bcast_lhs"]
    verdict = Verdict("fvcore", "one op", ("mm",), {name: (2, 1), "other": (3, 1)}, {})
    assert unexplained(verdict, True, [f"{begins} and so on"]) == ["other"]
    assert unexplained(verdict, True, ["another line"]) == [name, "other"]
    assert unexplained(verdict, False, []) == []
