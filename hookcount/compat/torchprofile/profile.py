"""``profile_macs``: the MACs of each op of a jit trace, as torchprofile counts them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ...core.trace import Call, Spec
from ...counter import Counter
from ...formulas import BUILTIN
from ...observe.model import checked
from ...pricing.price import Charge
from ...pricing.priced import Priced
from ...report import Report
from ...rules.registry import FREE, Registry, Target, target_name
from ..counting import Price, register_ops, with_layer
from ..initialised import initialised
from ..jit.names import PRIM, checked_name, jit_name
from ..jit.nodes import CALL_FUNCTION, PYTHON_OP
from ..jit.run import whole_modes
from ..jit.values import values
from ..shared import Handled, Handler, refused
from .ops import FORMULAS, FUSED, PASSED_OVER, WHOLE

HANDLER_MAP: dict[str, Callable[[Node], int] | None] = {}
"""The user's handlers, by operator.

``function(node)`` returns the MACs of a call. None means that the operator has no MACs. These
handlers are used instead of those of torchprofile, which are not in this dict.
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
"""The dtypes that have another name in a jit trace than in torch."""

_NODES = {name.lower(): name for name in (PYTHON_OP, CALL_FUNCTION)}
"""The operators that are no ops, and the names of their nodes."""


@dataclass(eq=False)
class Variable:
    """An input or output of a node.

    ``shape`` is that of a tensor; None for any other value. ``value`` is any other value: a plain
    value, or a list of plain values. A list of tensors has their shapes as ``value``.
    """

    name: str
    dtype: str
    shape: list[int] | None = None
    value: Any = None

    @property
    def ndim(self) -> int:
        """The number of axes of a tensor; 0 for any other value."""
        return len(self.shape or ())


@dataclass(eq=False)
class Node:
    """A call of an op.

    ``operator`` is the op's name in a jit trace. ``inputs`` have the order of the op's schema.
    ``scope`` is the path of the module that ran the op.
    """

    operator: str
    inputs: list[Variable]
    outputs: list[Variable]
    scope: str
    attributes: dict[str, object] = field(default_factory=dict)


def profile_macs(
    model: nn.Module,
    args: object = (),
    kwargs: Mapping[str, object] | None = None,
    reduction: Callable[[list[int]], object] | None = sum,
) -> Any:
    """The MACs of ``model(*args, **kwargs)``, as torchprofile 0.1.0 counts them.

    ``args`` is a tuple of arguments, or one argument. The result is ``reduction`` of a list with
    one int per call of an op: by default their sum. Without a reduction (None), the result is a
    dict that maps each ``Node`` to its MACs.

    The model runs once, for real, in the current train or eval modes. Afterwards it is bit for bit
    as before. Nodes are in the order of the modules. The user's handlers are in ``HANDLER_MAP``;
    they are called after the run. One ``UserWarning`` names the operators without a handler.

    ``apply`` of an ``autograd.Function`` is one operator, ``prim::pythonop``. The call of a
    scripted function is ``prim::callfunction``. As in torchprofile, the ops inside do not count.

    The differences from torchprofile:

    - A product of sizes (``x.shape[0] * 2``) is an op of a jit trace and counts as one MAC. Such a
      product runs no op. It is therefore counted only in the layers of torch and torchvision.
    - A jit trace drops the ops that the output does not depend on, such as attention weights that
      nobody uses. These ops count here.
    - Keyword arguments and grouped queries count here. In torchprofile they raise. A module of
      TorchScript is ``prim::callfunction`` here.
    - Attention of two axes, without a batch, counts once. torchprofile counts it once per query.
    - The warning leaves out operators that only move or make values, such as ``unbind``.

    Raises ``InputError`` for a handler whose operator never appears. Raises ``FormulaError`` for a
    handler that fails, and the errors of ``hookcount.count``.
    """
    report = _report(model, args if isinstance(args, tuple) else (args,), kwargs or {})
    _warn(report)
    counted = list(_counted(report))
    if reduction is None:
        return {_node_of(charge): figure for charge, figure, times in counted for _ in range(times)}
    return reduction([figure for _, figure, times in counted for _ in range(times)])


def _report(model: nn.Module, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Report:
    layer = Registry(name="HANDLER_MAP")
    prices: dict[Target, Price] = {
        _observed_name(name): _price(handler) for name, handler in HANDLER_MAP.items()
    }
    register_ops(layer, prices, WHOLE)
    counter = Counter(run="real")
    model = initialised(model, args, kwargs)
    trace = counter.runner.traced(checked(model), args, dict(kwargs), whole_modes)
    return Report(Priced(trace, counter.registry, with_layer(WHOLE, layer)))


def _observed_name(operator: str) -> str:
    """The name that a run shows for an operator of a jit trace. Raises ``InputError`` for none."""
    where = f"HANDLER_MAP[{operator!r}]"
    name = checked_name(where, operator)
    if name.startswith(PRIM) and name not in _NODES:
        raise refused(where, "there is no jit graph here", f"use one of {', '.join(_NODES)}")
    name = _NODES.get(name, name)
    return "aten::convolution" if name == "aten::_convolution" else name


def _price(handler: Callable[[Node], int] | None) -> Price:
    return FREE if handler is None else Handled(handler, _invoke)


def _invoke(handler: Handler, path: str, call: Call) -> object:
    return handler(_node(path, call))


def _counted(report: Report) -> Iterator[tuple[Charge, int, int]]:
    """Each charge of a formula or handler, the figure of one node, and the number of nodes.

    The charge of a module is for its products of sizes: each is a node with one MAC.
    """
    charges = list(report.charges())
    fused = {charge.path for charge in charges if charge.target == FUSED}
    for charge in charges:
        in_parts = charge.by == "op" or charge.path not in fused
        if in_parts and charge.entry is not None and callable(charge.entry.price):
            figure = 0 if charge.ops is None else report.convention.figure(charge.ops)
            if charge.by == "module":
                yield charge, 1, figure
            else:
                yield charge, figure // charge.calls, charge.calls


def _node_of(charge: Charge) -> Node:
    if charge.call is None or charge.by == "module":
        return Node("aten::mul", [], [Variable("out0", "long", [])], charge.path)
    return _node(charge.path, charge.call)


def _node(path: str, call: Call) -> Node:
    given, made = values(call)
    inputs = [_variable(str(index), each.held) for index, each in enumerate(given)]
    outputs = [_variable(f"out{index}", each.held) for index, each in enumerate(made)]
    return Node(_operator(call), inputs, outputs, path)


def _operator(call: Call) -> str:
    """The operator of a node. The name of an ``autograd.Function`` is no part of it."""
    return jit_name(call.target).partition(".")[0].lower()


def _variable(name: str, held: object) -> Variable:
    if isinstance(held, Spec):
        dtype = _DTYPES.get(held.dtype, str(held.dtype).removeprefix("torch."))
        return Variable(name, dtype, list(held.shape))
    if isinstance(held, (tuple, list)):
        items = [list(each.shape) if isinstance(each, Spec) else each for each in held]
        return Variable(name, "list", None, items)
    return Variable(name, type(held).__name__.lower(), None, held)


def _warn(report: Report) -> None:
    uncounted: dict[str, int] = {}
    for charge in report.charges():
        if charge.call is not None and charge.by == "op" and not _has_handler(charge.call):
            name = _operator(charge.call)
            uncounted[name] = uncounted.get(name, 0) + charge.calls
    if uncounted:
        names = ", ".join(f"{name} ({calls} calls)" for name, calls in uncounted.items())
        text = (
            f"profile_macs: no handler for {names}. These ops are uncounted. "
            "To count one: HANDLER_MAP[name] = function."
        )
        warnings.warn(text, stacklevel=3)


def _has_handler(call: Call) -> bool:
    """Whether an op has a handler, of the user or of torchprofile, or is known to be free."""
    name = target_name(call.target).partition(".")[0]
    if name in FORMULAS or name in PASSED_OVER or _operator(call) in HANDLER_MAP:
        return True
    if getattr(call.target, "is_view", False):
        return True
    entry = BUILTIN.get(name) or BUILTIN.get(name.removesuffix("_"))
    return entry is not None and entry.price is FREE
