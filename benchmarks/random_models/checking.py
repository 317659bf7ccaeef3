"""What is wrong with the counts of a random model."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import hookcount

from .making import Made


def wrong(subject: Made) -> dict[str, str]:
    """By kind, what is wrong. Empty if all is right."""
    found: dict[str, str] = {}
    with subject.mode():
        before = _state(subject)
        counter = hookcount.Counter()
        try:
            real = _count(hookcount.Counter(run="real"), subject)
            auto = _count(counter, subject)
            second = _count(counter, subject)
        except Exception as error:
            return {"raises": f"{type(error).__name__}: {error}"[:300]}
        after = _state(subject)
        found.update(_between(real, auto))
        if _rows(second) != _rows(auto) or second.run != auto.run:
            found["second count"] = f"{second.total} for {auto.total}"
        if before != after:
            changed = [name for name in before if before[name] != after.get(name)]
            found["state"] = f"{changed} changed"
        if all(step.torch_counts for step in subject.model.steps):
            expected = _by_torch(subject)
            if expected is not None and real.macs != expected:
                found["FlopCounterMode"] = f"{real.macs} for {expected}"
    return found


def _count(counter: hookcount.Counter, subject: Made) -> hookcount.Report:
    return counter.count(subject.model, *subject.args, **subject.kwargs)


def _between(real: hookcount.Report, auto: hookcount.Report) -> Iterator[tuple[str, str]]:
    if auto.run != "shapes":
        yield "values", "the default count ran for real"
    if auto.total != real.total:
        yield "totals", f"{auto.total} for {real.total}: {_differing(auto, real)}"
    elif _rows(auto) != _rows(real):
        yield "rows", _differing(auto, real)


def _rows(report: hookcount.Report) -> frozenset[Any]:
    calls = [
        (
            each.path,
            each.type,
            repr(each.call and (each.call.args, each.call.kwargs, each.call.out)),
        )
        for each in report.priced.trace.runs
    ]
    unpriced = {("", each.target, "uncounted", each.paths, each.calls) for each in report.uncounted}
    return frozenset(report.records) | unpriced | frozenset(enumerate(calls))


def _differing(auto: hookcount.Report, real: hookcount.Report) -> str:
    ours, other = _rows(auto), _rows(real)
    return f"{sorted(map(str, ours - other))[:3]} for {sorted(map(str, other - ours))[:3]}"


def _by_torch(subject: Made) -> int | None:
    """The MACs by ``FlopCounterMode``, of a copy. None if the copy cannot run in that mode."""
    model, args, kwargs = copy.deepcopy((subject.model, subject.args, subject.kwargs))
    with torch.random.fork_rng(devices=()), FlopCounterMode(display=False) as counter:
        try:
            model(*args, **kwargs)
        except Exception:
            return None
    return counter.get_total_flops() // 2


def _state(subject: Made) -> dict[str, Any]:
    """All that a count must leave as it is."""
    held = {
        **dict(subject.model.named_parameters(remove_duplicate=False)),
        **dict(subject.model.named_buffers(remove_duplicate=False)),
        **{f"input {index}": each for index, each in enumerate(subject.args)},
        **{f"option {k}": each for k, each in subject.kwargs.items() if isinstance(each, Tensor)},
    }
    tensors = {name: _facts(each) for name, each in held.items()}
    modules = {
        f"module {name}": (id(each), each.training, sorted(vars(each)))
        for name, each in subject.model.named_modules(remove_duplicate=False)
    }
    return {**tensors, **modules, "random numbers": torch.get_rng_state().numpy().tobytes()}


def _facts(tensor: Tensor) -> tuple[Any, ...]:
    version = None if tensor.is_inference() else tensor._version
    values = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return id(tensor), tensor.shape, tensor.stride(), version, tensor.requires_grad, values
