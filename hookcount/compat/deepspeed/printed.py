"""What DeepSpeed's profiler prints: the totals, the largest modules by depth, the tree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..counting import depth_of
from ..profiled import (
    Profile,
    duration_to_string,
    flops_to_string,
    lines,
    macs_to_string,
    number_to_string,
    params_to_string,
)
from .engine import Engine, Rows


def summary(
    profile: Profile, params: int, seconds: float | None, engine: Engine | None = None
) -> str:
    """The totals, and those of an engine. Without ``seconds``, those of a forward, no latency."""
    rows: Rows = [
        ("params per GPU:", params_to_string(params)),
        ("fwd MACs per GPU:", macs_to_string(profile.macs)),
        ("fwd flops per GPU:", number_to_string(profile.flops).strip()),
    ]
    if engine is not None:
        rows = [
            *engine.sizes(),
            rows[0],
            *engine.params(),
            *rows[1:],
            *engine.flops(profile),
        ]
        seconds = engine.forward_seconds or seconds
    if seconds is not None:
        speed = flops_to_string(profile.flops / seconds)
        rows += [
            ("fwd latency:", duration_to_string(seconds)),
            ("fwd FLOPS per GPU = fwd flops per GPU / fwd latency:", speed),
        ]
    return lines([*rows, *([] if engine is None else engine.step(profile))])


def aggregated(profile: Profile, module_depth: int, top_modules: int) -> str:
    """At each depth, the classes of modules with the most parameters and the most MACs."""
    by_depth: dict[int, dict[str, list[int]]] = {}
    figure = profile.by_macs.convention.figure
    for node in profile.by_macs.tree:
        sums = by_depth.setdefault(depth_of(node.path), {}).setdefault(node.type, [0, 0])
        sums[0] += node.params
        sums[1] += figure(node.total)
    deepest = len(by_depth) - 1 if module_depth == -1 else module_depth
    found = [f"Top {top_modules} modules in terms of params and MACs at different depths:"]
    for depth in range(min(deepest, len(by_depth))):
        classes = by_depth[depth]
        found += [
            f"depth {depth}:",
            f"    params      - {_largest(classes, 0, top_modules)}",
            f"    MACs        - {_largest(classes, 1, top_modules)}",
        ]
    return "\n".join(found)


def _largest(classes: dict[str, list[int]], which: int, top: int) -> dict[str, str]:
    text = macs_to_string if which else params_to_string
    ordered = sorted(classes.items(), key=lambda each: each[1][which], reverse=True)
    return {name: text(sums[which]) for name, sums in ordered[:top]}


def whole(
    profile: Profile,
    params: int,
    seconds: float | None,
    step: int,
    engine: Engine | None = None,
    *,
    module_depth: int,
    top_modules: int,
    detailed: bool,
) -> str:
    """All parts of the text. ``detailed``: with the tree of the MACs."""

    def parts() -> Iterator[str]:
        yield f"Flops profile at step {step}"
        yield summary(profile, params, seconds, engine)
        yield aggregated(profile, module_depth, top_modules)
        if detailed:
            yield str(profile.by_macs)

    return "\n\n".join(parts())


def written(text: str, output_file: str | None) -> None:
    """Print a text, or write it to a file. A missing folder is made."""
    if not output_file:
        print(text)
        return
    path = Path(output_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")
