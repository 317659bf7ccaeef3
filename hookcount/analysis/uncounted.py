"""The text about uncounted work: the work that no formula prices."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.errors import module_at
from ..core.names import clean
from ..pricing.price import Uncounted

SHOWN = 5
"""The number of paths that are named for a target."""


_ON_SHAPES = (
    "  The model ran on shapes, where the device of a tensor is 'meta'. If its code takes another "
    "path\n  on its own device, count that: "
)
_REAL = "hookcount.Counter(run='real')"


def explain(uncounted: Iterable[Uncounted], run: str = "", of_step: bool = False) -> str:
    """Each uncounted target, where it ran, and the lines to paste to count it.

    The text is empty if nothing is uncounted. ``run``: the kind of the run. ``of_step``: whether a
    training step was counted.
    """
    uncounted = tuple(uncounted)
    parts = [_explained(each) for each in uncounted]
    if run == "shapes" and any(each.by == "op" and each.unseen is None for each in uncounted):
        again = f"hookcount.Training(counter={_REAL})" if of_step else _REAL
        parts.append(f"{_ON_SHAPES}{again}.count(...)")
    first = "some work is uncounted; the figures are a lower bound."
    return "\n".join([first, *parts]) if parts else ""


def _explained(missing: Uncounted) -> str:
    target = clean(missing.target)
    paths = ", ".join(module_at(path) for path in missing.paths[:SHOWN])
    more = f" and {len(missing.paths) - SHOWN} more" if len(missing.paths) > SHOWN else ""
    calls = f"{missing.calls} call{'s' * (missing.calls != 1)} in {paths}{more}"
    why = missing.unseen.what if missing.unseen is not None else "has no formula"
    fix = missing.unseen.fix if missing.unseen is not None else ""
    if missing.unseen is not None and not missing.unseen.takes_formula:
        return f"  {target} {why}:\n    {calls}. To count it, {fix}."
    last = target.rpartition("::")[2].rpartition(".")[2]
    name = "".join(letter if letter.isalnum() else "_" for letter in last).lower()
    return (
        f"  {target} {why}: {calls}. To count it{f', {fix}; or' if fix else ''}:\n"
        f'    @hookcount.register("{target}")\n'
        f"    def {name}({missing.signature}):"
        "  # name only what you need; each tensor is its torch.Size\n"
        "        return hookcount.Ops(macs=...)\n"
        "  or, if it does no arithmetic: "
        f'hookcount.register("{target}", hookcount.FREE)'
    )
