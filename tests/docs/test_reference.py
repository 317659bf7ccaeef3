"""``docs/reference/``: it has all public names, and no name that is gone."""

import configparser
import importlib
import pkgutil
import re

import pytest
from helpers.paths import ROOT

import hookcount
from hookcount import callbacks, compat

REFERENCE = ROOT / "docs" / "reference"
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in sorted(REFERENCE.glob("*.rst")))
DOCUMENTED = re.findall(r"^\.\. auto(?:class|function|data|exception):: ([\w.]+)", TEXT, re.M)
MODULES = re.findall(r"^\.\. automodule:: ([\w.]+)", TEXT, re.M)


def modules_of(package):
    return [f"{package.__name__}.{each.name}" for each in pkgutil.iter_modules(package.__path__)]


def is_a_front_door(name):
    """Whether a module replaces another tool: its docstring says so."""
    return "`` replaces " in importlib.import_module(name).__doc__.partition("\n")[0]


def test_each_public_name_is_there_once():
    assert sorted(name for name in DOCUMENTED if "." not in name) == sorted(hookcount.__all__)


def test_each_public_module_is_there_once():
    doors = [name for name in modules_of(compat) if is_a_front_door(name)]
    assert len(doors) >= 6
    expected = ["hookcount.testing", "hookcount.compat", *modules_of(callbacks), *doors]
    assert sorted(MODULES) == sorted(expected)


@pytest.mark.parametrize("path", [name for name in DOCUMENTED if "." in name])
def test_a_name_below_a_module_exists(path):
    module, _, name = path.rpartition(".")
    assert hasattr(importlib.import_module(module), name)


def test_each_page_is_in_the_contents():
    contents = (REFERENCE / "index.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w+)$", contents, re.M)
    assert sorted(listed) == sorted(p.stem for p in REFERENCE.glob("*.rst") if p.stem != "index")


def test_the_page_of_the_installation_has_each_extra():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    text = (ROOT / "docs" / "start" / "install.rst").read_text(encoding="utf-8")
    named = re.findall(r"``(\w+)``(?=[,\n])", text.partition("Extras\n")[2])
    assert sorted(named) == sorted(set(config["options.extras_require"]) - {"peers", "zoo"})
