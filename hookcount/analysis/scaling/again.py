"""``Again``: how a report counts its model again, and the errors where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from ...core.errors import ModelError, error_text
from .scaling import Count

Again = Callable[[str], Count | None]
"""From the kind of the run to a function that counts the model again. None if the model is gone."""


def counted_again(again: Again | None, run: str) -> Count:
    """The function that counts a report's model again. Raises ``ModelError`` if there is none."""
    count = None if again is None else again(run)
    if count is None:
        fail("the model is gone, or was counted in a `with` block")
    return count


def of_a_copy(run: str) -> NoReturn:
    """The ``Again`` of a report that was copied or pickled: an error."""
    fail("a report that was copied or pickled has no model")


def of_a_part(run: str) -> NoReturn:
    """The ``Again`` of a part of a report: an error."""
    fail("a part of a report has no model that runs on its own")


def of_a_phase(run: str) -> NoReturn:
    """The ``Again`` of a phase of a training step: an error."""
    fail(
        "this is a phase of a training step, and only a forward is counted again",
        "count the step at each size, or call scaling() of the report that count() returned",
    )


def fail(
    what: str,
    fix: str = "call hookcount.scaling(model, inputs), because a report keeps no model alive",
) -> NoReturn:
    """Raise ``ModelError`` for a report that cannot count again."""
    raise ModelError(error_text("Report.scaling()", what, fix))
