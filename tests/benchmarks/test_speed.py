"""``benchmarks/speed/speed.py`` needs no other counter, and takes ratios within rounds."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from helpers.paths import BENCHMARKS
from lib.rounds import Times, in_turns


@pytest.mark.slow
def test_a_run_without_peers():
    wanted = [
        "--part",
        "forward",
        "peers",
        "--tools",
        "thop",
        "ultralytics-thop",
        "--models",
        "resnet18",
        "--rounds",
        "1",
    ]
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "speed" / "speed.py", *wanted, "--peers-dir", "nowhere"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (row,) = re.findall(r"^ *resnet18 +(.+)$", done.stdout, re.MULTILINE)
    meta, count, reused, cpu, *ratios = map(float, row.split())
    # one round: its ratios are those of the times; the count on the CPU has a time of its own
    assert ratios[:2] == pytest.approx([count / meta, reused / meta], rel=0.05)
    assert 0 < ratios[2] < 100 * count / cpu
    assert "Not installed, so not shown: thop, ultralytics-thop." in done.stdout
    assert "count / bare meta forward, geometric mean of 1" in done.stdout


def test_a_ratio_is_the_median_of_the_ratios_within_rounds():
    # 2 / 1, 30 / 10, 4 / 4: the slow second round slows both
    assert Times({"a": (2.0, 30.0, 4.0), "b": (1.0, 10.0, 4.0)}).ratio("a", "b") == 2


def test_each_round_has_its_turns_in_order():
    ran = []
    times = in_turns({name: lambda name=name: ran.append(name) for name in "ABC"}, rounds=2)
    assert "".join(ran) == "ABC" * 3  # the first warms up
    assert {name: len(seconds) for name, seconds in times.seconds.items()} == {
        "A": 2,
        "B": 2,
        "C": 2,
    }
