"""The same run under another convention, against a plain forward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib.apart import apart
from lib.rounds import Times, in_turns
from lib.sheet import Outcome, Sheet, at_most

MODELS = ("resnet50", "vit_b_16")


@dataclass(frozen=True)
class Row:
    """The times of one model: its forward, and pricing its report under each convention.

    Each pricing is the first one of its report.
    """

    model: str
    times: Times

    def dearest(self) -> str:
        return max(
            (work for work in self.times.seconds if work != "forward"), key=self.times.median
        )

    def cells(self) -> tuple[str, ...]:
        dearest = self.dearest()
        shown = (f"{1000 * self.times.median(work):.2f}" for work in ("forward", dearest))
        return (self.model, *shown, dearest, f"{self.share():.2%}")

    def share(self) -> float:
        return self.times.ratio(self.dearest(), "forward")


def measure(names: tuple[str, ...], rounds: int) -> Iterator[Row]:
    return (_row(name, rounds) for name in names)


def _row(name: str, rounds: int) -> Row:
    import torch

    import hookcount
    from hookcount.conventions import CONVENTIONS
    from hookcount.models import build

    built = build(name, device="cpu")
    with torch.no_grad():
        # a new report for each round: a report keeps the prices that it has computed
        fresh = {
            each: iter([hookcount.count(built.model, *built.args) for _ in range(rounds + 1)])
            for each in CONVENTIONS
        }
        works = {
            each: lambda each=each: next(fresh[each]).under(each).headline for each in CONVENTIONS
        }
        return Row(name, in_turns({"forward": lambda: built.model(*built.args), **works}, rounds))


def part(names: tuple[str, ...], rounds: int) -> Outcome:
    rows = tuple(apart(measure, names, rounds))
    sheet = Sheet(
        "The same run under another convention, against a plain CPU forward, batch 1",
        ("model", "forward (ms)", "dearest (ms)", "convention", "share of the forward"),
        tuple(row.cells() for row in rows),
        (
            "Timed is ``report.under(name).headline``, for the first time on that report. Shown is "
            "the convention that takes longest.",
        ),
    )
    figures = (
        at_most(f"pricing again / plain forward, {row.model}", 100 * row.share(), 5, " %")
        for row in rows
    )
    return Outcome((sheet,), tuple(figures))
