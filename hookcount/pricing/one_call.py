"""The price of one call: what the formula of an entry gives for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..core.errors import FormulaError, error_text, module_at, said
from ..core.nested import sequences
from ..core.ops import NOTHING, Ops
from ..core.trace import Call, leaves
from ..rules.binding import BindingError, CallFormula
from ..rules.parameters import parameters_of_target
from ..rules.registry import Entry, target_name
from .reasons import has_sparse

Prices = dict[tuple[int, int], tuple[Call, Entry, Ops | None]]
"""Results of formulas, by the identities of call and entry, which the values keep alive."""


def price_of(path: str, call: Call, entry: Entry, prices: Prices) -> Ops | None:
    """The price of a call, computed once per distinct call. None: shapes do not determine it."""
    formula = entry.price
    if not callable(formula):
        return NOTHING
    key = (id(call), id(entry))
    found = prices.get(key)
    if found is None:
        found = prices[key] = call, entry, _evaluate(path, call, entry, formula)
    return found[2]


def _evaluate(path: str, call: Call, entry: Entry, formula: Callable[..., object]) -> Ops | None:
    if has_sparse(call):
        return None  # the work on a sparse operand depends on how many elements it stores
    if isinstance(formula, CallFormula):
        return formula(path, call)
    tensors = list(leaves((call.args, call.kwargs, call.out)))
    if any(tensor.parts for tensor in tensors):
        return _of_sequences(path, call, entry, formula)
    try:
        args, named = entry.binder.bind(call)
    except BindingError as error:
        where = f"the formula for {entry.target} ({entry.source}) {error}"
        fix = f"name only parameters of ({signature(call)})"
        raise FormulaError(error_text(_named(path, call), where, fix)) from error
    try:
        ops = formula(*args, **named)
    except Exception as error:
        what = f"raised {said(error)}"
        raise FormulaError(_complaint(path, call, entry, args, named, what)) from error
    if not isinstance(ops, Ops):
        what = f"returned {ops!r}, which is no hookcount.Ops"
        raise FormulaError(_complaint(path, call, entry, args, named, what))
    # arithmetic on ids, masks and positions is no floating-point work; MACs count in any dtype
    return ops if any(tensor.arithmetic for tensor in tensors) else Ops(macs=ops.macs)


def _of_sequences(
    path: str, call: Call, entry: Entry, formula: Callable[..., object]
) -> Ops | None:
    """The price of a call on nested tensors: each sequence at its own length."""
    total = NOTHING
    for each, times in sequences(call):
        ops = _evaluate(path, each, entry, formula)
        if ops is None:
            return None
        total = total + ops * times
    return total


def _complaint(
    path: str,
    call: Call,
    entry: Entry,
    args: Sequence[object],
    named: Mapping[str, object],
    what: str,
) -> str:
    """The text of a ``FormulaError``. ``args`` and ``named``: the arguments of the formula."""
    given = [repr(arg) for arg in args if arg is not call.module]
    given += [f"{name}={value!r}" for name, value in named.items() if value is not call.module]
    with_arguments = f"; it was called with ({', '.join(given)})" if given else ""
    return error_text(
        _named(path, call),
        f"the formula for {entry.target} ({entry.source}) {what}{with_arguments}",
        "return hookcount.Ops(macs=..., ...) with exact non-negative ints, and name only "
        f"parameters of ({signature(call)}); each tensor is its torch.Size",
    )


def _named(path: str, call: Call) -> str:
    """The module at a path, or the op that ran there."""
    is_op = call.module is None
    return module_at(path, target_name(call.target) if is_op else type(call.module).__name__)


def signature(call: Call | None) -> str:
    """The parameters that a formula may name."""
    if call is None:
        return "module, *inputs, out"
    try:
        target = parameters_of_target(call.target)
    except AttributeError:  # the class of scripted modules has no forward
        return "module, *inputs, out"
    before = [*([] if call.module is None else ["module"]), *target.positional]
    more = ["*inputs"] if target.takes_more else []
    after = [*target.keyword, "out"]
    names = [*before, *(more or (["*"] if target.keyword else [])), *after]
    return ", ".join(dict.fromkeys(names))
