"""``FlopCounterMode``: the FLOPs of a ``with`` block, by module and op."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ...conventions.torch import TORCH
from ...core.trace import OUTSIDE
from ...observe.calls import Calls
from ...observe.opfacts import op_facts
from ...observe.shapes_run.memo import Memo
from ...observe.specs import op_described
from ...pricing.one_call import Prices, price_of
from ...rules.entry import Entry
from ...rules.registry import Op, Registry
from ..shared import refused
from .formulas import Formulas, Function, checked, registered
from .modules import Modules, modules_running
from .table import EVERYWHERE, Counts, table


class FlopCounterMode:
    """Counts the FLOPs of all that runs in a ``with`` block, forward and backward, as torch does.

    No model is needed. A block that is entered again begins at zero. A path of a module begins with
    the class of the outermost module that was called. Each module has the FLOPs of all that runs in
    it; ``"Global"`` has all FLOPs. The work of a backward pass belongs to the module whose forward
    caused it.

    ``depth``: how many levels of modules ``get_table`` shows. ``display``: print the table at the
    end of the block. ``custom_mapping``: by op (``torch.ops.aten.add``), a function that gives the
    FLOPs of a call. It gets each tensor as its shape, and the shape of the result as ``out_shape``.
    If the function has a true attribute ``_get_raw``, it gets the tensors, and the result as
    ``out_val``. The function of an op that runs as others (``aten.linear``) is never called.
    ``mods`` is not used. Formulas of ``register_flop_formula`` count too, if they were registered
    before.

    The block runs for real, as without the mode. Only the thread that entered it is counted. Only
    products, convolutions and attention count, as in torch.

    Raises ``InputError`` for a ``custom_mapping`` that does not map ops to functions, and for a
    block that is entered twice at a time. In the block, a function that fails raises
    ``FormulaError``.
    """

    def __init__(
        self,
        mods: nn.Module | list[nn.Module] | None = None,
        depth: int | None = 2,
        display: bool = True,
        custom_mapping: Mapping[Any, Function] | None = None,
    ) -> None:
        if mods is not None:
            what = "FlopCounterMode(mods=...): modules are not needed. To fix it: leave them out."
            warnings.warn(what, stacklevel=2)
        self.depth = depth
        self.display = display
        self.flop_counts: Counts = defaultdict(lambda: defaultdict(int))
        own = checked({} if custom_mapping is None else custom_mapping)
        self._formulas = {**registered(), **own}
        self._block: ExitStack | None = None

    def __enter__(self) -> FlopCounterMode:
        if self._block is not None:
            what = "the block of this mode is already running"
            raise refused("FlopCounterMode", what, "make another one for the inner block")
        self.flop_counts.clear()
        with ExitStack() as stack:
            modules = stack.enter_context(modules_running())
            stack.enter_context(_Ops(self.flop_counts, self._formulas, modules))
            self._block = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        block, self._block = self._block, None
        if block is not None:
            block.__exit__(*error)
        if self.display:
            print(self.get_table(self.depth))

    def get_total_flops(self) -> int:
        """The FLOPs of the block."""
        return sum(self.flop_counts[EVERYWHERE].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """By module and op, the FLOPs. Those of the whole block are under ``"Global"``."""
        return {path: dict(counts) for path, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """A row for each module, and for each of its ops: the FLOPs, and their part of the total.

        ``depth``: how many levels of modules. The default is that of this object.
        """
        return table(self.get_flop_counts(), self.depth if depth is None else depth)


class _Ops(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs each op and adds its FLOPs to ``counts``. It opens ops that are made of other ops."""

    supports_higher_order_operators = True

    def __init__(self, counts: Counts, formulas: Formulas, modules: Modules) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._counts = counts
        self._formulas = formulas
        self._modules = modules
        self._calls = Calls(Memo())
        self._prices: Prices = {}
        self._resolver = TORCH.resolver(Registry())

    def __torch_dispatch__(
        self, func: Op, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, torch._ops.HigherOrderOperator):
            is_cond = func is torch.ops.higher_order.cond
            return self._larger_branch(*args) if is_cond else NotImplemented
        if types and op_facts(func).metadata:
            return NotImplemented
        packet = func._overloadpacket
        with self:
            opened = func.decompose(*args, **kwargs)
        if opened is not NotImplemented:
            return opened
        formula = self._formulas.get(packet)
        entry, _ = self._resolver.op(func)
        if formula is not None:
            out = func(*args, **kwargs)
            self._add(packet, formula.flops(packet, args, kwargs, out))
        elif entry is not None and callable(entry.price):
            before = op_described(args), {key: op_described(each) for key, each in kwargs.items()}
            out = func(*args, **kwargs)
            self._add(packet, self._flops(entry, func, *before, out))
        else:
            out = func(*args, **kwargs)
        return out

    def _flops(self, entry: Entry, func: Op, args: Any, kwargs: dict[str, Any], out: Any) -> int:
        drop = op_facts(func).out_names
        kept = {name: value for name, value in kwargs.items() if name not in drop}
        call = self._calls.of_op(func, args, kept, op_described(out))
        path = (self._modules.here() or (OUTSIDE,))[-1]
        ops = price_of(path, call, entry, self._prices)
        return 0 if ops is None else TORCH.figure(ops)

    def _add(self, packet: Any, flops: int) -> None:
        for path in {EVERYWHERE, *self._modules.here()}:
            self._counts[path][packet] += flops

    def _larger_branch(self, _: Any, if_true: Any, if_false: Any, operands: Any) -> Any:
        """Run both branches of a ``cond``. Each op counts as often as in the larger branch."""
        before = {path: dict(counts) for path, counts in self._counts.items()}
        results = []
        for branch in (if_true, if_false):
            self._counts.clear()
            with self:
                out = branch(*operands)
            results.append((out, {path: dict(counts) for path, counts in self._counts.items()}))
        self._counts.clear()
        for path, counts in before.items():
            self._counts[path].update(counts)
        (out, first), (_, second) = results
        for path in {**first, **second}:
            ones, others = first.get(path, {}), second.get(path, {})
            for packet in {**ones, **others}:
                self._counts[path][packet] += max(ones.get(packet, 0), others.get(packet, 0))
        return out
