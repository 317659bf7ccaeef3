"""The options that commands share: their declarations and their values."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from ..conventions import CONVENTIONS, Convention
from ..core.errors import InputError, error_text, near
from ..models.code import load
from ..models.inputs import Input, parse
from .parsing import COUNTED, GENERAL, MODEL, RESULT, STATUS, Parser

TABLES = ("table", "csv", "json", "markdown", "latex", "excel", "parquet")
SUFFIXES = {
    "": "",
    ".txt": "",
    ".csv": "csv",
    ".json": "json",
    ".md": "markdown",
    ".tex": "latex",
    ".html": "html",
    ".xlsx": "excel",
    ".parquet": "parquet",
}
"""The format of a file, by its suffix. Empty for the format of the terminal."""
_IN_A_FILE = {"excel": "xlsx", "parquet": "parquet"}
"""Formats that are no text, and the suffix of their files."""


class UsageError(Exception):
    """The command line is wrong: an unknown name, or options that do not fit together."""


def parser(name: str, description: str, epilog: str) -> Parser:
    """A parser with the options that every command has."""
    made = Parser(name, description, epilog if STATUS in epilog else f"{epilog}\n\n{STATUS}")
    made.usage = f"{name} MODEL [options]"
    made.group(GENERAL).add_argument(
        "--traceback", action="store_true", help="show where an error was raised"
    )
    return made


def add_output(to: Parser, forms: Iterable[str], otherwise: str) -> None:
    """Add the options for the format and the file of the result, to be read by ``format_of``.

    ``otherwise``: the formats where none is given.
    """
    group = to.group(RESULT)
    group.add_argument(
        "--format",
        choices=tuple(forms),
        metavar="FORMAT",
        help=f"{', '.join(forms)}; default: {otherwise}, or that of the suffix of FILE",
    )
    group.add_argument(
        "--output", metavar="FILE", help="write to FILE, whose suffix says the format"
    )


def add_model(to: Parser, several: bool = False) -> None:
    """Add the argument for one model or several, and the option that trusts their files."""
    if several:
        to.group(MODEL).add_argument("models", nargs="+", metavar="MODEL", help="what to count")
    else:
        to.group(MODEL).add_argument("model", metavar="MODEL", help="what to count")
    to.group(MODEL).add_argument(
        "--trust",
        action="store_true",
        help="unpickle a whole model from a file, which can run any code; without it, "
        "nothing is unpickled but tensors",
    )


def add_input(to: Parser) -> None:
    """Add the option for the inputs of a run."""
    to.group(MODEL).add_argument(
        "--input",
        action="append",
        default=[],
        type=_input,
        metavar="[NAME=]SHAPE[:DTYPE]",
        help="an input of forward, in order or by name, such as 1x3x224x224, 1,3,224,224 or "
        "ids=1x128:int64; repeatable. Values are random, integers are 0 or 1. The default dtype is "
        "that of the model. Default: the input of the model's weights, config or file",
    )


def add_kind_of_run(to: Parser) -> None:
    """Add the options for the kind and the device of a run that counts."""
    to.group(MODEL).add_argument(
        "--real",
        action="store_true",
        help="run the forward for real, with random weights (default: shapes only where possible)",
    )
    add_device(
        to,
        "where the model and its inputs are built: cpu, cuda, cuda:1, meta ... Default: meta, "
        "which takes no memory, if the model's constructor allows it; cpu with --real. "
        "Without this option, a factory's model stays where the factory puts it",
    )


def add_device(to: Parser, help: str) -> None:
    """Add the option for the device of a run."""
    to.group(MODEL).add_argument("--device", type=_device, metavar="DEVICE", help=help)


def add_convention(to: Parser, help: str) -> None:
    """Add the option for conventions, to be read by ``conventions``."""
    to.group(COUNTED).add_argument(
        "--convention",
        metavar="NAME[,NAME...]",
        help=f"{help} NAME is one of {', '.join(CONVENTIONS)}; all of these: all; "
        "package.module:NAME or file.py:NAME of a hookcount.Convention",
    )


def format_of(options: argparse.Namespace, otherwise: str, forms: Iterable[str] = TABLES) -> str:
    """The format of the result: ``--format``, else that of the suffix of ``--output``.

    ``otherwise``: the format of the terminal. ``forms``: those of the command. Raises
    ``UsageError`` for a file whose suffix says nothing, and for a format that needs a file.
    """
    form, path = options.format, options.output
    if not form:
        suffix = Path(path or "").suffix.lower()
        known = {each: name for each, name in SUFFIXES.items() if not name or name in forms}
        if suffix not in known:
            what = f"no format has the suffix {suffix!r}"
            fix = f"use one of {', '.join(filter(None, known))}, or give --format too"
            raise UsageError(error_text(f"--output {path}", what, fix))
        form = known[suffix] or otherwise
    if form in _IN_A_FILE and not path:
        what = "this format is no text"
        fix = f"give a file: --output FILE.{_IN_A_FILE[form]}"
        raise UsageError(error_text(f"--format {form}", what, fix))
    return str(form)


def conventions(text: str) -> tuple[Convention, ...]:
    """The conventions that ``--convention`` names.

    Raises ``UsageError`` for an unknown name, and for two conventions of the same name.
    """
    found: dict[str, Convention] = {}
    for name in dict.fromkeys(each.strip() for each in text.split(",")):
        for each in CONVENTIONS.values() if name == "all" else (_convention(name),):
            if found.setdefault(each.name, each) is not each:
                what = f"two conventions are called {each.name!r}"
                raise UsageError(error_text("--convention", what, "rename one of them"))
    return tuple(found.values())


def _convention(name: str) -> Convention:
    if name in CONVENTIONS:
        return CONVENTIONS[name]
    if ":" not in name:
        known = ", ".join(near(name, CONVENTIONS) or CONVENTIONS)
        what = f"no convention is called {name!r}"
        raise UsageError(error_text("--convention", what, f"use one of {known}, or file.py:NAME"))
    found = load(name, "a hookcount.Convention")
    if not isinstance(found, Convention):
        what = f"the value is of type {type(found).__name__}"
        raise UsageError(error_text(f"--convention {name}", what, "name a hookcount.Convention"))
    return found


def whole(least: int) -> Callable[[str], int]:
    """The argparse type of whole numbers that are at least ``least``."""

    def whole(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    whole.__name__ = "whole number"  # argparse names the type when int() fails
    return whole


def duration(text: str) -> float:
    """The argparse type of a duration: a number that is not negative."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return value


def _input(text: str) -> Input:
    try:
        return parse(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _device(text: str) -> torch.device:
    try:
        torch.empty(0, device=text)
        return torch.device(text)
    except Exception as error:  # an absent device raises an error of its own kind
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be used: {str(error).partition(chr(10))[0]}"
        ) from error
