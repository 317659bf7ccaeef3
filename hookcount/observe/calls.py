"""The one ``Call`` object for all equal calls of a module or an op."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from ..core.trace import Call, Spec
from ..rules.registry import Op
from .shapes_run.memo import Memo
from .specs import all_last, described, freeze
from .standin import StandIns
from .values import Described, Key

Args = tuple[object, ...]
Kwargs = dict[str, object]
_SPEC = frozenset((Spec,))


class Calls:
    """Makes the calls of one observation. Those of a counter's memo serve later counts too."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._stand_ins = StandIns(memo)
        self._own: dict[Key, Call] = {}
        """The calls of modules whose stand-in serves only this count."""

    def of_module(self, module: nn.Module, args: Args, kwargs: Kwargs, out: object) -> Call:
        """The call of a module that returned ``out``."""
        if isinstance(module, ParametrizationList):
            self._stand_ins.parametrized.note(module, out)
        stand_in = self._stand_ins.of(module)
        kept = described(args), described(kwargs) if kwargs else {}, described(out)
        calls = self._own if self._stand_ins.passing(stand_in) else self._memo.calls
        key = (id(stand_in), freeze(kept[0]), freeze(kept[1]) if kwargs else (), freeze(kept[2]))
        call = calls.get(key) or self._own.get(key)
        if call is None:
            call = Call(type(stand_in), kept[0], kept[1], kept[2], stand_in)
            # a named tuple may be of a class that ends
            if calls is self._own or not (
                (type(kept[2]) is Spec and _SPEC.issuperset(map(type, kept[0])) and not kept[1])
                or all_last(kept, self._memo.lasts)
            ):
                self._own[key] = call
            else:
                self._memo.keep(key, call)
        return call

    def of_op(self, op: Op, args: Described, kwargs: dict[str, Described], out: Described) -> Call:
        """The call of an op, whose arguments and result are described."""
        key = (op, freeze(args), freeze(kwargs), freeze(out))
        calls = self._memo.calls
        call = calls.get(key)
        if call is None:
            call = self._memo.keep(key, Call(op, args, kwargs, out))
        return call
