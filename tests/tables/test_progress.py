"""The progress bar of work that takes longer than a second."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from hookcount.tables.progress import progress


def shown(seconds_per_step, terminal, steps=3):
    """What a console gets while steps of that length run."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    times = iter([seconds_per_step * step for step in range(100)])
    with progress("counting", steps, console, lambda: next(times)) as step:
        for _ in range(steps):
            step()
    return console.file.getvalue()


def test_a_bar_appears_on_a_terminal_after_a_second():
    assert "counting" in shown(0.6, terminal=True)
    assert "3/3" in shown(0.6, terminal=True)


@pytest.mark.parametrize(("seconds", "terminal"), [(0.1, True), (0.6, False)])
def test_otherwise_nothing_is_printed(seconds, terminal):
    assert shown(seconds, terminal) == ""


def test_an_unknown_number_of_steps():
    assert "3/?" in shown(0.6, terminal=True, steps=3).replace("3/3", "3/?")


def test_inside_another_bar_there_is_none():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Progress(console=console, disable=False) as outer:
        outer.add_task("epochs", total=2)
        with progress("counting", 2, console, iter([0.0, 2.0, 4.0]).__next__) as step:
            step()
            step()
        outer.advance(outer.task_ids[0])
    assert "epochs" in console.file.getvalue()
