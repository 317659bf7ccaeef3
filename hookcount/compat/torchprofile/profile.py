"""``profile_macs``: the MACs of each op of a jit trace, as torchprofile counts them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ...core.errors import InputError
from ...core.trace import Call, Spec
from ...counter import Counter
from ...formulas import BUILTIN
from ...observe.model import checked
from ...pricing.price import Charge
from ...pricing.priced import Priced
from ...report import Report
from ...rules.registry import FREE, Registry, target_name
from ..jit.run import CONVOLUTIONS, kind, whole
from ..jit.values import values
from ..shared import Handled, Handler, register_ops, with_layer
from .ops import FORMULAS, FUSED, PASSED_OVER, WHOLE

HANDLER_MAP: dict[str, Callable[[Node], int] | None] = {}
"""Handlers of one's own, by operator: ``function(node)`` gives the MACs of a call, None says that there are none. They come
before those of torchprofile, which are not in it.
"""

_DTYPES = {
    torch.float16: "half",
    torch.float32: "float",
    torch.float64: "double",
    torch.complex64: "complexfloat",
    torch.complex128: "complexdouble",
    torch.int8: "char",
    torch.uint8: "byte",
    torch.int16: "short",
    torch.int32: "int",
    torch.int64: "long",
}
"""Where a jit trace has another name than torch."""


@dataclass(eq=False)
class Variable:
    """An input or output of a node. ``shape`` of a tensor, else None; ``value`` of anything else: of a list of tensors their
    shapes, of a plain value or a list of such itself.
    """

    name: str
    dtype: str
    shape: list[int] | None = None
    value: Any = None

    @property
    def ndim(self) -> int:
        """Of a tensor."""
        return len(self.shape or ())


@dataclass(eq=False)
class Node:
    """A call of an op: its name as in a jit trace, inputs in the order of its schema, and the path of the module that ran it."""

    operator: str
    inputs: list[Variable]
    outputs: list[Variable]
    scope: str
    attributes: dict[str, Any] = field(default_factory=dict)


def profile_macs(
    model: nn.Module,
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    reduction: Callable[..., Any] | None = sum,
) -> Any:
    """The MACs of ``model(*args, **kwargs)`` as torchprofile 0.1.0 counts them: ``reduction`` of one int per call of an op, their
    sum; or, where it is None, a dict of them by ``Node``. ``args`` is a tuple of arguments, or one argument.

    The model runs once, for real, in the modes that it is in, and is bit for bit as before afterwards. Nodes come module by
    module. ``HANDLER_MAP`` has the handlers of one's own; they are asked after the run. One ``UserWarning`` names the operators
    that no handler knows.

    Where it differs from torchprofile: a product of sizes (``x.shape[0] * 2``) is an op of a jit trace, counted as one MAC, and
    runs no op here, so that of the layers of torch and torchvision alone they are counted; a jit trace drops what the output does
    not depend on, such as attention weights that nobody takes; keyword arguments and grouped queries count here, and raise there.

    Raises ``InputError`` for a handler whose operator is never seen, ``FormulaError`` for one that fails, and what
    ``hookcount.count`` raises.
    """
    report = _report(model, args if isinstance(args, tuple) else (args,), kwargs or {})
    _warn(report)
    counted = list(_counted(report))
    if reduction is None:
        return {_node_of(charge): figure for charge, figure, times in counted for _ in range(times)}
    return reduction([figure for _, figure, times in counted for _ in range(times)])


def _report(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Report:
    layer = Registry(name="HANDLER_MAP")
    register_ops(
        layer, {_seen_as(name): _priced(handler) for name, handler in HANDLER_MAP.items()}, WHOLE
    )
    counter = Counter(run="real")
    trace = counter.runner.traced(checked(model), args, dict(kwargs), whole)
    return Report(Priced(trace, counter.registry, with_layer(WHOLE, layer)))


def _seen_as(operator: str) -> str:
    """The name under which an operator of a jit trace is seen."""
    if not isinstance(operator, str) or "::" not in operator or operator.startswith("prim::"):
        raise InputError(
            f"HANDLER_MAP: {operator!r} is no op. To fix it: name one with its namespace, such as 'aten::relu'."
        )
    if operator in CONVOLUTIONS or operator == "aten::convolution":
        raise InputError(
            f"HANDLER_MAP: {operator!r} is an 'aten::_convolution' in a jit trace. To fix it: name that."
        )
    return "aten::convolution" if operator == "aten::_convolution" else operator


def _priced(handler: Callable[[Node], int] | None) -> Any:
    return FREE if handler is None else Handled(handler, _ask)


def _ask(handler: Handler, path: str, call: Call) -> Any:
    return handler(_node(path, call))


def _counted(report: Report) -> Iterator[tuple[Charge, int, int]]:
    """What a handler counted, the figure of one node, and how many nodes have it. A module is charged for products of sizes."""
    charges = list(report.charges())
    fused = {charge.path for charge in charges if charge.target == FUSED}
    for charge in charges:
        in_parts = charge.by == "op" or charge.path not in fused
        if in_parts and charge.entry is not None and callable(charge.entry.price):
            figure = 0 if charge.ops is None else report.convention.figure(charge.ops)
            yield (
                (charge, 1, figure)
                if charge.by == "module"
                else (charge, figure // charge.calls, charge.calls)
            )


def _node_of(charge: Charge) -> Node:
    if charge.call is None or charge.by == "module":
        return Node("aten::mul", [], [Variable("out0", "long", [])], charge.path)
    return _node(charge.path, charge.call)


def _node(path: str, call: Call) -> Node:
    given, made = values(call)
    inputs = [_variable(str(index), each.held) for index, each in enumerate(given)]
    outputs = [_variable(f"out{index}", each.held) for index, each in enumerate(made)]
    return Node(kind(call.target).lower(), inputs, outputs, path)


def _variable(name: str, held: Any) -> Variable:
    if isinstance(held, Spec):
        return Variable(
            name, _DTYPES.get(held.dtype, str(held.dtype).removeprefix("torch.")), list(held.shape)
        )
    if isinstance(held, (tuple, list)):
        return Variable(
            name,
            "list",
            None,
            [list(each.shape) if isinstance(each, Spec) else each for each in held],
        )
    return Variable(name, type(held).__name__.lower(), None, held)


def _warn(report: Report) -> None:
    unknown: dict[str, int] = {}
    for charge in report.charges():
        if charge.call is not None and charge.by == "op" and not _known(charge.call.target):
            name = kind(charge.call.target)
            unknown[name] = unknown.get(name, 0) + charge.calls
    if unknown:
        names = ", ".join(f"{name} ({calls} calls)" for name, calls in unknown.items())
        text = f"profile_macs: no handler knows {names}; nothing was counted for them. To count one: HANDLER_MAP[name] = function."
        warnings.warn(text, stacklevel=3)


def _known(op: Any) -> bool:
    name = target_name(op).partition(".")[0]
    if (
        name in FORMULAS
        or name in PASSED_OVER
        or kind(op) in HANDLER_MAP
        or getattr(op, "is_view", False)
    ):
        return True
    entry = BUILTIN.get(name) or BUILTIN.get(name.removesuffix("_"))
    return entry is not None and entry.price is FREE
