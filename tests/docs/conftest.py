"""The built documentation, once for all tests that read it."""

import subprocess
import sys

import pytest
from helpers.paths import ROOT


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built pages. A test is skipped if Sphinx is not installed."""
    for name in ("sphinx", "furo", "sphinx_design", "sphinx_copybutton"):
        pytest.importorskip(name)
    made = tmp_path_factory.mktemp("site")
    command = (sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(made))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made
