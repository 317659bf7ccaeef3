"""``--max-macs``, ``--max-flops``, ``--max-params`` and ``--baseline``: limits for CI."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..analysis.budget import number, require_no_growth, require_within
from ..analysis.reading import read
from ..analysis.training import names
from ..core.errors import BudgetError, InputError, error_text
from ..pricing.price import STEP, Phases
from ..pricing.priced import Priced
from ..pricing.stored import Stored
from .options import UsageError
from .parsing import LIMITS, Parser

_LIMITS = ("macs", "flops", "params")


def add_limits(to: Parser) -> None:
    """Add the options for limits, to be read by ``limits`` and checked by ``check``."""
    group = to.group(LIMITS)
    for name in _LIMITS:
        group.add_argument(
            f"--max-{name}",
            type=_limit,
            metavar="N",
            help=f"exit with status 3 if the model has more {name}, such as 4.2G"
            + ("" if name == "params" else "; under a convention that counts these, its figure"),
        )
    group.add_argument(
        "--baseline",
        metavar="OLD.json",
        help="exit with status 3 if a total is more than in this report of --format json, and "
        "name the rows that grew",
    )


def baseline(options: argparse.Namespace, convention: str, phases: Phases) -> Stored | None:
    """The report of ``--baseline``, read before the count.

    Raises ``UsageError`` if it cannot be read, or has figures of another convention or of another
    part of a training step.
    """
    if options.baseline is None:
        return None
    if options.output and Path(options.output).resolve() == Path(options.baseline).resolve():
        what = "this is the file of --output too, which would be replaced before it is compared"
        raise UsageError(error_text("--baseline", what, "write the result to another file"))
    try:
        found = read(options.baseline)
    except InputError as error:
        raise UsageError(f"--baseline {error}") from error
    if found.convention.name != convention:
        what = f"it has the figures of {found.convention.name!r}, and the count has {convention!r}"
        fix = f"add --convention {found.convention.name}, or write a new baseline"
        raise UsageError(error_text(f"--baseline {options.baseline}", what, fix))
    if (found.phases, found.step_seen) != (phases, options.training):
        what, here = _kind(found.phases, found.step_seen), _kind(phases, options.training)
        what = f"it has the figures of {what}, and the count those of {here}"
        fix = "give the same --training and --phase, or write a new baseline"
        raise UsageError(error_text(f"--baseline {options.baseline}", what, fix))
    return found


def _kind(phases: Phases, of_step: bool) -> str:
    if not of_step:
        return "a forward"
    return "a training step" if phases == STEP else f"the {names(phases)} of a training step"


def has_limits(options: argparse.Namespace) -> bool:
    """Whether an option limits the count."""
    return options.baseline is not None or any(
        getattr(options, f"max_{name}") is not None for name in _LIMITS
    )


def check(options: argparse.Namespace, priced: Priced, old: Stored | None) -> None:
    """Raise ``BudgetError`` for all that is over its limit, or more than in the baseline."""
    limits = {name: getattr(options, f"max_{name}") for name in _LIMITS}
    own = priced.unit.lower()
    if priced.convention.name != "default" and limits[own] is not None:
        limits["figure"] = limits.pop(own)
    texts: list[str] = []
    if any(limit is not None for limit in limits.values()):
        try:
            require_within(priced, limits)
        except BudgetError as error:
            texts.append(str(error))
    if old is not None:
        try:
            require_no_growth(priced, old)
        except BudgetError as error:
            texts.append(str(error))
    if texts:
        raise BudgetError("\n".join(texts))


def _limit(text: str) -> str:
    try:
        number(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
