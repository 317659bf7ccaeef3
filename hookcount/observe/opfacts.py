"""Facts read once from an op's schema: is it composite, is it a view, which arguments it writes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..core.lazily import lazily
from ..core.lifetimes import ByIdentity
from ..rules.registry import Op
from .values import OpArgs, OpKwargs

UNDECLARED_WRITES = {  # their schemas declare the running statistics as plain inputs
    "aten::native_batch_norm": (3, 4),
    "aten::cudnn_batch_norm": (3, 4),
    "aten::miopen_batch_norm": (3, 4),
    "aten::batch_norm_gather_stats": (3, 4),
    "aten::batch_norm_gather_stats_with_counts": (3, 4),
}
_CONTROL_FLOW = {"cond", "while_loop", "scan", "associative_scan", "map_impl"}
_KEYS = {"cpu": "CPU", "cuda": "CUDA", "meta": "Meta", "mps": "MPS", "xpu": "XPU"}
"""The dispatch keys of devices, by their types."""
_ALLOCATIONS = ("aten::empty", "aten::new_empty")
_METADATA = frozenset(
    f"aten::{name}"
    for name in (
        "dim",
        "numel",
        "sym_numel",
        "size",
        "sym_size",
        "stride",
        "sym_stride",
        "storage_offset",
        "sym_storage_offset",
        "is_contiguous",
        "sym_is_contiguous",
        "is_strides_like_format",
        "is_non_overlapping_and_dense",
    )
)


@dataclass(frozen=True, eq=False)
class OpFacts:
    """The facts of one op that observation needs. Each op has one object of its own."""

    name: str
    """The op's name without its overload: ``"aten::mm"``."""
    torchs_own: bool
    """The op belongs to torch, not to another package."""
    prim: bool
    """The op is one of the primitives of torch's references in Python (``prims::add``)."""
    composite: bool
    """The op is made of other ops."""
    kernels: frozenset[str]
    """The types of devices on which a composite op has a kernel of its own."""
    has_nested_kernel: bool
    """A composite op has a kernel of its own for nested tensors."""
    opens_nested: bool
    """A composite op is made of other ops if it takes a nested tensor."""
    control_flow: bool
    """The op only calls the functions that it receives."""
    view: bool
    """The output shares the input's memory."""
    metadata: bool
    """The op only answers a question about a tensor, such as its shape or its device. torch asks
    tensor subclasses with such ops from C++, in places that cannot carry an exception."""
    reshapes: bool
    """The op changes the shape of its input in place."""
    dynamic: bool
    """The output's shape, or the result itself, depends on values."""
    makes: bool
    """The output holds computed, copied or filled values. A view or a bare allocation does not."""
    lifts: bool
    """The op brings in values from Python (``torch.tensor``) or memory from elsewhere
    (``torch.from_numpy``)."""
    writes: tuple[int, ...]
    """Positions of the arguments that the op writes to."""
    writes_by_name: tuple[str, ...]
    """Names of the keyword-only arguments that the op writes to."""
    out_names: tuple[str, ...]
    """Names of the ``out=`` arguments."""
    draws: bool
    """The op draws random numbers."""
    seeded: torch._ops.OpOverload | None
    """The overload of the op that takes a generator of random numbers."""
    returns: tuple[int | str | None, ...]
    """For each output, the position or name of the argument that it is; None for a new tensor.
    The tuple is empty if all outputs are new."""

    @lazily
    def brings(self) -> bool:
        """The op may return memory that it did not fill."""
        return self.lifts or not (self.makes or self.view or self.control_flow)

    @lazily
    def only_first(self) -> bool:
        """The op writes to its first argument and to no other."""
        return self.writes == (0,) and not self.writes_by_name

    def written(self, args: OpArgs, kwargs: OpKwargs) -> list[object]:
        """The arguments of a call that the op writes to; None for one that was not given."""
        found = [args[index] for index in self.writes if index < len(args)]
        if self.writes_by_name:
            found += [kwargs.get(name) for name in self.writes_by_name]
        return found


_facts: ByIdentity[OpFacts] = ByIdentity()
_known = _facts.values


def op_facts(op: Op) -> OpFacts:
    """The facts of an op, read once per process."""
    known = _known.get(id(op))
    return _facts.put(op, _read(op)) if known is None else known


def registered_name(op: torch._ops.OpOverload) -> str:
    """The name under which torch's dispatcher knows an op: ``"aten::add.Tensor"``."""
    return f"{op._schema.name}.{op._schema.overload_name}".removesuffix(".")


def _read(op: Op) -> OpFacts:
    if not isinstance(op, torch._ops.OpOverload):
        return _higher_order(op.__name__)
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
    full_name = registered_name(op)
    positional += [index for index in UNDECLARED_WRITES.get(name, ()) if index not in positional]
    # TorchScript's ops (`prim::device`, `aten::sym_size`) are unknown to the dispatcher. There they
    # only stand for questions about a tensor.
    registered = torch._C._dispatch_has_kernel(full_name)
    composite = registered and _has_kernel(full_name, "CompositeImplicitAutograd")
    dynamic = (
        torch.Tag.dynamic_output_shape in op.tags or torch.Tag.data_dependent_output in op.tags
    )
    return OpFacts(
        name=name,
        torchs_own=op.namespace in ("aten", "prim", "prims"),
        prim=op.namespace == "prims",
        composite=composite,
        kernels=_kernels(full_name) if composite else frozenset(),
        has_nested_kernel=composite and _has_kernel(full_name, "NestedTensorCPU"),
        opens_nested=composite and _has_kernel(full_name, "CompositeImplicitAutogradNestedTensor"),
        control_flow=False,
        view=op.is_view,
        metadata=not registered or name in _METADATA,
        reshapes=torch.Tag.inplace_view in op.tags,
        dynamic=dynamic,
        makes=not op.is_view and not name.startswith(_ALLOCATIONS),
        lifts=name == "aten::lift_fresh",
        writes=tuple(positional),
        writes_by_name=tuple(named),
        out_names=tuple(outs),
        draws=torch.Tag.nondeterministic_seeded in op.tags,
        seeded=_seeded(op),
        returns=_returns(op._schema),
    )


def _has_kernel(full_name: str, key: str) -> bool:
    # not op.has_kernel_for_dispatch_key: that is also true for an op which has only a
    # decomposition in Python
    return torch._C._dispatch_has_kernel_for_dispatch_key(full_name, key)


def _kernels(full_name: str) -> frozenset[str]:
    """See ``OpFacts.kernels``."""
    return frozenset(kind for kind, key in _KEYS.items() if _has_kernel(full_name, key))


def _higher_order(name: str) -> OpFacts:
    """The facts of an op that has no schema, such as ``torch.cond``."""
    return OpFacts(
        name=f"higher_order::{name}",
        torchs_own=True,
        prim=False,
        composite=False,
        kernels=frozenset(),
        has_nested_kernel=False,
        opens_nested=False,
        control_flow=name in _CONTROL_FLOW,
        view=False,
        metadata=False,
        reshapes=False,
        dynamic=False,
        makes=True,
        lifts=False,
        writes=(),
        writes_by_name=(),
        out_names=(),
        draws=False,
        seeded=None,
        returns=(),
    )


_SEEDED = {"default": "generator", "low": "low_generator", "out": "generator_out"}


def _seeded(op: torch._ops.OpOverload) -> torch._ops.OpOverload | None:
    """See ``OpFacts.seeded``."""
    if any(argument.name == "generator" for argument in op._schema.arguments):
        return op
    if torch.Tag.nondeterministic_seeded not in op.tags:
        return None
    overload = op._schema.overload_name
    packet = op.overloadpacket
    for name in (_SEEDED.get(overload or "default", ""), f"{overload}_generator"):
        if name in packet.overloads():
            found: torch._ops.OpOverload = getattr(packet, name)
            return found
    return None


def _returns(schema: torch._C.FunctionSchema) -> tuple[int | str | None, ...]:
    """See ``OpFacts.returns``."""
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
