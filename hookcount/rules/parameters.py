"""``Parameters``: the parameters of a formula, of a class's ``forward`` or of an op's schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
MISSING = inspect.Parameter.empty
"""The default of a parameter that has none."""
_PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device))
_overloads: dict[str, tuple[Parameters, ...]] = {}


@dataclass(frozen=True)
class Parameters:
    """The parameters of a target or of a formula."""

    positional: Mapping[str, object] = field(default_factory=dict)
    """By name the default of each, ``inspect.Parameter.empty`` if it has none."""
    keyword: Mapping[str, object] = field(default_factory=dict)
    """The same for the keyword-only parameters."""
    takes_more: bool = False
    """Whether there is ``*args``."""
    takes_any_name: bool = False
    """Whether there is ``**kwargs``."""
    positional_only: tuple[str, ...] = ()
    """The names before a ``/``."""

    def default(self, name: str) -> object:
        """The default of a parameter, ``inspect.Parameter.empty`` for none."""
        return self.positional.get(name, self.keyword.get(name, MISSING))

    def has_plain_defaults(self) -> bool:
        """Whether all defaults are numbers, strings and the like."""
        return all(
            each is MISSING or type(each) in _PLAIN
            for each in (*self.positional.values(), *self.keyword.values())
        )

    def __contains__(self, name: object) -> bool:
        return name in self.positional or name in self.keyword


_ANY = Parameters(takes_more=True, takes_any_name=True)


def parameters_of(function: Callable[..., object], *, without_self: bool = False) -> Parameters:
    """The parameters of a Python function. A function without a signature accepts any.

    An argument that a ``functools.partial`` gives by keyword is no parameter.
    """
    given = function.keywords if isinstance(function, partial) else {}
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return _ANY
    found = [each for each in signature.parameters.values() if each.name not in given]
    positional = [each for each in found if each.kind in _POSITIONAL][int(without_self) :]
    return Parameters(
        {each.name: each.default for each in positional},
        {each.name: each.default for each in found if each.kind is each.KEYWORD_ONLY},
        any(each.kind is each.VAR_POSITIONAL for each in found),
        any(each.kind is each.VAR_KEYWORD for each in found),
        tuple(each.name for each in positional if each.kind is each.POSITIONAL_ONLY),
    )


def parameters_of_target(target: object) -> Parameters:
    """The parameters of a class's ``forward`` or of an op's schema. Without these: any."""
    # each ScriptModule has a forward of its own
    if isinstance(target, type) and not issubclass(target, torch.jit.ScriptModule):
        forward: Callable[..., object] = getattr(target, "forward")  # noqa: B009 (mypy: any class)
        written = inspect.getattr_static(target, "forward")
        is_method = hasattr(written, "__get__") and not isinstance(
            written, (staticmethod, classmethod)
        )
        return parameters_of(forward, without_self=is_method)
    schema = getattr(target, "_schema", None)
    return _ANY if schema is None else _of_schema(schema)


def _of_schema(schema: torch._C.FunctionSchema) -> Parameters:
    given = [each for each in schema.arguments if not each.is_out]
    defaults = {
        each.name: each.default_value if each.has_default_value() else MISSING for each in given
    }
    return Parameters(
        {each.name: defaults[each.name] for each in given if not each.kwarg_only},
        {each.name: defaults[each.name] for each in given if each.kwarg_only},
    )


def known_parameters(name: str, target: object) -> list[Parameters]:
    """The parameters of a target, as far as they are known before the target runs.

    For an op that exists they are those of each overload; for a class, those of its ``forward``.
    """
    if "::" in name:
        return list(of_overloads(name.partition(".")[0]))
    return [parameters_of_target(target)] if isinstance(target, type) else []


def of_overloads(name: str) -> tuple[Parameters, ...]:
    """The parameters of each overload of an op; none if there is no such op yet."""
    known = _overloads.get(name)
    if known is None:
        known = _read_overloads(name)
        if known and len(_overloads) < 10_000:
            _overloads[name] = known
    return known


def _read_overloads(name: str) -> tuple[Parameters, ...]:
    space, _, op = name.partition("::")
    try:
        packet = getattr(getattr(torch.ops, space), op)
    except (AttributeError, RuntimeError):  # there is no such op
        return ()
    if not isinstance(packet, torch._ops.OpOverloadPacket):
        return ()
    overloads = packet.overloads()  # type: ignore[no-untyped-call]
    return tuple(_of_schema(getattr(packet, overload)._schema) for overload in overloads)
