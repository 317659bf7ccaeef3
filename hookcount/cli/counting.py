"""From a model's name and the options to a report."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ..core.errors import DataNeededError, HookcountError, UncountedWarning, tell
from ..counter import Counter, size
from ..models import Built, build
from ..models.inputs import Input
from ..report import Report
from .options import UsageError


def check_device(options: argparse.Namespace) -> None:
    """Raises ``UsageError`` where there would be nothing to compute on."""
    if options.real and options.device == torch.device("meta"):
        raise UsageError(
            tell(
                "--device meta",
                "with --real there is nothing to compute on",
                "leave one of them away",
            )
        )


def counted(name: str, options: argparse.Namespace) -> tuple[Built, Report]:
    """The model called ``name``, built and counted as the options say."""
    built = _with_inputs(build(name, options.device, real=options.real), options.input)
    counter = Counter(run="real" if options.real else "auto")
    try:
        return built, counter.count(built.model, *(built.args or ()), **built.kwargs)
    except DataNeededError as error:
        raise DataNeededError(f"{error}; here, with --device cpu") from error
    except HookcountError:
        raise
    except (Exception, SystemExit) as error:
        raise _raised(built, error) from error


def first_line(built: Built) -> str:
    """What was counted, on what."""
    given = _shapes(built)
    layers = size(built.model).layers
    return f"{built.name}: {layers} layer{'s' * (layers != 1)}" + (
        f", input {given}" if given else ""
    )


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """The same inputs and initial values each time, and the caller's random numbers untouched. What the model's code prints and
    warns goes to stderr, each warning once; models are found in the working folder.
    """
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        with (
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(record=True) as caught,
            contextlib.redirect_stdout(sys.stderr),
        ):
            torch.manual_seed(0)
            warnings.simplefilter("always", UncountedWarning)
            yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(here)
        for text in dict.fromkeys(str(each.message) for each in caught):
            print(f"hookcount: warning: {text}", file=sys.stderr)


def _with_inputs(built: Built, inputs: Sequence[Input]) -> Built:
    if inputs:
        where, kind = built.device(), built.dtype()
        named = {each.name: each.tensor(where, kind) for each in inputs if each.name}
        if len(named) < sum(each.name is not None for each in inputs):
            raise UsageError(
                tell("--input", "the same name is given twice", "give each input once")
            )
        return built.with_inputs(
            (each.tensor(where, kind) for each in inputs if not each.name), named
        )
    missing = built.missing_inputs()
    if missing:
        example = (
            f"--input {missing[0]}=1,128:int64"
            if "id" in missing[0]
            else f"--input {missing[0]}=1,3,224,224"
        )
        raise UsageError(
            tell(built.name, f"its forward needs {', '.join(missing)}", f"give it, as in {example}")
        )
    return built


def _raised(built: Built, error: BaseException) -> HookcountError:
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    fix = f"give what its forward takes with --input (it was given {_shapes(built) or 'nothing'}); --traceback says more"
    return HookcountError(tell(built.name, f"{type(error).__name__}: {error}{notes}", fix))


def _shapes(built: Built) -> str:
    def shown(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(shown, value))}]"
        kind = (
            ""
            if value.dtype == torch.get_default_dtype()
            else f" {value.dtype}".replace("torch.", "")
        )
        return "x".join(map(str, value.shape)) + kind

    return ", ".join(
        [
            *map(shown, built.args or ()),
            *(f"{name} {shown(value)}" for name, value in built.kwargs.items()),
        ]
    )
