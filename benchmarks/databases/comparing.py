"""The runs of a sample, and what differs between them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

import hookcount

from .tiny import SEEN, Fact, mapped


@dataclass(frozen=True)
class Subject:
    """A sample as a tiny model. ``form`` says how the call is made."""

    name: str
    form: str
    dtype: str
    index: int
    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    differentiable: bool = True
    """Whether a gradient may be asked of the arguments."""
    in_modes: bool = True
    """Whether the grad modes are compared too."""
    on_cpu: bool = True
    """Whether the sample is on the CPU. A model on meta takes the path of the CPU."""


@dataclass(frozen=True)
class Outcome:
    """What a run gave: the facts of its results and its figures, or its error."""

    facts: tuple[Fact, ...] = ()
    rows: frozenset[Any] = frozenset()
    total: hookcount.Ops | None = None
    calls: tuple[Any, ...] = ()
    run: str = ""
    error: str = ""
    needs_values: bool = False


Found = list[tuple[str, str]]
"""What differs: the kinds, each with a text."""


def compared(subject: Subject) -> Found:
    """What differs between the runs of a sample. Empty if nothing does."""
    with torch.no_grad():
        real, auto = counted(subject, "real"), counted(subject, "auto")
        found = [*_against_plain(plain(subject), real), *_shapes(subject, real, auto, "shapes: ")]
        twin = on_meta(subject) if subject.on_cpu and not real.error else None
        if twin is not None:
            found += _new(_runs(real, twin, "meta: "), found)
    if subject.in_modes and not real.error:
        for mode in ("grad", "inference"):
            found += _new(_in_mode(mode, subject, real, auto), found)
    return found


def compared_at_once(subject: Subject) -> Found:
    """What differs between the default count and the real one, without gradients."""
    with torch.no_grad():
        return list(
            _shapes(subject, counted(subject, "real"), counted(subject, "auto"), "shapes: ")
        )


def _in_mode(
    mode: str, subject: Subject, real: Outcome, auto: Outcome
) -> Iterator[tuple[str, str]]:
    """The same in another grad mode, and against the counts without gradients."""
    if mode == "grad" and subject.differentiable:
        subject = _asking(subject)
    on: AbstractContextManager[Any] = (
        torch.enable_grad() if mode == "grad" else torch.inference_mode()
    )
    with on:
        there, shapes = counted(subject, "real"), counted(subject, "auto")
        if there.error and plain(subject).error:
            return
        yield from _shapes(subject, there, shapes, f"{mode}: ")
    if there.error:
        yield f"{mode}: count fails", there.error
    elif there.total != real.total:
        yield f"{mode}: another total", _rows(there, real)
    elif there.rows != real.rows:
        yield f"{mode}: other rows", _rows(there, real)
    elif there.rows == shapes.rows and auto.rows == real.rows and shapes.run != auto.run:
        yield f"{mode}: another run", f"{shapes.run} for {auto.run}"


def _new(more: Any, found: Found) -> Found:
    """Those whose kind was not found in the runs before."""
    known = {kind.partition(": ")[2] for kind, _ in found}
    return [each for each in more if each[0].partition(": ")[2] not in known]


def _against_plain(bare: Outcome, real: Outcome) -> Iterator[tuple[str, str]]:
    if bare.error and not real.error:
        yield "real: the call fails, its count does not", bare.error
    elif real.error and not bare.error:
        yield "real: the count fails", real.error
    elif bare.facts != real.facts:
        yield "real: outputs of the count", _facts(real.facts, bare.facts)


def _shapes(
    subject: Subject, real: Outcome, auto: Outcome, where: str
) -> Iterator[tuple[str, str]]:
    """What differs in a count that may give up its shapes-only run."""
    if auto.run == "real" and not real.error:
        auto = counted(subject, "shapes")
    yield from _runs(real, auto, where)


def _runs(real: Outcome, other: Outcome, where: str) -> Iterator[tuple[str, str]]:
    if real.error and other.error:
        if real.error.partition(":")[0] != other.error.partition(":")[0]:
            yield f"{where}another error", f"{other.error} FOR {real.error}"
    elif real.error:
        yield f"{where}only the real run fails", real.error
    elif other.error:
        yield f"{where}{'needs values' if other.needs_values else 'raises'}", other.error
    else:
        if real.total != other.total:
            yield f"{where}total", f"{other.total} FOR {real.total}: {_rows(other, real)}"
        elif real.rows != other.rows:
            yield f"{where}rows", _rows(other, real)
        if real.facts != other.facts:
            yield f"{where}outputs", _facts(other.facts, real.facts)
        elif real.calls != other.calls:
            yield f"{where}calls", f"{other.calls} FOR {real.calls}"


# -- the runs


def counted(subject: Subject, run: Any) -> Outcome:
    SEEN.clear()
    try:
        report = hookcount.Counter(run=run).count(subject.model, *subject.args, **subject.kwargs)
    except Exception as error:
        return Outcome(
            error=_line(error), needs_values=isinstance(error, hookcount.DataNeededError)
        )
    calls = tuple((each.path, each.type, _call(each.call)) for each in report.priced.trace.runs)
    unpriced = {("", each.target, "uncounted", each.paths, each.calls) for each in report.uncounted}
    rows = frozenset(report.records) | unpriced
    return Outcome(SEEN[-1], rows, report.total, calls, report.run)


def _call(call: Any) -> str:
    """The arguments and the result of a call. A device among them is the CPU."""
    text = call and repr((call.args, call.kwargs, call.out))
    return text and text.replace("'meta'", "'cpu'").replace("'cuda'", "'cpu'")


def plain(subject: Subject) -> Outcome:
    """The call without hookcount."""
    SEEN.clear()
    try:
        model = copy.deepcopy(subject.model)
        args, kwargs = _copied((subject.args, subject.kwargs))
        with torch.random.fork_rng(devices=()):
            model(*args, **kwargs)
    except Exception as error:
        return Outcome(error=_line(error))
    return Outcome(SEEN[-1])


def on_meta(subject: Subject) -> Outcome | None:
    """A count of the twin on the meta device. None if the sample has none."""
    made: dict[int, torch.Tensor] = {}

    def meta(tensor: torch.Tensor) -> torch.Tensor:
        return made.setdefault(id(tensor), _meta(tensor))

    try:
        args, kwargs = mapped((subject.args, subject.kwargs), meta)
        model = copy.deepcopy(subject.model)._apply(_meta)
    except Exception:
        return None
    if not made and not any(model.state_dict()):
        return None
    if "device" in kwargs:
        kwargs["device"] = "meta"
    return counted(replace(subject, model=model, args=args, kwargs=kwargs), "auto")


def _meta(tensor: torch.Tensor) -> torch.Tensor:
    """The twin of a tensor on the meta device, also with as much memory."""
    if not _dense(tensor) or tensor.is_quantized:
        return tensor.to("meta")
    elements = tensor.untyped_storage().nbytes() // tensor.itemsize
    whole = torch.empty(elements, dtype=tensor.dtype, device="meta")
    return whole.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def _asking(subject: Subject) -> Subject:
    """The subject with arguments that ask for a gradient, where that is possible."""

    def asking(tensor: torch.Tensor) -> torch.Tensor:
        fits = tensor.is_floating_point() or tensor.is_complex()
        return tensor.detach().requires_grad_() if fits and _dense(tensor) else tensor

    args, kwargs = mapped((subject.args, subject.kwargs), asking)
    return replace(subject, args=args, kwargs=kwargs)


def _copied(value: Any) -> Any:
    """``value`` with tensors of its own. One tensor at two places stays one."""
    made: dict[int, torch.Tensor] = {}

    def copy_of(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in made:
            own = _dense(tensor) and tensor.is_leaf
            made[id(tensor)] = copy.deepcopy(tensor) if own else tensor.clone()
        return made[id(tensor)]

    return mapped(value, copy_of)


def _dense(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and not tensor.is_nested


# -- texts


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"


def _rows(other: Outcome, real: Outcome) -> str:
    return f"{_side(other.rows - real.rows)} FOR {_side(real.rows - other.rows)}"


def _side(rows: frozenset[Any]) -> str:
    return ", ".join(sorted(f"{each[4]} {each[1]} {each[3]}" for each in rows)) or "nothing"


def _facts(other: tuple[Fact, ...], real: tuple[Fact, ...]) -> str:
    if len(other) != len(real):
        return f"{len(other)} FOR {len(real)} facts"
    return next(f"{a} FOR {b}" for a, b in zip(other, real, strict=True) if a != b)
