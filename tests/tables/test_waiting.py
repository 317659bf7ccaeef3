"""The line on a terminal while one long step runs."""

import io
import threading
import time

import pytest
from rich.console import Console
from rich.progress import Progress

from hookcount.tables.waiting import waiting


def console(terminal=True):
    return Console(file=io.StringIO(), force_terminal=terminal, width=80)


def wait_for(text, shown):
    """Wait until the console has the text, at most ten seconds."""
    end = time.monotonic() + 10
    while text not in shown.file.getvalue() and time.monotonic() < end:
        time.sleep(0.01)
    return shown.file.getvalue()


def test_a_line_appears_and_is_gone_after_the_block():
    shown = console()
    with waiting("building [resnet50]", shown, patience=0.05):
        assert "building [resnet50]" in wait_for("building", shown)
    text = shown.file.getvalue()
    assert text.endswith(("\x1b[2K", "\x1b[?25h\r\x1b[1A\x1b[2K")), text[-40:]  # erased
    assert text.rindex("\x1b[?25h") > text.rindex("building")  # the cursor is shown again


def test_a_short_block_prints_nothing():
    shown = console()
    with waiting("building", shown, patience=60):
        pass
    assert shown.file.getvalue() == ""


def test_there_is_nothing_without_a_terminal(capsys):
    shown = console(terminal=False)
    with waiting("building", shown, patience=0):
        time.sleep(0.1)
    assert shown.file.getvalue() == ""
    before = threading.active_count()
    with waiting("building", patience=0):  # the stderr of pytest is no terminal
        assert threading.active_count() <= before
    assert capsys.readouterr() == ("", "")


def test_an_exception_ends_the_line():
    shown = console()
    with pytest.raises(KeyboardInterrupt), waiting("building", shown, patience=0.01):
        wait_for("building", shown)
        raise KeyboardInterrupt
    assert shown.file.getvalue().rstrip().endswith("\x1b[2K")


def test_another_line_goes_on():
    """Older releases of rich refuse a second line, newer ones show both."""
    shown = console()
    with Progress(console=shown) as outer:
        outer.add_task("epochs", total=2)
        with waiting("building", shown, patience=0.01):
            time.sleep(0.2)
        outer.advance(outer.task_ids[0])
    assert " 50%" in shown.file.getvalue()
