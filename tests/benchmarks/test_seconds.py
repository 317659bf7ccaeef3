"""``benchmarks/seconds/seconds.py``: its figures against the targets, and a run of one model."""

import re
import subprocess
import sys

import pytest
from helpers.paths import BENCHMARKS
from seconds.seconds import Row, figures


def row(**changes):
    return Row("a", 5, 20, 0.1, 0.1, 1.0, 1.0, 1.0, True)._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({}, [True, True, True]),
        ({"ratio": 1.049}, [True, True, True]),
        ({"ratio": 0.951}, [True, True, True]),
        ({"ratio": 1.051}, [False, True, True]),
        ({"ratio": 0.949}, [False, True, True]),
        ({"overhead": 1.15}, [True, True, True]),
        ({"overhead": 1.16}, [True, False, True]),
        ({"exact": False}, [True, True, False]),
    ],
)
def test_the_worst_model_decides(changes, met):
    found = figures([row(), row(model="b", **changes), row()])
    assert [each.met for each in found] == met


@pytest.mark.slow
def test_a_run_of_one_model():
    done = subprocess.run(
        [
            sys.executable,
            BENCHMARKS / "seconds" / "seconds.py",
            *("--models", "resnet18", "--rounds", "1", "--seconds", "0"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (found,) = re.findall(r"^ *resnet18 +(.+)$", done.stdout, re.MULTILINE)
    modules, rounds, hand, own, ratio, _, _, exact = found.split()
    assert (modules, rounds, exact) == ("68", "1", "yes")
    assert float(ratio) == pytest.approx(float(own) / float(hand), rel=0.01)
