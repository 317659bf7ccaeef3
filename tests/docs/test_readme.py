"""``README.rst``: short, plain, and its links and commands are there."""

import re

import pytest
from helpers.paths import ROOT

TEXT = (ROOT / "README.rst").read_text(encoding="utf-8")


def test_it_is_short():
    lines = TEXT.splitlines()
    assert len(lines) <= 90
    assert max(map(len, lines)) <= 100


def test_it_has_the_two_commands():
    block = TEXT.partition(".. the two commands")[2].partition("::\n")[2]
    assert re.findall(r"^    (.+)$", block, re.M)[:2] == [
        "pip install . && hookcount resnet50",
        "pip install -e '.[test]' && pytest -n auto",
    ]


def test_it_has_ten_examples():
    assert len(re.findall(r"^>>> (?:(?:print|page|_)\b|report[.\[]|@hookcount)", TEXT, re.M)) == 10


@pytest.mark.parametrize("path", re.findall(r"<([^<>]+)>`_|^\.\. image:: (.+)$", TEXT, re.M))
def test_a_link_leads_to_a_file(path):
    assert (ROOT / "".join(path).replace("\n", " ").strip()).is_file()


def test_it_is_plain():
    """A package index shows it, which knows no directive or role of Sphinx."""
    assert set(re.findall(r"^\.\. (\w[\w-]*)::", TEXT, re.M)) <= {"image", "code-block"}
    assert re.findall(r":[a-z:]+:`", TEXT) == []


def test_docutils_reads_it_without_a_warning():
    docutils = pytest.importorskip("docutils.core")
    docutils.publish_doctree(TEXT, settings_overrides={"report_level": 2, "halt_level": 2})
