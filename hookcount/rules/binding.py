"""How a formula gets its arguments: it names what it needs, and a call is bound to these names.

1. A formula whose positional parameters all are names of the target gets them by name: those of the op's schema, or of
   the module's ``forward``. ``module`` and ``out`` are the called module and the result, wherever they are named.
2. Any other formula gets its positional parameters by position, a module's formula the module first.
3. ``*args`` gets every positional argument, ``**kwargs`` every one that is left.

An argument that the call leaves out has the formula's default, or else the target's.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import torch

from ..core.ops import Ops
from ..core.trace import Call, sizes

_RESERVED = ("module", "out")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_MISSING = inspect.Parameter.empty


class BindingError(Exception):
    """A formula names what its target does not have. Pricing turns this into a ``FormulaError``."""


class CallFormula(ABC):
    """A formula that gets the whole call, dtypes too, and its path. It raises ``FormulaError`` by itself."""

    @abstractmethod
    def __call__(self, path: str, call: Call) -> Ops: ...


@dataclass(frozen=True)
class Parameters:
    """The parameters of a target or of a formula. ``positional`` and ``keyword``: each with its default, if it has one."""

    positional: Mapping[str, Any] = field(default_factory=dict)
    keyword: Mapping[str, Any] = field(default_factory=dict)
    takes_more: bool = False
    """It has ``*args``."""
    takes_any_name: bool = False
    """It has ``**kwargs``."""
    by_position_only: tuple[str, ...] = ()

    def default(self, name: str) -> Any:
        """The default of a parameter, ``inspect.Parameter.empty`` where there is none."""
        return self.positional.get(name, self.keyword.get(name, _MISSING))

    def __contains__(self, name: object) -> bool:
        return name in self.positional or name in self.keyword


def parameters_of(function: Callable[..., object], *, without_self: bool = False) -> Parameters:
    """The parameters of a Python function; none where it does not tell them."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return Parameters(takes_more=True, takes_any_name=True)
    positional = [each for each in found if each.kind in _POSITIONAL][int(without_self) :]
    return Parameters(
        {each.name: each.default for each in positional},
        {each.name: each.default for each in found if each.kind is inspect.Parameter.KEYWORD_ONLY},
        any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in found),
        any(each.kind is inspect.Parameter.VAR_KEYWORD for each in found),
        tuple(each.name for each in positional if each.kind is inspect.Parameter.POSITIONAL_ONLY),
    )


def parameters_of_target(target: object) -> Parameters:
    """Those of a module class's ``forward``, or of an op's schema; an op that has no schema tells none."""
    if isinstance(target, type):
        return parameters_of(getattr(target, "forward"), without_self=True)  # noqa: B009 (mypy: any class)
    schema = getattr(target, "_schema", None)
    return (
        Parameters(takes_more=True, takes_any_name=True) if schema is None else _of_schema(schema)
    )


def _of_schema(schema: torch._C.FunctionSchema) -> Parameters:
    given = [each for each in schema.arguments if not each.is_out]
    defaults = {
        each.name: each.default_value if each.has_default_value() else _MISSING for each in given
    }
    return Parameters(
        {each.name: defaults[each.name] for each in given if not each.kwarg_only},
        {each.name: defaults[each.name] for each in given if each.kwarg_only},
    )


def strange_names(formula: Callable[..., object], targets: list[Parameters]) -> list[str]:
    """The keyword-only parameters of a formula that none of its target's overloads has."""
    if any(each.takes_any_name for each in targets):
        return []
    return [name for name in keyword_names(formula) if not any(name in each for each in targets)]


def keyword_names(formula: Callable[..., object]) -> list[str]:
    """The keyword-only parameters of a formula, but for ``module`` and ``out``."""
    code = getattr(formula, "__code__", None)
    if (
        code is not None and code.co_kwonlyargcount == 0 and not hasattr(formula, "__wrapped__")
    ):  # most have none
        return []
    return [name for name in parameters_of(formula).keyword if name not in _RESERVED]


@cache
def _names_of_op(name: str) -> tuple[Parameters, ...]:
    space, _, rest = name.partition("::")
    packet = getattr(getattr(torch.ops, space, None), rest.partition(".")[0], None)
    if not isinstance(packet, torch._ops.OpOverloadPacket):
        return ()
    return tuple(_of_schema(getattr(packet, overload)._schema) for overload in packet.overloads())  # type: ignore[no-untyped-call]


def known_parameters(name: str, target: object) -> list[Parameters]:
    """What is known of a target's parameters before it runs: of each overload of an op that exists, of a class."""
    if "::" in name:
        try:
            return list(_names_of_op(name))
        except (AttributeError, RuntimeError):
            return []
    return [parameters_of_target(target)] if isinstance(target, type) else []


class Binder:
    """Binds calls to the parameters of one formula. What it finds of a target is found once."""

    def __init__(self, formula: Callable[..., object]) -> None:
        self._wanted = parameters_of(formula)
        self._targets: WeakKeyDictionary[Any, tuple[Parameters, bool]] = WeakKeyDictionary()

    def bind(self, call: Call) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments for a call, each tensor as its ``torch.Size``.

        Raises ``BindingError`` where the formula needs what the call does not have.
        """
        known = self._targets.get(call.target)
        if known is None:
            target = parameters_of_target(call.target)
            known = self._targets[call.target] = target, self._by_name(target)
        target, by_name = known
        return self._named(call, target) if by_name else self._placed(call, target)

    def _by_name(self, target: Parameters) -> bool:
        wanted = self._wanted
        return not wanted.takes_more and all(
            name in _RESERVED or name in target for name in wanted.positional
        )

    def _named(self, call: Call, target: Parameters) -> tuple[list[Any], dict[str, Any]]:
        given = dict(zip(target.positional, call.args, strict=False)) | dict(call.kwargs)
        bound: dict[str, Any] = {}
        for name in (*self._wanted.positional, *self._wanted.keyword):
            value = self._value(name, call, given, target)
            if value is not _MISSING:
                bound[name] = value
        if self._wanted.takes_any_name:
            self._add_the_rest(bound, call, given)
        first = [bound.pop(name) for name in self._wanted.by_position_only if name in bound]
        return first, bound

    def _placed(self, call: Call, target: Parameters) -> tuple[list[Any], dict[str, Any]]:
        rest = dict(call.kwargs)
        placed = list(call.args)
        more = self._wanted.takes_more
        own = len(self._wanted.positional) - (call.module is not None)
        for name in list(target.positional)[len(placed) :]:  # given by keyword: still at its place
            if (
                name not in rest
                or (more and name not in _RESERVED)
                or (not more and len(placed) >= own)
            ):
                break
            placed.append(rest.pop(name))
        if not more:
            placed = placed[: max(own, 0)]
        args = [*(() if call.module is None else (call.module,)), *map(sizes, placed)]
        bound: dict[str, Any] = {}
        for place, name in enumerate(self._wanted.positional):
            if place >= len(args):
                there = list(target.positional)[place - (call.module is not None) :][:1]
                value = self._value(name, call, rest, target, known_as=there[0] if there else name)
                if value is not _MISSING:
                    bound[name] = value
        for name in self._wanted.keyword:
            value = self._value(name, call, rest, target)
            if value is not _MISSING:
                bound[name] = value
        if self._wanted.takes_any_name:
            self._add_the_rest(bound, call, rest)
        return args, bound

    def _value(
        self,
        name: str,
        call: Call,
        given: Mapping[str, Any],
        target: Parameters,
        known_as: str = "",
    ) -> Any:
        """The value of one parameter; missing where its own default serves."""
        if name == "out":
            return sizes(call.out)
        if name == "module" and call.module is not None:
            return call.module
        for each in (name, known_as):
            if each in given:
                return sizes(given[each])
        if self._wanted.default(name) is not _MISSING:
            return _MISSING
        value = target.default(known_as or name)
        if value is _MISSING:
            raise BindingError(f"needs {name!r}, which the call does not give")
        return value

    def _add_the_rest(self, bound: dict[str, Any], call: Call, given: Mapping[str, Any]) -> None:
        taken = set(self._wanted.positional) | set(self._wanted.keyword)
        bound.update(
            {
                name: sizes(value)
                for name, value in given.items()
                if name not in taken and name not in _RESERVED
            }
        )
        if "out" not in taken:
            bound["out"] = sizes(call.out)
