"""``hookcount size MODEL``: how large a model is. The model does not run."""

from __future__ import annotations

import argparse

from ..counter import size
from ..models import build
from ..tables.rows import json
from .counting import undisturbed
from .destination import Destination
from .options import add_model, format_of, parser


def arguments() -> argparse.ArgumentParser:
    """The parser for this command."""
    made = parser(
        "hookcount size",
        "Shows the parameters, buffers, bytes and layers of a model.\nThe model does not run.",
        "",
    )
    add_model(made)
    made.add_argument("--format", choices=("text", "json"), help="default: text")
    return made


def work(options: argparse.Namespace, destination: Destination) -> None:
    """Measure the model and show its size."""
    form = format_of(options, "text", ("json",))
    with undisturbed():
        found = size(build(options.model).model)
    destination.write(json(found.to_dict()) if form == "json" else f"{options.model}\n{found}\n")
