"""The dependency rule: imports run one way. Type hints and imports inside functions count too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hookcount

ROOT = Path(hookcount.__file__).parent

MAY_IMPORT = {
    "core": "",
    "rules": "core",
    "tables": "core",
    "models": "core",
    "observe": "core rules",
    "formulas": "core rules",
    "conventions": "core rules formulas",
    "pricing": "core rules",
    "analysis": "core rules formulas conventions pricing tables",
    "render": "core rules conventions pricing tables analysis",
    "report": "core rules conventions pricing tables analysis render",
    "dataset": "core rules observe tables analysis render report",
    "counter": "core rules formulas conventions observe pricing analysis report dataset",
    "training": "core observe report counter",
    "seconds": "core rules observe pricing tables analysis render report dataset counter",
    "callbacks": "core observe dataset seconds",
    "comparison": "core rules conventions pricing models analysis tables report counter",
    "testing": "core rules observe pricing report counter",
    "compat": (
        "core rules formulas conventions observe pricing tables analysis render report counter"
    ),
    "cli": (
        "core rules conventions pricing tables models analysis render report counter comparison "
        "seconds __init__"
    ),
    "__init__": (
        "core rules conventions pricing analysis render observe formulas report dataset counter "
        "training seconds comparison"
    ),
    "__main__": "cli",
}
"""By room, the rooms that it may import. A room is a folder or a file at the top level of
hookcount/.
"""

ONLY_IN = {
    "pandas": "analysis tables render report dataset seconds comparison cli",
    "rich": "tables",
    "plotly": "tables",
    "openpyxl": "tables",
    "pyarrow": "tables",
    "jinja2": "tables",
    "torchvision": "models",
    "timm": "models",
    "ultralytics": "models",
    "transformers": "models callbacks",
    "lightning": "callbacks",
    "pytorch_lightning": "callbacks",
    "argparse": "cli",
}
"""By package, the rooms that may import it."""

FILES = sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join((hookcount.__name__, *path.relative_to(ROOT).with_suffix("").parts))


MODULES = {module_name(path).removesuffix(".__init__"): path for path in FILES}


def imports(path: Path) -> Iterator[tuple[str, str, int]]:
    """What a file imports: a module of hookcount or of others, the name taken from it (or none),
    and the line.
    """
    package = module_name(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                yield (
                    (whole, "", node.lineno)
                    if whole in MODULES
                    else (source, alias.name, node.lineno)
                )


def room(module: str) -> str:
    """The room of a module of hookcount."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_room_has_its_rule():
    assert {room(name) for name in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("here", MAY_IMPORT)
def test_imports_run_one_way(here):
    allowed = {here, *MAY_IMPORT[here].split()}
    wrong = [
        f"{name}:{line} imports {source}"
        for name, path in MODULES.items()
        if room(name) == here
        for source, _, line in imports(path)
        if source.split(".")[0] == hookcount.__name__ and room(source) not in allowed
    ]
    assert wrong == []


def test_the_rule_itself_runs_one_way():
    """A room may import only rooms that come before it, so that no two can need each other."""
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        ready = [
            each
            for each, needs in MAY_IMPORT.items()
            if each not in order and set(needs.split()) <= set(order)
        ]
        assert ready, f"a circle among {set(MAY_IMPORT) - set(order)}"
        order += ready


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_is_imported_in_its_rooms_only(package):
    wrong = [
        f"{name}:{line}"
        for name, path in MODULES.items()
        if room(name) not in ONLY_IN[package].split()
        for source, _, line in imports(path)
        if source.split(".")[0] == package
    ]
    assert wrong == []


def test_no_private_name_is_imported_from_another_file():
    wrong = [
        f"{name}:{line} {taken}"
        for name, path in MODULES.items()
        for source, taken, line in imports(path)
        if source.split(".")[0] == hookcount.__name__
        and taken.startswith("_")
        and not taken.endswith("__")
    ]
    assert wrong == []


def test_no_private_attribute_of_another_module_is_read():
    wrong = []
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text())
        own = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.level
            for alias in node.names
        }
        modules = {each.rpartition(".")[2] for each in MODULES} & own
        wrong += [
            f"{name}:{node.lineno} {node.value.id}.{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if node.value.id in modules
            and node.attr.startswith("_")
            and not node.attr.endswith("__")
        ]
    assert wrong == []


def test_no_files_import_each_other_in_a_circle():
    needs = {
        name: {source for source, _, _ in imports(path) if source in MODULES and source != name}
        for name, path in MODULES.items()
    }
    while ready := [name for name, sources in needs.items() if not sources & set(needs)]:
        for name in ready:
            del needs[name]
    assert sorted(needs) == []


def test_no_public_function_has_the_name_of_a_module_beside_it():
    """Else ``import hookcount.size`` gives a function.

    A front door has the names of its tool, and so such pairs where the tool has them.
    """
    wrong = []
    for name, path in MODULES.items():
        if path.name == "__init__.py" and room(name) != "compat":
            beside = {
                each.rpartition(".")[2] for each in MODULES if each.rpartition(".")[0] == name
            }
            taken = {alias for source, alias, _ in imports(path) if alias}
            wrong += [f"{name}.{each}" for each in beside & taken]
    assert wrong == []


def test_imports_need_no_torchvision_pandas_or_rich(tmp_path):
    """``import hookcount`` works where only torch is installed."""
    import subprocess
    import sys

    code = (
        "import sys\n"
        "for name in ('torchvision', 'pandas', 'plotly', 'timm', 'transformers'):\n"
        "    sys.modules[name] = None\n"
        "import torch, hookcount\n"
        "print(hookcount.count(torch.nn.Linear(8, 4), torch.zeros(2, 8)).macs)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=True
    )
    assert done.stdout.split() == ["64"]
