"""Asking a tool in a process of its own, in which its folder in ``PEERS_DIR`` comes first.

thop and ultralytics-thop have the same import name. mmcv brings an older cv2.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hookcount


def ask(distribution, file, function, has="thop/profile.py"):
    """Run a function of a test file where the tool is that of a distribution. It must end with 0.

    Skips where ``PEERS_DIR`` does not have the distribution, with that file.
    """
    folder = Path(os.environ.get("PEERS_DIR", "")) / distribution
    if not (folder / has).exists():
        pytest.skip(f"{distribution} is not installed in PEERS_DIR")
    tests = Path(file)
    paths = [folder, tests.parent, *(tests.parents[1], Path(hookcount.__file__).parents[1])]
    name = tests.stem
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import {name}; {name}.{function.__name__}()"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (*paths, os.environ.get("PYTHONPATH", "")))),
            "OMP_NUM_THREADS": "1",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
