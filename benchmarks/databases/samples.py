"""The samples of ``op_db`` and ``module_db``, each as tiny models.

The import of these databases changes ``torch.backends`` settings for good: give them a process of
their own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch

from .comparing import Subject
from .tiny import Around, OfActivation, Tiny, WithEmptyOut, mapped, tensors
from .work import MODULES, OPS


def databases() -> dict[str, dict[str, Any]]:
    """By database, its entries by name."""
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db

    ops = {f"{op.name}.{op.variant_test_name}".rstrip("."): op for op in op_db}
    return {OPS: ops, MODULES: {info.name: info for info in module_db}}


def subjects(database: str, name: str, entry: Any, dtype: str, device: str) -> Iterator[Subject]:
    """The samples of an entry in one dtype on a device, in every form."""
    kind = getattr(torch, dtype)
    if kind not in entry.supported_dtypes(device):
        return
    torch.manual_seed(0)
    if database == MODULES:
        for training in (True, False):
            yield from _of_module(name, entry, kind, training, device)
        return
    for index, sample in enumerate(entry.sample_inputs(device, kind)):
        for form, model, args, kwargs in _forms(entry, sample):
            yield Subject(
                name,
                form,
                dtype,
                index,
                model,
                args,
                kwargs,
                differentiable=entry.supports_autograd and form == "function",
                in_modes=form != "activation",
                on_cpu=device == "cpu",
            )


def _forms(op: Any, sample: Any) -> Iterator[tuple[str, Tiny, tuple[Any, ...], dict[str, Any]]]:
    """The sample as tiny models: their form, and what they take."""
    args, kwargs = (sample.input, *sample.args), dict(sample.kwargs)
    yield "function", Tiny(op.op), args, kwargs
    given = list(tensors((args, kwargs)))
    if len(given) > 1 and given[0].layout is torch.strided:
        yield "activation", OfActivation(op.op, args, kwargs), (given[0],), {}
    in_place = op.get_inplace()
    if in_place is not None and not sample.broadcasts_input:
        yield "in place", Tiny(in_place), args, kwargs
    result = _result(op, args, kwargs) if op.supports_out else None
    if result is not None:
        out = mapped(result, torch.empty_like)
        yield "out", Tiny(op.op), args, {**kwargs, "out": out}
        yield "empty out", WithEmptyOut(op.op, result), args, kwargs


def _result(op: Any, args: Any, kwargs: Any) -> Any:
    """The result of a call, if it is a tensor or a tuple of tensors."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=()):
            result = op.op(*copy.deepcopy(args), **copy.deepcopy(kwargs))
    except Exception:
        return None
    whole = result if isinstance(result, tuple) else (result,)
    return result if all(isinstance(each, torch.Tensor) for each in whole) else None


def _of_module(
    name: str, info: Any, dtype: torch.dtype, training: bool, device: str
) -> Iterator[Subject]:
    made = info.module_inputs_func(
        info, device=device, dtype=dtype, requires_grad=False, training=training
    )
    for index, sample in enumerate(made):
        given = sample.forward_input
        if given is None:
            continue
        make = sample.constructor_input
        module = info.module_cls(*make.args, **make.kwargs).to(device, dtype)
        if info.is_lazy:
            module(*copy.deepcopy(given.args), **copy.deepcopy(given.kwargs))
        model, form = Around(module).train(training), "train" if training else "eval"
        short = str(dtype).removeprefix("torch.")
        yield Subject(
            name, form, short, index, model, given.args, given.kwargs, on_cpu=device == "cpu"
        )
