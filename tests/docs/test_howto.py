"""The how-to pages: each can be found, begins with code, and writes only what exists."""

import ast
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers.paths import ROOT

import hookcount
from hookcount.cli import compare, measure, one, size

PAGES = sorted(path for path in (ROOT / "docs" / "howto").glob("*.rst") if path.stem != "index")
CONTENTS = (ROOT / "docs" / "howto" / "index.rst").read_text(encoding="utf-8")
COMMANDS = {"compare": compare, "measure": measure, "size": size}
FIRST_SCREEN = 25
"""Lines of a page that a reader sees at once."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def seen(page: Path) -> list[str]:
    """The lines of a page that are no comment."""
    text = re.sub(r"^\.\. (?![\w-]+::)[^\n]*\n(?:\n|   [^\n]*\n)*", "", text_of(page), flags=re.M)
    return text.splitlines()


def code_of(page: Path) -> list[str]:
    """The blocks of Python that are no doctest."""
    found = re.findall(r"\.\. code-block:: python\n\n((?:   [^\n]*\n|\n)+)", text_of(page))
    return [re.sub("^   ", "", each, flags=re.M) for each in found]


def commands_of(page: Path) -> list[list[str]]:
    """The words of each command of a literal block, without the program's name."""
    lines = re.findall(r"^ +(?:- run: |\$ )?hookcount (.*)$", text_of(page), flags=re.M)
    words = [shlex.split(each.partition(" | ")[0], comments=True) for each in lines]
    return [["cpu" if each == "cuda" else each for each in command] for command in words]


def names_in(text: str) -> set[str]:
    """What a text calls in hookcount and in a report, such as ``report.macs``."""
    return set(re.findall(r"(?<![\w./])(?:hookcount|report)\.[A-Za-z_]\w*", text))


def exists(name: str) -> bool:
    owner, _, attribute = name.partition(".")
    if owner == "report":
        return hasattr(hookcount.Report, attribute)
    return hasattr(hookcount, attribute) or find_spec(name) is not None


def parsed(words: list[str]) -> str:
    """The model or the models that a command names."""
    command = COMMANDS.get(words[0], one)
    options = command.arguments().parse_args(words[command is not one :])
    return str(vars(options).get("model") or options.models)


def test_there_are_pages():
    assert len(PAGES) > 35


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
class TestPage:
    def test_the_contents_have_it_in_a_line_and_in_the_tree(self, page):
        assert re.search(rf"^- :doc:`{page.stem}`: \S", CONTENTS, flags=re.M)
        assert re.search(rf"^   {page.stem}$", CONTENTS, flags=re.M)

    def test_it_begins_with_code(self, page):
        first = seen(page)[:FIRST_SCREEN]
        assert any(re.match(r">>> |   +\S|``from", line) for line in first)

    def test_its_blocks_of_python_can_be_read(self, page):
        for code in code_of(page):
            ast.parse(code)

    def test_it_names_what_exists(self, page):
        missing = [name for name in names_in(text_of(page)) if not exists(name)]
        assert missing == []

    def test_its_commands_have_options_that_exist(self, page):
        for words in commands_of(page):
            if not words[0].startswith("--"):
                assert parsed(words)


def test_the_checks_find_code_and_commands():
    found = [words for page in PAGES for words in commands_of(page)]
    assert ["resnet50"] in found
    assert any("--baseline" in words for words in found)
    assert len(found) >= 25
    assert sum(len(code_of(page)) for page in PAGES) >= 2
    assert exists("report.macs")
    assert exists("hookcount.compat")
    assert not exists("report.mac")
    assert names_in("`hookcount.size`, my_report.x, hookcount.Report") == {
        "hookcount.size",
        "hookcount.Report",
    }


def test_a_command_with_an_unknown_option_fails(capsys):
    with pytest.raises(SystemExit):
        parsed(["resnet50", "--no-such-option"])
    assert "no-such-option" in capsys.readouterr().err
