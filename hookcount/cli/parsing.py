"""The parser of a command: its options in groups, and its errors with a way to mend them."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from typing import Any, NoReturn

from ..core.errors import near

WIDTH = 80
"""The most columns of a help text that is written out."""
STATUS = """\
exit status:
  0  fine
  1  an error: the model could not be built or counted
  2  wrong usage: an unknown name, a bad option, a file that cannot be written
  3  a figure is over its limit, or more than in the baseline"""
MODEL, COUNTED, RUN, RESULT = "model and input", "what is counted", "run", "result"
TRAINING, LIMITS, GENERAL = "a step of training", "limits, for CI", "general"
"""Titles of groups, in the order of the help text."""
_UNKNOWN = "unrecognized arguments: "
_MISSING = "the following arguments are required: "


class Parser(argparse.ArgumentParser):
    """A parser whose options stand in groups."""

    def __init__(self, name: str, description: str, epilog: str) -> None:
        super().__init__(
            name,
            description=description,
            epilog=epilog,
            formatter_class=_Layout,
            allow_abbrev=False,
            add_help=False,
        )
        titles = (MODEL, COUNTED, TRAINING, RUN, RESULT, LIMITS, GENERAL)
        self._titled = {each: self.add_argument_group(each) for each in titles}
        self.group(GENERAL).add_argument("-h", "--help", action="help", help="show this text")

    def group(self, title: str) -> argparse._ArgumentGroup:
        """The group of options with a title. An empty group is not shown."""
        return self._titled[title]

    def options(self) -> list[argparse.Action]:
        """All options and arguments."""
        return list(self._actions)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and how to mend it, and exit with status 2."""
        fix = f"see {self.prog} --help"
        if message.startswith(_UNKNOWN):
            fix = f"{self._meant(message.removeprefix(_UNKNOWN).split())}{fix}"
        elif message.startswith(_MISSING):
            message = f"{message.removeprefix(_MISSING)} is missing"
            fix = f"name a model, as in {self.prog} resnet50; {fix}"
        if "To fix it" not in message:
            message += f"\n  To fix it: {fix}"
        self.exit(2, f"{self.prog}: error: {message}\n")

    def _meant(self, words: Sequence[str]) -> str:
        word = words[0] if words else ""
        if not word.startswith("-"):
            return f"give one MODEL, or hookcount compare MODEL {word}; "
        known = [name for each in self.options() for name in each.option_strings]
        close = near(word.partition("=")[0], known)
        return f"did you mean {', '.join(close)}? " if close else ""


class _Layout(argparse.RawDescriptionHelpFormatter):
    """Descriptions as they are written, and options in at most ``WIDTH`` columns."""

    def __init__(self, prog: str, **options: Any) -> None:
        width = min(shutil.get_terminal_size().columns, WIDTH) - 2
        super().__init__(prog, max_help_position=26, width=max(width, 40), **options)
