"""From a model's name and the options to a report."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence

import torch

from ..core.errors import (
    DataNeededError,
    HookcountError,
    LeftBehindWarning,
    UncountedWarning,
    error_text,
    notes_of,
    said,
)
from ..counter import Counter, size
from ..models import Built, build
from ..models.inputs import Input, written
from ..report import Report
from ..tables.waiting import waiting
from .options import UsageError
from .training import count_step, training_of


def check_device(options: argparse.Namespace) -> None:
    """Raises ``UsageError`` for ``--real`` on the meta device, which has no values."""
    if options.real and options.device == torch.device("meta"):
        what = "with --real there is nothing to compute on"
        raise UsageError(error_text("--device meta", what, "omit one of the two options"))


def counted(name: str, options: argparse.Namespace) -> tuple[Built, Report]:
    """Build the model called ``name`` and count it, as the options say.

    Raises ``UsageError`` for missing or repeated inputs, ``HookcountError`` where the model fails.
    """
    counter = Counter(run="real" if options.real else "auto")
    training = training_of(options, counter)
    with waiting(f"building {name}"):
        made = build(name, options.device, real=options.real, trust=options.trust)
    built = with_inputs(made, options.input)
    try:
        with waiting(f"counting {name}"):
            if training is not None:
                return built, count_step(built, training)
            return built, counter.count(built.model, *(built.args or ()), **built.kwargs)
    except DataNeededError as error:
        raise DataNeededError(f"{error}; here, with --device cpu") from error
    except (HookcountError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise raised(built, error, _more_fixes(options)) from error


def _more_fixes(options: argparse.Namespace) -> str:
    """What may mend an error of a training step."""
    batch = "in train mode some layers need a batch of 2 or more; " if options.training else ""
    return batch + ("another --optimizer may do; " if options.optimizer else "")


def first_line(built: Built) -> str:
    """The title of a result: the model's name, its layers, and the shapes of its input."""
    given = shapes(built)
    layers = size(built.model).layers
    with_input = f", input {given}" if given else ""
    return f"{built.name}: {layers} layer{'s' * (layers != 1)}{with_input}"


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Run a block reproducibly, without effects outside.

    Random inputs and initial values are the same each time, and the caller's random state stays as
    it was. The output and the warnings of the model's code go to stderr, each warning once. Python
    finds modules in the working folder.
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
            warnings.simplefilter("ignore", LeftBehindWarning)  # the process ends with the count
            yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(here)
        for text in dict.fromkeys(str(each.message) for each in caught):
            print(f"hookcount: warning: {text}", file=sys.stderr)


def with_inputs(built: Built, inputs: Sequence[Input]) -> Built:
    """The model with the inputs of ``--input``, or with its default inputs if there are none.

    Raises ``UsageError`` for missing or repeated inputs.
    """
    if inputs:
        where, kind = built.device(), built.dtype()
        named = {each.name: each.tensor(where, kind) for each in inputs if each.name}
        if len(named) < sum(each.name is not None for each in inputs):
            what = "a name is given twice"
            raise UsageError(error_text("--input", what, "give each input once"))
        return built.with_inputs(
            (each.tensor(where, kind) for each in inputs if not each.name), named
        )
    missing = built.missing_inputs()
    if missing:
        shape = "1x128:int64" if "id" in missing[0] else "1x3x224x224"
        what = f"forward needs {', '.join(missing)}"
        fix = f"give each of its inputs, as in --input {missing[0]}={shape}"
        raise UsageError(error_text(built.name, what, fix))
    return built


def raised(built: Built, error: BaseException, more: str = "") -> HookcountError:
    """The error for an exception of a model. ``more``: what else may mend it."""
    fix = (
        f"give the inputs of forward with --input (now: {shapes(built) or 'none'}); {more}"
        "--traceback shows where the error was raised"
    )
    return HookcountError(error_text(built.name, said(error) + notes_of(error), fix))


def shapes(built: Built) -> str:
    """A model's inputs as ``--input`` reads them: ``1x3x224x224, mask=1x128:bool``."""
    named = [f"{name}={_shape(value)}" for name, value in built.kwargs.items()]
    return ", ".join([*map(_shape, built.args or ()), *named])


def _shape(value: object) -> str:
    if isinstance(value, torch.Tensor):
        dtype = None if value.dtype == torch.get_default_dtype() else value.dtype
        return written(None, value.shape, dtype)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shape, value))}]"
    return repr(value) if isinstance(value, (bool, int, float)) else type(value).__name__
