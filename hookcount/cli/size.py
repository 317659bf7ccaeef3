"""``hookcount size MODEL``: how large a model is; it is not run."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..counter import size
from ..models import build
from ..tables.rows import json
from .counting import undisturbed
from .destination import Destination
from .options import add_model, parser


def arguments() -> argparse.ArgumentParser:
    """Of this command."""
    made = parser(
        "hookcount size", "Parameters, buffers, bytes and layers of a model; it is not run.", ""
    )
    add_model(made)
    made.add_argument("--format", choices=("text", "json"), help="default: text")
    return made


def work(options: argparse.Namespace, destination: Destination) -> None:
    """Size and show."""
    form = options.format or (
        "json" if Path(options.output or "").suffix.lower() == ".json" else "text"
    )
    with undisturbed():
        found = size(build(options.model).model)
    destination.write(json(found.to_dict()) if form == "json" else f"{options.model}\n{found}\n")
