"""The command line: ``hookcount MODEL`` and ``hookcount size MODEL``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from . import Counter, __version__, size
from .conventions import CONVENTIONS
from .destination import Destination
from .errors import DataNeededError, HookcountError, OutputError, UncountedWarning, UnknownModelError, tell
from .factories import near
from .inputs import Input, parse
from .models import Built, build
from .render.view import View
from .report import Report

FINE, COULD_NOT_COUNT, USAGE = 0, 1, 2

_DESCRIPTION = """\
Counts the MACs, FLOPs and parameters of a PyTorch model, module by module.

MODEL is one of
  resnet50                     a model of torchvision (resnet50@IMAGENET1K_V1: as for these weights)
  timm:vit_tiny_patch16_224    a model of timm, if it is installed
  hf:path/to/config.json       a model of transformers, if it is installed, by its config or the folder that has it: the first
                               of the config's `architectures` that transformers has, else AutoModel
  package.module:factory       what `factory` returns: a function without parameters,
  path/to/file.py:factory      a class, or the model itself
No weights are downloaded: a count needs shapes only."""

_EXAMPLES = """\
examples:
  hookcount resnet50
  hookcount vit_b_16 --depth 3
  hookcount swin_t --top 10
  hookcount resnet50 --convention all
  hookcount fcn_resnet50 --input 1,3,256,256 --format csv --output fcn.csv
  hookcount my_models.py:encoder --input ids=1,128:int64 --input mask=1,128:bool
  hookcount hf:Llama-3.1-8B/config.json --input input_ids=1,4096:int64
  hookcount swin_t --device cuda --real
  hookcount size regnet_y_128gf

exit status: 0 fine, 1 the model could not be built or counted, 2 wrong usage (an unknown name, a bad option)."""

_SUFFIXES = {".csv": "csv", ".json": "json", ".md": "markdown"}


class _UsageError(Exception):
    """The command line asks for something that does not exist."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 fine, 1 could not count, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    sizing = words[:1] == ["size"]
    parser = _size_parser() if sizing else _count_parser()
    try:
        options = parser.parse_args(words[1:] if sizing else words)
    except SystemExit as done:  # --help, --version, or a usage error that argparse has told
        return int(done.code or 0)
    try:
        return _guarded(options, _sized if sizing else _counted)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE


# -- options


def _count_parser() -> argparse.ArgumentParser:
    parser = _parser("hookcount", _DESCRIPTION, _EXAMPLES)
    parser.usage = "hookcount MODEL [options]\n       hookcount size MODEL [options]"
    parser.add_argument("--version", action="version", version=f"hookcount {__version__}")
    _add_input(parser)
    parser.add_argument("--depth", type=_whole(0), metavar="N", help="only modules at most N levels deep")
    parser.add_argument(
        "--top", type=_whole(1), metavar="N", help="only N modules, those with most MACs of their own or by --sort"
    )
    parser.add_argument("--sort", metavar="COLUMN", help="by a column of the table, such as macs, params or path")
    parser.add_argument(
        "--convention",
        choices=(*CONVENTIONS, "all"),
        help="count as that tool or text does; all: one row for each. Default: hookcount's own",
    )
    formats = ("tree", "table", "csv", "json", "markdown")
    parser.add_argument("--format", choices=formats, help="default: tree; table with --top; else what the name of FILE says")
    return parser


def _size_parser() -> argparse.ArgumentParser:
    parser = _parser("hookcount size", "Parameters, buffers, bytes and layers of a model; it is not run.", "")
    parser.add_argument("--format", choices=("text", "json"), help="default: text")
    return parser


def _parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(name, description=description, epilog=epilog, formatter_class=layout, allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="what to count")
    parser.add_argument("--output", metavar="FILE", help="write there instead of to the terminal")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error was raised")
    return parser


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        type=parse,
        metavar="[NAME=]SHAPE[:DTYPE]",
        help="an input of forward, in order or by name, such as 1,3,224,224 or ids=1,128:int64; repeatable. "
        "Values are random, integers 0 or 1; numbers are of the model's dtype where none is given. "
        "Default: what the model's weights were evaluated on, or what its config tells",
    )
    parser.add_argument(
        "--real", action="store_true", help="compute the forward, on random weights; else shapes alone where it can be"
    )
    parser.add_argument(
        "--device",
        type=_device,
        metavar="DEVICE",
        help="where the model and its inputs are built: cpu, cuda, cuda:1, meta ... Default: meta, which takes no memory, where "
        "the model's constructor allows it, and cpu with --real; a factory's model stays where the factory puts it",
    )


def _whole(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    whole.__name__ = "whole number"  # argparse names the type when int() fails
    return whole


def _device(text: str) -> torch.device:
    try:
        torch.empty(0, device=text)
        return torch.device(text)
    except Exception as error:  # each device has errors of its own for being absent
        raise argparse.ArgumentTypeError(f"{text!r} cannot be used: {str(error).partition(chr(10))[0]}") from error


# -- what is done


def _guarded(options: argparse.Namespace, work: Callable[[argparse.Namespace, Destination], None]) -> int:
    """Do it, and turn what goes wrong into one message and an exit status."""
    destination = Destination(options.output)
    try:
        destination.check()
        work(options, destination)
    except OutputError as error:
        return _told(f"--output {error.filename}: {error.strerror}", error, options, USAGE)
    except (_UsageError, UnknownModelError) as error:
        return _told(str(error), error, options, USAGE)
    except HookcountError as error:
        return _told(str(error), error, options, COULD_NOT_COUNT)
    return FINE


def _counted(options: argparse.Namespace, destination: Destination) -> None:
    form = options.format or _SUFFIXES.get(Path(options.output or "").suffix.lower()) or ("table" if options.top else "tree")
    if options.convention == "all" and (form == "markdown" or options.depth is not None or options.top or options.sort):
        why = "it is one row for each convention, not for each module"
        raise _UsageError(tell("--convention all", why, "leave --depth, --top, --sort away; --format table, csv or json"))
    if form == "tree" and options.top:
        raise _UsageError(tell("--top", "a tree has no top", "give --format table, csv, json or markdown"))
    view = View(form, options.depth, options.top, options.sort)
    if options.sort and options.sort not in view.orders():
        known = ", ".join(near(options.sort, view.orders()) or view.orders())
        raise _UsageError(tell("--sort", f"nothing to sort by is called {options.sort!r}", f"use one of {known}"))
    if options.real and options.device == torch.device("meta"):
        raise _UsageError(tell("--device meta", "with --real there is nothing to compute on", "leave one of them away"))
    with _random_kept(), _aside():
        built = _with_inputs(build(options.model, options.device, real=options.real), options.input)
        counter = Counter(run="real" if options.real else "auto")
        try:
            report = counter.count(built.model, *(built.args or ()), **built.kwargs)
        except DataNeededError as error:
            raise DataNeededError(f"{error}; here, with --device cpu") from error
        except HookcountError:
            raise
        except (Exception, SystemExit) as error:
            raise _raised(built, error) from error
    if options.convention == "all":
        _write(_every_convention(report, form, _first_line(built)), destination)
    else:
        _write(view.of(report.under(options.convention or "default"), _first_line(built)), destination)


def _every_convention(report: Report, form: str, first_line: str) -> str:
    rows = report.by_convention()
    if form == "csv":
        return str(rows.to_csv(index=False, lineterminator="\n"))
    if form == "json":
        return json.dumps(rows.to_dict(orient="records"), indent=2) + "\n"
    shown = rows.assign(figure=rows["figure"].map("{:,}".format), exact=rows["exact"].map({True: "yes", False: ""}))
    return f"{first_line}\n{shown.to_string(index=False)}\n"


def _sized(options: argparse.Namespace, destination: Destination) -> None:
    form = options.format or ("json" if Path(options.output or "").suffix.lower() == ".json" else "text")
    with _random_kept(), _aside():
        found = size(build(options.model).model)
    destination.write(json.dumps(found.to_dict(), indent=2) + "\n" if form == "json" else f"{options.model}\n{found}\n")


def _with_inputs(built: Built, inputs: Sequence[Input]) -> Built:
    if inputs:
        where, kind = built.device(), built.dtype()
        named = {each.name: each.tensor(where, kind) for each in inputs if each.name}
        if len(named) < sum(each.name is not None for each in inputs):
            raise _UsageError(tell("--input", "the same name is given twice", "give each input once"))
        return built.with_inputs((each.tensor(where, kind) for each in inputs if not each.name), named)
    missing = built.missing_inputs()
    if missing:
        example = f"--input {missing[0]}=1,128:int64" if "id" in missing[0] else f"--input {missing[0]}=1,3,224,224"
        raise _UsageError(tell(built.name, f"its forward needs {', '.join(missing)}", f"give it, as in {example}"))
    return built


def _raised(built: Built, error: BaseException) -> HookcountError:
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    fix = f"give what its forward takes with --input (it was given {_shapes(built) or 'nothing'}); --traceback says more"
    return HookcountError(tell(built.name, f"{type(error).__name__}: {error}{notes}", fix))


def _shapes(built: Built) -> str:
    def shown(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(shown, value))}]"
        kind = "" if value.dtype == torch.get_default_dtype() else f" {value.dtype}".replace("torch.", "")
        return "x".join(map(str, value.shape)) + kind

    return ", ".join([*map(shown, built.args or ()), *(f"{name} {shown(value)}" for name, value in built.kwargs.items())])


@contextlib.contextmanager
def _random_kept() -> Iterator[None]:
    """The same inputs and initial values each time, and the caller's random numbers untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@contextlib.contextmanager
def _aside() -> Iterator[None]:
    """What the model's code prints and warns goes to stderr, each warning once; models are found in the working folder."""
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("always", UncountedWarning)
            yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(here)
        for text in dict.fromkeys(str(each.message) for each in caught):
            print(f"hookcount: warning: {text}", file=sys.stderr)


def _told(text: str, error: Exception, options: argparse.Namespace, status: int) -> int:
    if options.traceback:
        cause = error.__cause__ or error
        traceback.print_exception(type(cause), cause, cause.__traceback__)
    print(f"hookcount: error: {text}", file=sys.stderr)
    return status


# -- what is shown


def _first_line(built: Built) -> str:
    shapes = _shapes(built)
    layers = size(built.model).layers
    return f"{built.name}: {layers} layer{'s' * (layers != 1)}" + (f", input {shapes}" if shapes else "")


def _write(shown: Any, destination: Destination) -> None:
    if isinstance(shown, str):
        destination.write(shown)
    elif destination.path is None and sys.stdout.isatty():
        from rich.console import Console

        Console().print(shown)
    else:
        from .render import text

        destination.write(text.plain(shown) + "\n")
