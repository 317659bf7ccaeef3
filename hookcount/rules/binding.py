"""How a formula gets its arguments: it names what it needs, and each call is bound to these names.

1. By name. If all positional parameters of the formula are names of the target, each gets that
   argument. Names are those of the op's schema, or of the parameters of the module's ``forward``.
2. By position. Any other formula gets its positional parameters in the target's order. A module's
   formula gets the module first. Positional-only parameters (before a ``/``) are always bound so.
   A name that the target has at another place is an error. If the names are those of another
   overload in another order, the formula is bound by name.
3. ``module`` is the called module and ``out`` its result, wherever the formula names them.
4. Keyword-only parameters are bound by name. ``*args`` gets all positional arguments. ``**kwargs``
   gets ``out`` and all arguments that no other parameter takes.

For an argument that the call omits, the formula's default is used, or else the target's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable

import torch

from ..core.lifetimes import ByIdentity
from ..core.ops import Ops
from ..core.trace import Call, ModuleRun, sizes
from .parameters import MISSING, Parameters, of_overloads, parameters_of, parameters_of_target

Named = dict[str, object]
"""Arguments by name, each tensor as its ``torch.Size``."""

_RESERVED = ("module", "out")


class BindingError(Exception):
    """A formula names a parameter that its target does not have."""


class CallFormula(ABC):
    """A formula that gets the whole call, dtypes too, and its path. It raises ``FormulaError``."""

    @abstractmethod
    def __call__(self, path: str, call: Call) -> Ops: ...


class RunFormula(CallFormula):
    """A formula of a module that also reads which ops the module's forward ran."""

    @abstractmethod
    def of_run(self, run: ModuleRun) -> Ops: ...


def keyword_names(formula: Callable[..., object]) -> list[str]:
    """The keyword-only parameters of a formula, except ``module`` and ``out``."""
    code = getattr(formula, "__code__", None)
    if code is not None and not code.co_kwonlyargcount and not hasattr(formula, "__wrapped__"):
        return []  # most formulas: a signature takes longer to read
    return [name for name in parameters_of(formula).keyword if name not in _RESERVED]


def strange_names(formula: Callable[..., object], targets: list[Parameters]) -> list[str]:
    """The keyword-only parameters of a formula that no overload of its target has."""
    if any(each.takes_any_name for each in targets):
        return []
    return [
        name for name in keyword_names(formula) if not any(name in target for target in targets)
    ]


class Binder:
    """Binds calls to the parameters of one formula. The target's parameters are read only once."""

    def __init__(self, formula: Callable[..., object]) -> None:
        self._wanted = parameters_of(formula)
        self._places = [name for name in self._wanted.positional if name != "out"]
        self._targets: ByIdentity[tuple[Parameters, bool]] = ByIdentity()

    def bind(self, call: Call) -> tuple[list[object], Named]:
        """Positional and keyword arguments for a call, each tensor as its ``torch.Size``.

        Raises ``BindingError`` if a parameter has no value in the call and no default.
        """
        known = self._targets.get(call.target)
        if known is None:
            target = parameters_of_target(call.target)
            by_name = self._is_named(target, ()) or self._is_named_elsewhere(call.target)
            known = target, by_name
            # other defaults of a forward may refer to its class
            if not isinstance(call.target, type) or target.has_plain_defaults():
                self._targets.put(call.target, known)
        target, by_name = known
        if target.takes_any_name and not by_name:
            by_name = self._is_named(target, call.kwargs)
        return self._by_name(call, target) if by_name else self._by_position(call, target)

    def _is_named(self, target: Parameters, more: Container[str]) -> bool:
        """Whether all positional parameters are names of the target, or of ``more``."""
        wanted = self._wanted
        if wanted.takes_more or wanted.positional_only:
            return False
        names = [name for name in wanted.positional if name not in _RESERVED]
        return all(name in target or name in more for name in names)

    def _is_named_elsewhere(self, target: object) -> bool:
        """Whether other overloads of an op have all the names, but at other places."""
        schema = getattr(target, "_schema", None)
        others = () if schema is None else of_overloads(schema.name)
        named = [list(each.positional) for each in others if self._is_named(each, ())]
        return bool(named) and all(there[: len(self._places)] != self._places for there in named)

    def _by_name(self, call: Call, target: Parameters) -> tuple[list[object], Named]:
        given = _given(call, target)
        bound = self._bound((*self._wanted.positional, *self._wanted.keyword), call, given, target)
        return [], bound | self._left(call, given)

    def _by_position(self, call: Call, target: Parameters) -> tuple[list[object], Named]:
        wanted, there = self._wanted, list(target.positional)
        args: list[object] = [] if call.module is None else [call.module]
        bound: Named = {}
        if args and self._places:  # the module is first, or at the place that is called so
            bound["module" if "module" in self._places else self._places[0]] = args.pop()
        own = [name for name in wanted.positional if name not in bound]
        # the target may have a parameter called `out` at that very place
        places = [name for i, name in enumerate(own) if name != "out" or there[i : i + 1] == [name]]
        values, left = self._in_order(call, target, len(places))
        self._check_places(call, target, places, {*bound, *places[: len(values)]} & {*left})
        bound |= dict(zip(places, values, strict=False))
        for place in range(len(values), len(places)):
            known_as = there[place] if place < len(there) else ""
            bound |= self._bound((places[place],), call, left, target, known_as)
        others = (*wanted.keyword, *(["out"] if "out" in wanted.positional else []))
        bound |= self._bound(others, call, _given(call, target), target)
        bound |= self._left(call, left)
        for name in wanted.positional if wanted.takes_more else wanted.positional_only:
            if name not in bound:  # the rest has defaults
                break
            args.append(bound.pop(name))
        return args + (values[len(places) :] if wanted.takes_more else []), bound

    def _check_places(
        self, call: Call, target: Parameters, places: list[str], twice: set[str]
    ) -> None:
        """Refuse a parameter by position with the name of another argument, as are ``twice``."""
        if self._wanted.positional_only:
            return
        there = list(target.positional)
        wrong = [
            name
            for place, name in enumerate(places)
            if name in target
            and there[place : place + 1] != [name]
            and (name in there or place < len(there) or target.takes_more)
        ]
        first = self._places[:1] if call.module is not None and "module" not in self._places else []
        wrong += [name for name in first if name in target]
        if call.module is None and "module" not in target:
            wrong += [name for name in places if name == "module"]
        wrong += sorted(twice.difference(_RESERVED))
        if not wrong:
            return
        strange = [each for each in self._places if each not in target and each not in _RESERVED]
        not_there = f"{', '.join(map(repr, strange))}, which the target does not have, and for "
        raise BindingError(
            f"asks for {not_there if strange else ''}{wrong[0]!r}, which is not at that place; "
            f"the target has {', '.join((*there, *target.keyword)) or 'no parameters'}"
        )

    def _in_order(self, call: Call, target: Parameters, places: int) -> tuple[list[object], Named]:
        """The arguments in the target's order, as many as there are places; the others by name."""
        left, given = dict(call.kwargs), list(call.args)
        all_placed = self._wanted.takes_more and not self._wanted.takes_any_name
        for name in list(target.positional)[len(given) :]:  # given by name: still at its place
            if name not in left or not (all_placed or len(given) < places or name in _RESERVED):
                break
            given.append(left.pop(name))
        return list(map(sizes, given)), left

    def _bound(
        self,
        names: Iterable[str],
        call: Call,
        given: Named,
        target: Parameters,
        known_as: str = "",
    ) -> Named:
        """Values by name. A parameter whose own default applies is left out."""
        found: Named = {}
        for name in names:
            if name == "out":
                found[name] = sizes(call.out)
            elif name == "module" and call.module is not None:
                found[name] = call.module
            elif name in given or known_as in given:
                found[name] = sizes(given[name if name in given else known_as])
            elif self._wanted.default(name) is MISSING:
                default = target.default(known_as or name)
                found[name] = default.shape if isinstance(default, torch.Tensor) else default
                if found[name] is MISSING:
                    raise BindingError(f"asks for {name!r}, which the call does not give")
        return found

    def _left(self, call: Call, given: Named) -> Named:
        """The arguments that ``**kwargs`` receives."""
        if not self._wanted.takes_any_name:
            return {}
        names = [name for name in given if name not in self._wanted and name not in _RESERVED]
        left: Named = {name: sizes(given[name]) for name in names}
        return left if "out" in self._wanted else {**left, "out": sizes(call.out)}


def _given(call: Call, target: Parameters) -> Named:
    return dict(zip(target.positional, call.args, strict=False)) | dict(call.kwargs)
