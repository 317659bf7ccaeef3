"""What an op's schema says that observing needs: is it composite, a view, which arguments it writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

_UNDECLARED_WRITES = {  # their schemas call the running statistics plain inputs
    "aten::native_batch_norm": (3, 4),
    "aten::cudnn_batch_norm": (3, 4),
    "aten::miopen_batch_norm": (3, 4),
    "aten::batch_norm_gather_stats": (3, 4),
    "aten::batch_norm_gather_stats_with_counts": (3, 4),
}
_CONTROL_FLOW = {"cond", "while_loop", "scan", "associative_scan", "map_impl"}
_ALLOCATIONS = ("aten::empty", "aten::new_empty")


@dataclass(frozen=True)
class OpFacts:
    """``name``: without the overload. ``torchs_own``: of ATen. ``composite``: it is made of other ops. ``control_flow``: all it
    does is to call the functions it is given. ``view``: its output shares its input's memory. ``reshapes``: it changes the shape
    of its input. ``dynamic``: its shape depends on values. ``makes``: its output holds what was computed, copied or filled,
    so not a view and not a bare allocation. ``lifts``: it brings in values from Python (``torch.tensor``) or memory from
    elsewhere (``torch.from_numpy``).
    """

    name: str
    torchs_own: bool
    composite: bool
    control_flow: bool
    view: bool
    reshapes: bool
    dynamic: bool
    makes: bool
    lifts: bool
    writes: tuple[int, ...]
    writes_by_name: tuple[str, ...]
    out_names: tuple[str, ...]
    returns: tuple[int | str | None, ...]
    """For each output the argument that it is, for an op that writes into one; empty if all are new."""


_facts: dict[Any, OpFacts] = {}


def op_facts(op: Any) -> OpFacts:
    """The facts of an op, read once per process."""
    known = _facts.get(op)
    if known is None:
        known = _facts[op] = _read(op)
    return known


def _read(op: Any) -> OpFacts:
    if not isinstance(op, torch._ops.OpOverload):
        name = f"higher_order::{op.__name__}"
        return OpFacts(
            name,
            True,
            False,
            op.__name__ in _CONTROL_FLOW,
            False,
            False,
            False,
            True,
            False,
            (),
            (),
            (),
            (),
        )
    positional: list[int] = []
    named: list[str] = []
    outs: list[str] = []
    for index, argument in enumerate(op._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            if argument.kwarg_only:
                named.append(argument.name)
            else:
                positional.append(index)
            if argument.is_out:
                outs.append(argument.name)
    name = op._schema.name
    full_name = f"{name}.{op._schema.overload_name}".removesuffix(".")
    positional += [index for index in _UNDECLARED_WRITES.get(name, ()) if index not in positional]
    dynamic = (
        torch.Tag.dynamic_output_shape in op.tags or torch.Tag.data_dependent_output in op.tags
    )
    return OpFacts(
        name=name,
        torchs_own=op.namespace in ("aten", "prim", "prims"),
        # not op.has_kernel_for_dispatch_key: that is also true of ops which have but a decomposition in Python
        composite=torch._C._dispatch_has_kernel_for_dispatch_key(
            full_name, "CompositeImplicitAutograd"
        ),
        control_flow=False,
        view=op.is_view,
        reshapes=torch.Tag.inplace_view in op.tags,
        dynamic=dynamic,
        makes=not op.is_view and not name.startswith(_ALLOCATIONS),
        lifts=name == "aten::lift_fresh",
        writes=tuple(positional),
        writes_by_name=tuple(named),
        out_names=tuple(outs),
        returns=_returns(op._schema),
    )


def _returns(schema: Any) -> tuple[int | str | None, ...]:
    written: dict[str, int | str] = {}
    for index, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            for alias in argument.alias_info.before_set:
                written[alias] = argument.name if argument.kwarg_only else index
    found: list[int | str | None] = []
    for each in schema.returns:
        sets = (
            each.alias_info.before_set
            if each.alias_info is not None and each.alias_info.is_write
            else ()
        )
        found.append(next((written[alias] for alias in sets if alias in written), None))
    return tuple(found) if any(each is not None for each in found) else ()
