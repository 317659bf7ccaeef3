"""A timing as text for a terminal or a notebook."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from ..core.ops import flops
from ..core.units import duration as duration
from ..core.units import quantity, si
from ..pricing.tree import Node
from ..render.text import Column, tree_alone
from ..tables.grid import Renderable, grid, paragraph, stacked
from .measured import Measured
from .shares import ModuleSeconds

NUMBERS = ("calls", "seconds", "% seconds")
"""The columns of numbers of a timing without a count."""


def headline(timing: Measured, name: str) -> str:
    """One line about a model: its size, its work, its time, and where it ran."""
    size = timing.size
    parts = [
        f"{size.layers:,} layer{'s' * (size.layers != 1)}",
        f"{size.parameters:,} parameters",
        f"{size.gradients:,} gradients",
    ]
    if timing.counted is not None:
        report = timing.counted
        parts.append(f"{quantity(report.flops, 'FLOPs', 2)} ({quantity(report.macs, 'MACs', 2)})")
    return f"{name}: {', '.join([*parts, speed(timing)])} on {timing.machine}"


def speed(timing: Measured) -> str:
    """The seconds and the rates: ``34.1 ms, 29.3 FPS``."""
    fps = f"{rate(timing.fps)} FPS"
    samples = timing.samples_per_second
    if samples is not None and timing.batch is not None and timing.batch.samples != 1:
        fps += f" ({rate(samples)} samples/s)"
    return f"{duration(timing.seconds)}, {fps}"


def details(timing: Measured, given: str = "") -> str:
    """The lines below the headline: the spread, the rates and the overhead.

    ``given``: the shapes of the input.
    """
    spread, runs = timing.spread, timing.runs
    lines = [
        f"{runs} run{'s' * (runs != 1)}: min {duration(spread.min)}, "
        f"quartiles {duration(spread.lower_quartile)} and {duration(spread.upper_quartile)}, "
        f"max {duration(spread.max)}"
    ]
    if timing.counted is not None:
        lines[0] += f"; {per_second(timing.flops_per_second)}FLOP/s"
    if timing.overhead is not None:
        lines[0] += f"; with modules timed {timing.overhead:.2f} x as long"
    if timing.batch is not None and timing.batch.samples != 1:
        lines.append(f"{timing.batch.samples} samples a forward: {timing.batch.how}")
    return "\n".join([*([f"input {given}"] if given else []), *lines])


def tree(
    timing: Measured,
    name: str | None = None,
    given: str = "",
    depth: int | None = None,
    order: Callable[[Node], float] | None = None,
) -> Renderable:
    """The headline, the module tree with seconds, and the notes. ``given``: the input's shapes."""
    return stacked(*above(timing, name, given), *_modules(timing, depth, order), *below(timing))


def above(timing: Measured, name: str | None, given: str) -> list[Renderable]:
    """What comes before the modules."""
    title = headline(timing, name or timing.type)
    return [paragraph(title, "bold"), paragraph(details(timing, given))]


def below(timing: Measured) -> list[Renderable]:
    """What comes after the modules: the notes."""
    return [paragraph(f"Note: {each}", "yellow") for each in timing.notes]


def _modules(
    timing: Measured, depth: int | None, order: Callable[[Node], float] | None
) -> list[Renderable]:
    if timing.counted is None:
        return _rows(timing, depth)
    return tree_alone(timing.counted.priced, depth, order, columns(timing))


def columns(timing: Measured) -> list[Column]:
    """The columns of seconds. None if modules were not timed."""
    of = {each.path: each for each in timing.modules}
    total = timing.seconds

    def seconds(node: Node) -> str:
        found = of.get(node.path)
        return duration(found.seconds) if found and found.seconds else ""

    def share(node: Node) -> str:
        found = of.get(node.path)
        return f"{100 * found.seconds / total:.1f}%" if found and found.seconds and total else ""

    def speed(node: Node) -> str:
        found, work = of.get(node.path), flops(node.total)
        return per_second(work / found.seconds) if found and found.seconds and work else ""

    found = [Column("seconds", seconds), Column("% seconds", share), Column("FLOP/s", speed)]
    return found if of else []


def _rows(timing: Measured, depth: int | None) -> list[Renderable]:
    """The modules without a count."""
    if not timing.modules:
        return []
    made = grid(("module", "type", *NUMBERS), NUMBERS)
    for row in rows(timing, depth):
        made.add_row(*row)
    return [made]


def rows(timing: Measured, depth: int | None = None) -> Iterator[tuple[str, ...]]:
    """The path, the type and ``NUMBERS`` of each module."""
    for each in timing.modules:
        if depth is None or level(each) <= depth:
            yield (
                each.path or "(model)",
                each.type,
                str(each.calls),
                duration(each.seconds),
                f"{100 * each.seconds / timing.seconds:.1f}%" if timing.seconds else "",
            )


def level(module: ModuleSeconds) -> int:
    """How deep in the tree a module is."""
    return module.path.count(".") + 1 if module.path else 0


def rate(value: float) -> str:
    """A number of things a second, with three significant digits.

    >>> rate(29.31), rate(1234.5), rate(0.0401)
    ('29.3', '1,234', '0.0401')
    """
    if math.isinf(value):
        return "inf"
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"


def per_second(value: float) -> str:
    """A rate with an SI prefix, to be followed by its unit: ``240 G``."""
    if math.isinf(value):
        return "inf "
    text = si(round(value))
    return text if text[-1].isalpha() else f"{text} "
