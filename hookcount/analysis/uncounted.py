"""What ran and nothing priced, in words."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.errors import place
from ..pricing.price import Uncounted


def explain(uncounted: Iterable[Uncounted]) -> str:
    """Each uncounted target, where it ran, and the lines to paste to count it. Empty if there is none."""
    parts = [_explained(each) for each in uncounted]
    return (
        "\n".join(["not everything was counted; the figures are a lower bound.", *parts])
        if parts
        else ""
    )


def _explained(missed: Uncounted) -> str:
    paths = ", ".join(place(path) for path in missed.paths[:5])
    more = f" and {len(missed.paths) - 5} more" if len(missed.paths) > 5 else ""
    why = "made its output without any visible op" if missed.by == "module" else "has no formula"
    name = "".join(
        letter if letter.isalnum() else "_"
        for letter in missed.target.rpartition("::")[2].rpartition(".")[2]
    ).lower()
    return (
        f"  {missed.target} {why}: {missed.calls} call{'s' * (missed.calls != 1)} in {paths}{more}. To count it:\n"
        f'    @hookcount.register("{missed.target}")\n'
        f"    def {name}({missed.signature}):  # name only what you need; each tensor is its torch.Size\n"
        f"        return hookcount.Ops(macs=...)\n"
        f'  or, if it does no arithmetic: hookcount.register("{missed.target}", hookcount.FREE)'
    )
