"""``tests/`` has the rooms of ``hookcount/``, and a formula file has a test file of its name."""

import ast
from pathlib import Path

import pytest
from helpers.paths import PACKAGE, TESTS

OF_THEIR_OWN = {"helpers", "layers", "benchmarks", "docs", "gpu"}
"""Folders of ``tests/`` that are no room of the package."""


def holds_formulas(path: Path) -> bool:
    """Whether a file registers formulas: it imports the decorator ``formula``."""
    return any(
        alias.name == "formula"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


FORMULA_FILES = sorted(
    str(path.relative_to(PACKAGE))
    for path in (PACKAGE / "formulas").rglob("*.py")
    if path.name != "__init__.py" and holds_formulas(path)
)
CORE_FILES = [
    "pricing/price.py",
    "pricing/tree.py",
    "analysis/roles/blocks.py",
    "analysis/roles/operands.py",
    "analysis/scaling/growth.py",
    "analysis/scaling/polynomial.py",
]


def beside(name: str) -> Path:
    path = Path(name)
    return TESTS / path.parent / f"test_{path.name}"


def test_the_walk_finds_formula_files():
    assert {"formulas/linear.py", "formulas/libraries/mamba.py"} <= set(FORMULA_FILES)
    assert "formulas/arithmetic.py" not in FORMULA_FILES
    assert len(FORMULA_FILES) > 30


@pytest.mark.parametrize("name", [*FORMULA_FILES, *CORE_FILES])
def test_a_file_has_a_test_file_of_its_name(name):
    assert (PACKAGE / name).exists()
    assert beside(name).exists()


def test_each_folder_of_tests_is_a_room():
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    rooms = [each for each in sorted(folders) if each.parts and each.parts[0] not in OF_THEIR_OWN]
    assert len(rooms) > 10
    assert [str(each) for each in rooms if not (PACKAGE / each / "__init__.py").exists()] == []
