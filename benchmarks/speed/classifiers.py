"""A count of each torchvision classifier, against two forwards of it.

One is a bare forward on the meta device, the other a plain one on the CPU.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from lib.apart import apart
from lib.rounds import Times, in_turns
from lib.sheet import Outcome, Sheet, at_most

MODELS = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet1_0",
    "mobilenet_v3_large",
    "regnet_y_8gf",
    "resnet50",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "swin_t",
    "swin_v2_s",
    "vgg16",
    "vit_b_16",
)
"""One of each family, and both kinds of Swin."""


@dataclass(frozen=True)
class Row:
    model: str
    times: Times

    def cells(self) -> tuple[str, ...]:
        shown = (
            f"{1000 * self.times.median(work):.1f}"
            for work in ("meta forward", "cold", "reused", "CPU forward")
        )
        return (self.model, *shown, *(f"{ratio:.2f}" for ratio in self.ratios()))

    def ratios(self) -> tuple[float, float, float]:
        ratio = self.times.ratio
        return (
            ratio("cold", "meta forward"),
            ratio("reused", "meta forward"),
            ratio("cold on CPU", "CPU forward"),
        )


def all_names() -> Iterator[str]:
    from torchvision import models

    yield from models.list_models(module=models)


def measure(names: tuple[str, ...], rounds: int) -> Iterator[Row]:
    return (_row(name, rounds) for name in names)


def _row(name: str, rounds: int) -> Row:
    import torch

    import hookcount
    from hookcount.models import build

    on_meta, on_cpu, counter = build(name), build(name, device="cpu"), hookcount.Counter()
    meta, meta_args, cpu, cpu_args = on_meta.model, on_meta.args, on_cpu.model, on_cpu.args
    if not all(tensor.is_meta for tensor in (*meta.parameters(), *meta_args)):
        raise RuntimeError(f"{name} was not built on meta")
    works = {
        "meta forward": lambda: meta(*meta_args),
        "cold": lambda: hookcount.count(meta, *meta_args),
        "reused": lambda: counter.count(meta, *meta_args),
        "CPU forward": lambda: cpu(*cpu_args),
        "cold on CPU": lambda: hookcount.count(cpu, *cpu_args),
    }
    with torch.no_grad():
        return Row(name, in_turns(works, rounds))


def part(names: tuple[str, ...], rounds: int) -> Outcome:
    rows = tuple(apart(measure, names, rounds))
    columns = tuple(zip(*(row.ratios() for row in rows), strict=True))
    means = [statistics.geometric_mean(column) for column in columns]
    blank = ("",) * 4
    sheet = Sheet(
        f"A count against a forward, {len(rows)} classifiers of torchvision, batch 1",
        (
            "model",
            "meta (ms)",
            "count (ms)",
            "reused (ms)",
            "CPU (ms)",
            "count / meta",
            "reused / meta",
            "count / CPU",
        ),
        (
            *(row.cells() for row in rows),
            ("geometric mean", *blank, *(f"{mean:.2f}" for mean in means)),
            ("largest", *blank, *(f"{max(column):.2f}" for column in columns)),
        ),
        (
            "meta, CPU: the forward of the model and input on that device.",
            "count: ``hookcount.count(model, x)`` on meta, each time with a new Counter.",
            "reused: the same with one Counter.",
            "count / CPU: a count of the model on the CPU, over its forward there.",
        ),
    )
    of = f"geometric mean of {len(rows)}"
    figures = (
        at_most(f"count / bare meta forward, {of}", means[0], 0.5),
        at_most(f"count with a reused Counter / bare meta forward, {of}", means[1], 0.2),
        at_most(f"count / plain CPU forward, batch 1, {of}", means[2], 0.4),
    )
    return Outcome((sheet,), figures)
