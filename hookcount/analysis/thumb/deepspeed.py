"""The rule of DeepSpeed's flops profiler."""

from __future__ import annotations

from .facts import Facts
from .rule import Counted, Rule


def count(facts: Facts) -> Counted:
    """The products of the forward, three times, and once more for each forward that runs again.

    The tool applies it to the forward as its own profiler sees it. Here it is the forward that was
    counted: ``report.reconcile("deepspeed")`` has the difference between the two.
    """
    forward = facts.work.forward
    parts = {part: 6 * macs for part, macs in forward.items()}
    return Counted(parts, 2 * facts["recompute"] * sum(forward.values()))


RULES = (
    Rule(
        "2 + recompute",
        "forward x (1 + 2 + recompute)",
        "DeepSpeed 0.19.8, deepspeed/profiling/flops_profiler/profiler.py: print_model_profile, "
        "recompute_fwd_factor",
        3,
        count,
    ),
)
"""The rule of this file."""
