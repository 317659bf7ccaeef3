"""Kinds of wrong counts that are not mended yet. A rule that no model needs fails a test."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """A model with one of these steps, and in this grad mode, may be wrong in these kinds."""

    why: str
    steps: tuple[str, ...]
    kinds: tuple[str, ...]
    grad_mode: str = ""

    def covers(self, steps: str, grad_mode: str, kind: str) -> bool:
        """Whether the rule is the reason for a wrong count of such a model."""
        ran = set(self.steps) & set(steps.split(", "))
        return bool(ran) and kind in self.kinds and self.grad_mode in ("", grad_mode)


def rule(steps: str, grad_mode: str, kind: str) -> Rule | None:
    """The rule that covers a wrong count."""
    return next((each for each in NOT_MENDED if each.covers(steps, grad_mode, kind)), None)


NOT_MENDED: tuple[Rule, ...] = (
    Rule(
        "a shapes-only run sees the parts of fused attention",
        ("attention", "MultiheadAttention"),
        ("rows",),
    ),
)
