"""The command line: ``hookcount MODEL``, and ``hookcount compare``, ``measure`` and ``size``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from ..core.errors import BudgetError, HookcountError, OutputError, UnknownModelError
from . import compare, measure, one, size
from .destination import Destination
from .options import UsageError

FINE, COULD_NOT_COUNT, USAGE, OVER = 0, 1, 2, 3

_COMMANDS = {"compare": compare, "measure": measure, "size": size}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns the exit status: 0 fine, 1 could not count, 2 wrong usage, 3 over a limit.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    named = words[:1] and words[0] in _COMMANDS
    command = _COMMANDS[words[0]] if named else one
    try:
        options = command.arguments().parse_args(words[1:] if named else words)
    except SystemExit as done:  # --help, --version, or a usage error that argparse has printed
        return int(done.code or 0)
    try:
        return _guarded(options, command.work)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of the pipe has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE


def _guarded(
    options: argparse.Namespace, work: Callable[[argparse.Namespace, Destination], None]
) -> int:
    """Do the work. An error becomes one message and an exit status."""
    destination = Destination(options.output)
    try:
        destination.check()
        work(options, destination)
    except OutputError as error:
        return _failed(f"--output {error.filename}: {error.strerror}", error, options, USAGE)
    except (UsageError, UnknownModelError) as error:
        return _failed(str(error), error, options, USAGE)
    except BudgetError as error:
        return _failed(str(error), error, options, OVER)
    except HookcountError as error:
        return _failed(str(error), error, options, COULD_NOT_COUNT)
    return FINE


def _failed(text: str, error: Exception, options: argparse.Namespace, status: int) -> int:
    """Print the message of an error, with a traceback if the user wants one."""
    if options.traceback:
        cause = error.__cause__ or error
        traceback.print_exception(type(cause), cause, cause.__traceback__)
    print(f"hookcount: error: {text}", file=sys.stderr)
    return status
