"""A count with a real run against a plain forward.

``torch.utils.flop_counter.FlopCounterMode`` is measured beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib.apart import apart
from lib.peers import PEERS
from lib.rounds import Times, in_turns
from lib.sheet import Outcome, Sheet, at_most

MODELS = ("resnet50", "mobilenet_v3_large", "vit_b_16")
BATCH = 8


@dataclass(frozen=True)
class Row:
    model: str
    times: Times

    def count(self) -> float:
        return self.times.ratio("count", "forward")

    def cells(self) -> tuple[str, ...]:
        milliseconds = (f"{1000 * self.times.median(work):.1f}" for work in ("forward", "count"))
        return (
            self.model,
            *milliseconds,
            f"{self.count():.2f}",
            f"{self.times.ratio('FlopCounterMode', 'forward'):.2f}",
        )


def measure(names: tuple[str, ...], rounds: int) -> Iterator[Row]:
    return (_row(name, rounds) for name in names)


def _row(name: str, rounds: int) -> Row:
    import torch

    import hookcount
    from hookcount.models import build

    built, counter = build(name, device="cpu"), hookcount.Counter(run="real")
    model, images = built.model, torch.randn(BATCH, *built.args[0].shape[1:])
    works = {
        "forward": lambda: model(images),
        "count": lambda: counter.count(model, images),
        "FlopCounterMode": lambda: PEERS["FlopCounterMode"].count(model, (images,)),
    }
    with torch.no_grad():
        return Row(name, in_turns(works, rounds))


def part(names: tuple[str, ...], rounds: int) -> Outcome:
    rows = tuple(apart(measure, names, rounds))
    sheet = Sheet(
        f"A real run's count against the plain forward, batch {BATCH}",
        ("model", "forward (ms)", "count (ms)", "count / forward", "FlopCounterMode / forward"),
        tuple(row.cells() for row in rows),
    )
    held_to_it = (row for row in rows if row.model == MODELS[0])
    figures = (
        at_most(
            f"a real run's count / plain forward, {row.model}, batch {BATCH}", row.count(), 1.15
        )
        for row in held_to_it
    )
    return Outcome((sheet,), tuple(figures))
