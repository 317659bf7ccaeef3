"""Conventions against the tools themselves, where these are installed.

See the extra ``[peers]``, and ``PEERS_DIR`` in the benchmarks.

``benchmarks/agreement/agreement.py`` does the work. Here it runs its small cases and one model of
each kind. hookcount counts as by default, mostly without arithmetic, so a count must take the path
of the tool's real run.
"""

import json
import os
import subprocess
import sys

import pytest
from helpers.paths import BENCHMARKS, ROOT

from hookcount.conventions import CONVENTIONS

pytest.importorskip("torchvision")
CLASSIFIERS = (
    *("shufflenet_v2_x0_5", "mobilenet_v3_small", "squeezenet1_1", "resnet18"),
    *("googlenet", "vit_b_32", "convnext_tiny", "swin_v2_t"),
)
CASES = (
    *("one op/*", "sequences/*", "video/s3d", "segmentation/lraspp_mobilenet_v3_large"),
    *(
        "detection/ssdlite320_mobilenet_v3_large",
        *(f"classification/{name}" for name in CLASSIFIERS),
    ),
)
SUITES = ("one op", "sequences", "classification", "video", "segmentation", "detection")
_NO_LIST = "'list' object has no attribute 'to'"
CANNOT = {("calflops", "detection"): _NO_LIST, ("calflops-flops", "detection"): _NO_LIST}
"""Where a tool gives no figure at all, what it raises."""
MIRRORS = [name for name, convention in CONVENTIONS.items() if convention.exact]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """By convention and suite, what ``agreement.py`` found; and what it printed."""
    file = tmp_path_factory.mktemp("agreement") / "verdicts.json"
    folders = [ROOT, os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            BENCHMARKS / "agreement" / "agreement.py",
            "--run",
            "real",  # the CPU multiplies a GRU's input once for all steps, shapes once for each
            "--suites",
            *SUITES,
            "--cases",
            *CASES,
            "--verdicts",
            file,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))},
    )
    assert file.exists(), done.stderr[-2000:]
    return {
        (each["convention"], each["suite"]): each for each in json.loads(file.read_text())
    }, done.stdout


@pytest.mark.peers
@pytest.mark.skipif(
    "PEERS_DIR" not in os.environ,
    reason="where the tools are is not told: PEERS_DIR, see benchmarks/README.rst",
)
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", MIRRORS)
def test_the_tools_own_figure(name, suite, found):
    verdicts, printed = found
    if (name, suite) not in verdicts:
        pytest.skip(f"{CONVENTIONS[name].mirrors} is not installed")
    verdict = verdicts[name, suite]
    if (name, suite) in CANNOT:
        assert not verdict["equal"]
        assert all(CANNOT[name, suite] in why for why in verdict["failed"].values())
    else:
        assert len(verdict["equal"]) > len(verdict["differ"]) + len(verdict["failed"])
    (told,) = (
        line
        for line in printed.splitlines()
        if line.startswith(("not explained: ", "every difference"))
    )
    unexplained = told.removeprefix("not explained: ").split("; ")
    assert not [each for each in unexplained if each.startswith(f"{name}, {suite}: ")]
