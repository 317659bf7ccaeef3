"""``hookcount size MODEL``: how large a model is. The model does not run."""

from __future__ import annotations

import argparse

from ..counter import size
from ..models import build
from ..tables.rows import json
from ..tables.waiting import waiting
from .counting import undisturbed
from .destination import Destination
from .options import add_model, add_output, format_of, parser
from .parsing import Parser

_DESCRIPTION = """\
Shows the parameters, buffers, bytes and layers of a model, which does not run.

`hookcount --help` explains MODEL."""
_EXAMPLES = """\
examples:
  hookcount size resnet50
  hookcount size model.pt2
  hookcount size ultralytics:yolo11n --format json"""


def arguments() -> Parser:
    """The parser for this command."""
    made = parser("hookcount size", _DESCRIPTION, _EXAMPLES)
    add_model(made)
    add_output(made, ("text", "json"), "text")
    return made


def work(options: argparse.Namespace, destination: Destination) -> None:
    """Measure the model and show its size."""
    form = format_of(options, "text", ("json",))
    with undisturbed(), waiting(f"building {options.model}"):
        found = size(build(options.model, trust=options.trust).model)
    destination.write(json(found.to_dict()) if form == "json" else f"{options.model}\n{found}\n")
