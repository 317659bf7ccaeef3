"""What calflops and DeepSpeed see of an observation: what runs inside of the model's modules.

A program may call the model as a part of another one, and functions outside of all modules.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from ..core.trace import ModuleRun, Trace
from .counting import modules_at


def inside(trace: Trace, model: nn.Module) -> Trace:
    """A trace with the runs of the model's modules, and with what these call.

    A module that was found in another one has its path in the model again.
    """
    own = {id(module): path for path, module in reversed(modules_at(model).items())}
    moved = {each.path: own.get(each.key) for each in trace.places if not each.registered}
    kept: dict[int, int] = {}
    runs: list[ModuleRun] = []
    for index, run in enumerate(trace.runs):
        path = moved.get(run.path, run.path)
        if path is None and run.parent not in kept:
            continue
        parent = None if run.parent is None else kept.get(run.parent)
        kept[index] = len(runs)
        runs.append(run._replace(path=run.path if path is None else path, parent=parent))
    paths = {run.path for run in runs}
    places = [each for each in trace.places if each.registered or each.path in paths]
    return replace(trace, places=tuple(places), runs=tuple(runs), outside=(), outside_whole=())
