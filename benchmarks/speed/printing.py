"""A report as text, as a page and as a figure, by the number of its modules."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

from lib.apart import apart
from lib.rounds import Times, in_turns
from lib.sheet import Outcome, Sheet, at_most

SIZES = (1_000, 4_000, 16_000)
KINDS = {"equal blocks": "folded into few rows", "layers that differ": "not folded"}
VIEWS = ("print", "page", "icicle")


@dataclass(frozen=True)
class Row:
    """The times of one kind of model. A work is a view and a number of modules."""

    kind: str
    times: Times

    def cells(self, modules: int) -> tuple[str, ...]:
        shown = (f"{self.times.median(f'{view} {modules}'):.3f}" for view in VIEWS)
        return (self.kind, f"{modules:,}", *shown)

    def growth(self) -> float:
        """How often the time of the smallest model the largest takes, per module."""
        ratio = self.times.ratio(f"print {SIZES[-1]}", f"print {SIZES[0]}")
        return ratio * SIZES[0] / SIZES[-1]


def measure(rounds: int) -> Iterator[Row]:
    return (_row(kind, rounds) for kind in KINDS)


def _row(kind: str, rounds: int) -> Row:
    import torch
    from torch import nn

    import hookcount

    def block(place: int) -> nn.Module:
        if kind == "layers that differ":
            return nn.Sequential(
                *[nn.Linear(8 + n % 97, 8 + (n + 1) % 97) for n in range(4 * place, 4 * place + 4)]
            )
        return nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 8))

    views = {
        "print": str,
        "page": lambda report: report.to_html(),
        "icicle": lambda report: report.plot(),
    }
    works = {}
    for modules in SIZES:
        model = nn.Sequential(*[block(place) for place in range(modules // 5)])
        report = hookcount.count(model, torch.zeros(1, 8))
        for view in VIEWS:
            works[f"{view} {modules}"] = lambda view=view, report=report: views[view](
                deepcopy(report)  # it has the prices, and no tree yet
            )
    return Row(kind, in_turns(works, rounds))


def part(rounds: int) -> Outcome:
    rows = tuple(apart(measure, rounds))
    sheet = Sheet(
        "A report of many modules as text, as a page and as a figure",
        ("model", "modules", *(f"{view} (s)" for view in VIEWS)),
        tuple(row.cells(modules) for row in rows for modules in SIZES),
        (
            "print: ``str(report)``; page: ``report.to_html()``; icicle: ``report.plot()``.",
            "Each is the first view of its report, which has the prices but no tree yet.",
            *(f"{kind}: {said}." for kind, said in KINDS.items()),
        ),
    )
    largest = f"print {SIZES[-1]}"
    figures = [
        at_most(
            f"print, {SIZES[-1]:,} modules, least, {row.kind}",
            min(row.times.seconds[largest]),
            0.5,
            " s",
        )
        for row in rows
    ] + [
        at_most(f"print per module, {SIZES[-1]:,} / {SIZES[0]:,}, {row.kind}", row.growth(), 1.5)
        for row in rows
    ]
    return Outcome((sheet,), tuple(figures))
