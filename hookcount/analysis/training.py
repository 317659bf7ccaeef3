"""The figures of a training step: in a table, in a file, and as FLOPs of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.errors import InputError, error_text
from ..pricing.price import BACKWARD, FORWARD, OPTIMIZER, RECOMPUTE, Phases
from ..pricing.priced import Priced
from ..pricing.step import StepTotals, StepWork
from ..pricing.stored import Stored, StoredStep

_NAMED = {
    "forward": FORWARD,
    "backward": BACKWARD,
    "recompute": RECOMPUTE,
    "optimizer": OPTIMIZER,
}
_AND = " and "


def names(phases: Phases) -> str:
    """The parts of a training step as text: ``"forward"``, ``"forward and backward"``."""
    return _AND.join([name for name, each in _NAMED.items() if each <= phases])


def figures(totals: StepTotals) -> dict[str, int]:
    """The figures of a training step, by name."""
    more = {"model_flops": totals.model_flops, "hardware_flops": totals.hardware_flops}
    return {**totals._asdict(), **more}


def stored_step(
    phases: str, totals: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> StoredStep:
    """What a file has of a training step. Raises ``KeyError`` if something is missing."""
    return StoredStep(
        frozenset().union(*(_NAMED[name] for name in phases.split(_AND))),
        {row["path"]: StepWork(*(row[name] for name in StepWork._fields)) for row in rows},
        StepTotals(*(totals[name] for name in StepTotals._fields)),
    )


def step_differs(found: Stored, written: Mapping[str, Any] | None) -> str:
    """The first figure of a training step that does not agree with the others. Empty if all do."""
    totals, work = found.step_totals, found.step_work
    if totals is None:
        return ""
    for name, value in figures(totals).items():
        if written is None or type(written[name]) is not int or written[name] != value:
            return name
    if totals.fused_recompute_macs > totals.backward_macs:
        return "fused_recompute_macs"
    if found.phases == FORWARD and found.macs != totals.forward_macs:
        return "forward_macs"
    root = work[found.tree.path]
    for name in ("backward_macs", "recompute_macs", "optimizer_flops"):
        if getattr(root, name) != getattr(totals, name):
            return name
    for node in found.tree:
        mine, below = work[node.path], [work[child.path] for child in node.children]
        if mine.backward_macs != mine.own_backward_macs + sum(each.backward_macs for each in below):
            return "backward_macs"
        for name in ("recompute_macs", "optimizer_flops"):
            if getattr(mine, name) < sum(getattr(each, name) for each in below):
                return name
    return ""


def totals_of(priced: Priced, what: str) -> StepTotals:
    """The totals of a run. Without a backward pass they are those of the forward.

    ``what``: the figure that is asked for. Raises ``InputError`` if a backward pass ran that was
    not counted as a training step, and if a file does not have the totals.
    """
    found = priced.step_totals
    if found is not None:
        return found
    if priced.step_seen:
        why = "the file has this figure of the whole model only"
        raise InputError(error_text(what, why, "use the report of the whole model"))
    if priced.backward_seen:
        why = "a backward pass ran, but it was not counted"
        raise InputError(error_text(what, why, "use hookcount.Training, its count or its watch"))
    return StepTotals(priced.within(FORWARD).macs, 0, 0, 0, 0, 0)
