"""What the commands' options have in common: how they are declared, and what they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch

from ..conventions import CONVENTIONS, Convention
from ..core.errors import InputError, near, tell
from ..models import code as factories
from ..models.inputs import Input, parse

TABLES = ("table", "csv", "json", "markdown")
SUFFIXES = {".csv": "csv", ".json": "json", ".md": "markdown"}
"""What the name of a file says of the form that is wanted there."""


class UsageError(Exception):
    """The command line asks for something that does not exist."""


def parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """With what every command has."""
    layout = argparse.RawDescriptionHelpFormatter
    made = argparse.ArgumentParser(
        name, description=description, epilog=epilog, formatter_class=layout, allow_abbrev=False
    )
    made.add_argument("--output", metavar="FILE", help="write there instead of to the terminal")
    made.add_argument(
        "--traceback", action="store_true", help="show where in the code an error was raised"
    )
    return made


def add_model(to: argparse.ArgumentParser) -> None:
    """The one model of a command."""
    to.add_argument("model", metavar="MODEL", help="what to count")


def add_input(to: argparse.ArgumentParser) -> None:
    """What a model is run on, and where."""
    to.add_argument(
        "--input",
        action="append",
        default=[],
        type=_input,
        metavar="[NAME=]SHAPE[:DTYPE]",
        help="an input of forward, in order or by name, such as 1,3,224,224 or ids=1,128:int64; repeatable. "
        "Values are random, integers 0 or 1; numbers are of the model's dtype where none is given. "
        "Default: what the model's weights were evaluated on, or what its config tells",
    )
    to.add_argument(
        "--real",
        action="store_true",
        help="compute the forward, on random weights; else shapes alone where it can be",
    )
    to.add_argument(
        "--device",
        type=_device,
        metavar="DEVICE",
        help="where the model and its inputs are built: cpu, cuda, cuda:1, meta ... Default: meta, which takes no memory, where "
        "the model's constructor allows it, and cpu with --real; a factory's model stays where the factory puts it",
    )


def add_convention(to: argparse.ArgumentParser, help: str) -> None:
    """By which conventions; see ``conventions``."""
    to.add_argument(
        "--convention",
        metavar="NAME[,NAME...]",
        help=f"{help} NAME is one of {', '.join(CONVENTIONS)}, or "
        "package.module:NAME or path/to/file.py:NAME of a hookcount.Convention; all: all of hookcount's",
    )


def conventions(text: str) -> tuple[Convention, ...]:
    """Those that ``--convention`` names. Raises ``UsageError`` for a name that is none."""
    found: dict[str, Convention] = {}
    for name in dict.fromkeys(each.strip() for each in text.split(",")):
        for each in CONVENTIONS.values() if name == "all" else (_convention(name),):
            if found.setdefault(each.name, each) is not each:
                raise UsageError(
                    tell(
                        "--convention",
                        f"two are called {each.name!r}",
                        "give one of them another name",
                    )
                )
    return tuple(found.values())


def _convention(name: str) -> Convention:
    if name in CONVENTIONS:
        return CONVENTIONS[name]
    if ":" not in name:
        known = ", ".join(near(name, CONVENTIONS) or CONVENTIONS)
        raise UsageError(
            tell(
                "--convention",
                f"no convention is called {name!r}",
                f"use one of {known}, or file.py:NAME",
            )
        )
    found = factories.load(name, "a hookcount.Convention")
    if not isinstance(found, Convention):
        raise UsageError(
            tell(
                f"--convention {name}",
                f"this is a {type(found).__name__}",
                "name a hookcount.Convention",
            )
        )
    return found


def whole(least: int) -> Callable[[str], int]:
    """A whole number that is not less."""

    def whole(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    whole.__name__ = "whole number"  # argparse names the type when int() fails
    return whole


def _input(text: str) -> Input:
    try:
        return parse(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _device(text: str) -> torch.device:
    try:
        torch.empty(0, device=text)
        return torch.device(text)
    except Exception as error:  # each device has errors of its own for being absent
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be used: {str(error).partition(chr(10))[0]}"
        ) from error
