"""The built documentation: no warning, no request to a network, every name and option."""

import re
from html import unescape

import pytest

import hookcount
from hookcount.conventions import CONVENTIONS

pytest.importorskip("sphinx")

from _scripts import options, targets
from sphinx.util.inventory import InventoryFile

pytestmark = pytest.mark.slow


def text_of(path):
    return unescape(re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8")))


def own_names(cls):
    """The public attributes that a class has from hookcount, and not from a library."""
    for base in cls.__mro__:
        if base.__module__.startswith("hookcount.") and base.__name__ != "Portable":
            yield from (name for name in vars(base) if not name.startswith("_"))


def test_it_loads_nothing_from_a_network(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    loads = r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>"
    for path in pages:
        assert re.findall(loads, path.read_text(encoding="utf-8")) == [], path
    for path in site.rglob("*.css"):
        found = re.findall(r"(?:url\([\"']?|@import [\"'])(?:https?:)?//", path.read_text("utf-8"))
        assert found == [], path


def test_the_inventory_has_each_public_name(site):
    found = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    names = {name for kind, items in found.items() if kind.startswith("py:") for name in items}
    assert {f"hookcount.{name}" for name in hookcount.__all__} <= names
    classes = [
        each for each in map(vars(hookcount).get, hookcount.__all__) if isinstance(each, type)
    ]
    members = {f"hookcount.{each.__name__}.{name}" for each in classes for name in own_names(each)}
    assert len(members) > 200
    assert members - names == set()
    assert {
        *("hookcount.testing.check_formula", "hookcount.callbacks.lightning.MeterCallback"),
        *("hookcount.callbacks.transformers.MeterCallback", "hookcount.compat.thop.profile"),
        *("hookcount.compat.fvcore.FlopCountAnalysis", "hookcount.compat.torchinfo.summary"),
    } <= names


def test_each_option_of_each_command_is_there(site):
    text = text_of(site / "reference" / "command.html")
    for parser in options.parsers():
        section = text.partition(f"\n{parser.prog}¶")[2] or text
        for action in parser._actions:
            assert all(option in section for option in action.option_strings), parser.prog


def test_each_built_in_formula_is_there(site):
    text = text_of(site / "reference" / "targets.html")
    assert [name for name in targets.BUILTIN if name not in text] == []


def test_each_convention_is_there_with_its_tool(site):
    text = text_of(site / "tools.html")
    for convention in CONVENTIONS.values():
        assert convention.mirrors in text
        assert all(each.partition("``")[0] in text for each in convention.differs)


def test_the_parsers_are_those_of_all_commands():
    assert {"hookcount", "hookcount compare", "hookcount measure", "hookcount size"} <= {
        parser.prog for parser in options.parsers()
    }
