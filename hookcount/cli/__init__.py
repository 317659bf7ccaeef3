"""The command line: ``hookcount MODEL``, and ``hookcount compare``, ``measure`` and ``size``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from ..core.errors import (
    BudgetError,
    HookcountError,
    OutputError,
    UnknownModelError,
    error_text,
    near,
    said,
)
from ..core.names import clean
from . import compare, completion, measure, one, size
from .destination import Destination
from .options import UsageError

FINE, COULD_NOT_COUNT, USAGE, OVER, INTERRUPTED = 0, 1, 2, 3, 130

_COMMANDS = {"compare": compare, "measure": measure, "size": size}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns the exit status: 0 fine, 1 could not count, 2 wrong usage, 3 over a limit.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    named = words[:1] and words[0] in _COMMANDS
    command = _COMMANDS[words[0]] if named else one
    try:
        parser = command.arguments()
        if not named:
            _refuse_misspelt_command(words)
            if any(each.partition("=")[0] == "--completion" for each in words):
                return _completed(words)
        options = parser.parse_args(words[1:] if named else words)
        return _guarded(options, command.work)
    except SystemExit as done:  # --help, --version, or a usage error that argparse has printed
        return int(done.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has closed it
        _drop_output()
        return FINE


def _completed(words: Sequence[str]) -> int:
    """Print the script of ``--completion SHELL``."""
    commands = {name: each.arguments() for name, each in {"": one, **_COMMANDS}.items()}
    shell = completion.parser().parse_known_args(words)[0].completion
    Destination(None).write(completion.script(shell, commands))
    return FINE


def _refuse_misspelt_command(words: Sequence[str]) -> None:
    """Exit with status 2 where the first of several words is nearly a command."""
    if len(words) > 1 and not words[1].startswith("-"):
        meant = near(words[0], _COMMANDS, 1)
        if meant and not any(mark in words[0] for mark in ":/."):
            what, fix = "there is no such command", f"hookcount {meant[0]} {words[1]}"
            print(f"hookcount: error: {error_text(words[0], what, fix)}", file=sys.stderr)
            raise SystemExit(USAGE)


def _command_meant(options: argparse.Namespace) -> str:
    """A hint where an unknown name of a model is nearly that of a command."""
    meant = near(getattr(options, "model", ""), _COMMANDS, 1)
    return f"; or did you mean hookcount {meant[0]} MODEL?" if meant else ""


def _guarded(
    options: argparse.Namespace, work: Callable[[argparse.Namespace, Destination], None]
) -> int:
    """Do the work. An error becomes one message and an exit status."""
    destination = Destination(options.output)
    try:
        destination.check()
        work(options, destination)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except OutputError as error:
        place = f"--output {error.filename}" if destination.path else "stdout"
        if not destination.path:
            _drop_output()
        return _failed(f"{place}: {error.strerror}", error, options, USAGE)
    except UnknownModelError as error:
        return _failed(f"{error}{_command_meant(options)}", error, options, USAGE)
    except UsageError as error:
        return _failed(str(error), error, options, USAGE)
    except BudgetError as error:
        return _failed(str(error), error, options, OVER)
    except HookcountError as error:
        return _failed(str(error), error, options, COULD_NOT_COUNT)
    except BaseException as error:  # also of a class that user code made
        fix = "see --traceback; if no code of yours is at fault, report it"
        text = error_text("an error that was not expected", said(error), fix)
        return _failed(text, error, options, COULD_NOT_COUNT)
    return FINE


def _failed(text: str, error: BaseException, options: argparse.Namespace, status: int) -> int:
    """Print the message of an error, with a traceback if the user wants one."""
    if options.traceback:
        cause = error.__cause__ or error
        traceback.print_exception(type(cause), cause, cause.__traceback__)
    harmless = "\n".join(map(clean, text.splitlines()))
    print(f"hookcount: error: {harmless}", file=sys.stderr)
    return status


def _drop_output() -> None:
    """Let nothing more be written to stdout, also at the end of the process."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
