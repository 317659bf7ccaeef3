"""Counts of training steps against the oracle, for many models."""

from __future__ import annotations

import gc
import random
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lib.apart import apart
from lib.sheet import Figure, Outcome, Sheet

HUGE = ("giant", "gigant", "huge", "enormous", "xxl", "xlarge", "large", "_l_", "_g_")
"""Parts of the names of models of timm that take long."""
MANY = 60
SMALL_ONES = (
    *("test_", "zepto", "atto", "femto", "pico", "nano", "tiny", "xxs", "xs", "_s0", "_m0"),
    *("050", "small", "18", "26", "_s_", "b0"),
)
"""Parts of the names of small models of timm, the smallest first."""


@dataclass(frozen=True)
class Row:
    """A training step by hookcount and by the oracle."""

    model: str
    macs: int = 0
    oracle: int = 0
    uncounted: tuple[str, ...] = ()
    outside: int = 0
    """MACs that no module owns."""
    seconds: float = 0.0
    """What the count took."""
    failed: str = ""
    first_states: int = 0
    """The MACs of the gradients of first states, which an LSTM's kernel computes too."""

    @property
    def good(self) -> bool:
        """Whether the count equals the oracle, and is complete."""
        equal = self.macs - self.first_states == self.oracle
        return equal and not (self.failed or self.uncounted or self.outside)

    def cells(self) -> tuple[str, ...]:
        if self.failed:
            return (self.model, self.failed, "", "", "")
        incomplete = ", ".join(self.uncounted) or (f"{self.outside} outside" * bool(self.outside))
        extra = f" + {self.first_states:,}" * bool(self.first_states)
        oracle = f"{self.oracle:,}{extra}"
        verdict = "yes" if self.good else incomplete or "no"
        return (self.model, f"{self.macs:,}", oracle, verdict, f"{self.seconds:.2f}")


def names_of(kind: str) -> Iterator[str]:
    """The models of a part."""
    if kind == "torchvision":
        from torchvision import models

        for module in (models, models.video, models.segmentation):
            yield from models.list_models(module=module)
    elif kind == "timm":
        import timm

        names = [name for name in timm.list_models() if not any(part in name for part in HUGE)]
        yield from sorted(random.Random(2).sample(names, MANY))
    elif kind == "families":
        yield from _families()
    else:
        from training.text import KINDS, SMALL

        yield from (
            f"{name}, {each}"
            for name, small in SMALL.items()
            for each in KINDS
            if small.tied or each != "tied"
        )


def _families() -> Iterator[str]:
    """Of each module of ``timm.models`` a small model, and another one if it has several."""
    import timm

    for family in timm.list_modules():
        names = sorted(timm.list_models(module=family), key=_smallness)
        yield from names[:1]
        if len(names) > 3:
            yield names[len(names) // 2]


def _smallness(name: str) -> tuple[int, int, str]:
    """What sorts the names of models, the smallest model first. It need not be exact."""
    found = [place for place, part in enumerate(SMALL_ONES) if part in name]
    large = len(SMALL_ONES) + any(part in name for part in HUGE)
    return (found[0] if found else large, len(name), name)


def measure(kind: str, names: Sequence[str]) -> Iterator[Row]:
    """A row for each model."""
    warnings.simplefilter("ignore")
    for name in names:
        try:
            yield _row(name, *_made(kind, name))
        except Exception as error:  # a row of its own
            yield Row(name, failed=f"{type(error).__name__}: {str(error).splitlines()[0][:60]}")
        gc.collect()


def _made(kind: str, name: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """A model in train mode, and its inputs: two images on meta, or small ones on the CPU."""
    if kind == "text":
        from training.text import inputs, made

        model, _, how = name.partition(", ")
        return made(model, how), (), inputs(model)
    from hookcount.models import build

    built = build(name if kind == "torchvision" else f"timm:{name}")
    (images,) = built.args
    given = images.new_empty((2, *images.shape[1:]), device="meta")
    return built.model.train().to("meta"), (given,), {}


def _row(name: str, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Row:
    import hookcount
    from training.oracle import first_states, four_products, oracle, summed

    start = time.perf_counter()
    counter = hookcount.Counter(run="shapes")
    report = hookcount.Training(loss=summed, counter=counter).count(model, *args, **kwargs)
    found = Row(
        name,
        four_products(report),
        uncounted=tuple([each.target for each in report.step.uncounted]),
        outside=sum(each.ops.macs for each in report.step.records if each.path == "<outside>"),
        seconds=time.perf_counter() - start,
        first_states=first_states(report),
    )
    return replace(found, oracle=oracle(model, *args, **kwargs))


def part(kind: str, wanted: Sequence[str] | None) -> Outcome:
    """A table of the models of a part."""
    names = [each for each in apart(names_of, kind) if not wanted or each in wanted]
    rows = list(apart(measure, kind, names))
    good = sum(row.good for row in rows)
    sheet = Sheet(
        f"Training steps of {kind} against FlopCounterMode",
        ("model", "MACs", "the oracle's", "equal", "count (s)"),
        tuple([row.cells() for row in rows]),
        ("MACs of the forward and of the backward pass, with checkpoints run again.",),
    )
    figure = Figure(
        f"{kind}: equal and complete", f"{good} of {len(rows)}", "all", good == len(rows)
    )
    return Outcome((sheet,), (figure,))
