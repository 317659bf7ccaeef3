"""What ``Training().count`` costs against a bare forward and backward pass on meta.

Both sides run in fresh processes, which take turns. The first call is timed, and a later one. The
imports and the making of the model are not in the time.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lib.apart import apart
from lib.sheet import Outcome, Sheet, at_most

TARGET = 0.6
IMAGES = (
    "resnet50",
    "vit_b_16",
    "convnext_tiny",
    "swin_t",
    "efficientnet_b0",
    "mobilenet_v3_large",
    "densenet121",
)
TEXTS = ("gpt2", "bert-base", "llama-3.1-8b")
MODELS = (*IMAGES, *TEXTS)


def _made(name: str) -> tuple[Any, dict[str, Any]]:
    """A model on meta in train mode, and its inputs."""
    if name in TEXTS:
        from lib.collection.models import build

        model, inputs = build(name, "full")
        return model.train(), inputs
    import torch
    import torchvision

    with torch.device("meta"):
        model = torchvision.models.get_model(name)
    images = torch.zeros(2, 3, 224, 224, device="meta")
    return model.train(), {"x": images}


def measure(name: str, side: str) -> Iterator[tuple[float, float]]:
    """Seconds of the first and of a later call of ``side``: ``"bare"`` or ``"count"``."""
    import hookcount
    from training.oracle import summed

    model, inputs = _made(name)

    def bare() -> object:
        return summed(model(**inputs)).backward()

    def count() -> object:
        counter = hookcount.Counter(run="shapes")
        return hookcount.Training(loss=summed, counter=counter).count(model, **inputs)

    work: Callable[[], object] = {"bare": bare, "count": count}[side]
    first = _seconds(work)
    for each in model.parameters():
        each.grad = None
    yield first, _seconds(work)


def _seconds(work: Callable[[], object]) -> float:
    """Of the processor, so that other load on the machine matters less."""
    gc.collect()  # else a collection of all modules falls into either side by chance
    start = time.process_time()
    work()
    return time.process_time() - start


def part(names: Sequence[str], rounds: int) -> Outcome:
    """A row for each model, and the geometric mean of the ratios."""
    rows, ratios = [], []
    for name in names:
        found: dict[str, list[tuple[float, float]]] = {"bare": [], "count": []}
        for _ in range(rounds):
            for side, seconds in found.items():
                seconds += apart(measure, name, side)
        bare, count = (
            [statistics.median(each) for each in zip(*seconds, strict=True)]
            for seconds in found.values()
        )
        cold, again = (ours / theirs for ours, theirs in zip(count, bare, strict=True))
        ratios.append(cold)
        times = (bare[0], count[0], bare[1], count[1])
        cells = [f"{1000 * each:.0f}" for each in times]
        rows.append((name, *cells, f"{cold:.2f}", f"{again:.2f}"))
    headings = ("model", "bare (ms)", "count (ms)", "bare again", "count again")
    sheet = Sheet(
        "A count of a training step against a bare forward and backward pass on meta",
        (*headings, "cold", "again"),
        tuple(rows),
        (
            "Each side runs in fresh processes, which take turns: the first call there, and the "
            "second one (again). Medians over the rounds.",
            "A count has a new Counter each time. The times are the processor's.",
        ),
    )
    what = f"Training().count / bare forward and backward, cold, {len(rows)} models"
    figures = (
        at_most(f"{what}, geometric mean", statistics.geometric_mean(ratios), TARGET),
        at_most(f"{what}, largest", max(ratios), TARGET),
    )
    return Outcome((sheet,), figures)
