"""Where the files of the project are."""

from pathlib import Path

import hookcount

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
PACKAGE = Path(hookcount.__file__).parent
BENCHMARKS = ROOT / "benchmarks"
