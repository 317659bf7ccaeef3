"""``docs/_static/terminal.svg``: what the command prints, as a picture that loads nothing."""

import re
import sys
from html import unescape

import pytest
from helpers.paths import ROOT

from hookcount.cli import main

pytest.importorskip("pty")  # not on Windows
from _scripts import picture

TEXT = picture.PICTURE.read_text(encoding="utf-8")


def lines_of(svg):
    """The text of a picture, line by line."""
    rows = {}
    piece = r'<text class="terminal-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>'
    for x, y, text in re.findall(piece, svg):
        rows.setdefault(float(y), []).append((float(x), unescape(text).replace("\xa0", " ")))
    found = []
    for _, pieces in sorted(rows.items()):
        line = ""
        for x, text in sorted(pieces):
            line = line.ljust(round(x / CELL)) + text.rstrip("\n")
        found.append(line.rstrip())
    return found


CELL = 12.2
"""Pixels of a character, as rich draws it."""


def test_it_shows_what_the_command_prints(capsys, monkeypatch):
    """The words, in their order. The layout is compared by the script itself."""
    main(list(picture.COMMAND[1:]))
    printed = capsys.readouterr().out
    figures = re.findall(r"\d[\d.]* [kMG]\b|\d+x\b|[\d.]+%", printed)
    shown = re.findall(r"\d[\d.]* [kMG]\b|\d+x\b|[\d.]+%", "\n".join(lines_of(TEXT)))
    assert len(figures) > 30
    assert shown == figures


def test_it_loads_nothing():
    assert "@font-face" not in TEXT
    assert set(re.findall(r"url\((.)", TEXT)) == {"#"}
    assert re.findall(r"href|<image|<script|@import", TEXT) == []


def test_a_picture_has_the_lines_of_a_text():
    made = picture.drawn(("hookcount", "x"), "a  \x1b[1mb\x1b[0m\n  c\n", 20)
    assert lines_of(made)[:3] == ["$ hookcount x", "a  b", "  c"]


def test_a_command_prints_to_a_terminal():
    code = "import sys; print(sys.stdout.isatty())"
    assert picture.printed(("timeit", "-n1", "-r1", code), 80).splitlines()[0] == "True"


def test_a_command_that_fails_says_why():
    with pytest.raises(SystemExit, match="no_such_module_at_all"):
        picture.printed(("no_such_module_at_all",), 80)


@pytest.mark.parametrize("text", [TEXT + " ", None])
def test_check_refuses_another_picture(text, tmp_path, monkeypatch, capsys):
    path = ROOT / "docs" / "_static" / "no_such_picture.svg"
    if text is not None:
        path = tmp_path / "terminal.svg"
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(picture, "ROOT", path.parent)
    monkeypatch.setattr(picture, "PICTURE", path)
    monkeypatch.setattr(picture, "printed", lambda command, columns: "")
    assert picture.main(["--check"]) == 1
    assert f"To fix it: python {sys.argv[0]}" in capsys.readouterr().out
