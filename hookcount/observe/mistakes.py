"""Errors that say what to write, where a forward raised because of how ``count`` was called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ..core.errors import InputError, ModelError, error_text, module_at, said
from ..core.integers import as_int
from ..rules.parameters import Parameters, parameters_of_target
from .module_tree import type_name

_SIZES = frozenset(
    (
        *("input_size", "input_shape", "input_shapes", "input_res", "input_dims", "shape", "size"),
        *("input_data", "inputs", "args", "dummy_input", "example_inputs"),
    )
)
"""Names under which other tools take a model's input."""
_RAISED = (TypeError, AttributeError, KeyError, IndexError, RuntimeError, ValueError)
"""What a forward raises for an argument of another kind. Any other error is passed on."""
_OPTIONS = ("run", "registry")
"""Parameters of ``Counter``."""


def refuse_mistakes(
    model: nn.Module, args: Sequence[object], kwargs: Mapping[str, object], error: Exception
) -> None:
    """Raise ``InputError`` or ``ModelError`` if the arguments explain why the forward raised."""
    refuse_wrappers(model, f"; it raised {said(error)}")
    if type(error) not in _RAISED:
        return
    found = _of_names(model, kwargs)
    if found is None and len(args) == 1 and not kwargs:
        found = _of_one_argument(model, args[0])
    for value in (*args, *kwargs.values()):
        found = found or _of_value(value)
    if found is None:
        return
    what, fix = found
    where = module_at("", type_name(model))
    raise InputError(error_text(where, f"{what}; it raised {said(error)}", fix)) from error


def refuse_wrappers(model: nn.Module, raised: str = "") -> None:
    """Raise ``ModelError`` for a module whose call is a whole prediction with another model.

    It reads files, prepares images and sorts boxes, and it has no forward of its own. If its call
    raised, ``raised`` says what. Then it may have a forward.
    """
    cls = type(model)
    if not callable(getattr(cls, "predict", None)):
        return
    inner = dict(model.named_children()).get("model")
    if inner is None:
        return
    has_forward = cls.forward is not nn.Module.forward
    if cls.__call__ is nn.Module.__call__ or (has_forward and not raised):
        return
    what = f"its call runs a whole prediction, around the model {type_name(inner)}{raised}"
    fix = "count its .model, with the tensor that this model takes"
    raise ModelError(error_text(module_at("", type_name(model)), what, fix))


def _of_names(model: nn.Module, kwargs: Mapping[str, object]) -> tuple[str, str] | None:
    there = _parameters(model)
    for name, value in kwargs.items():
        if there.takes_any_name or name in there:
            continue
        if name in _OPTIONS:
            fix = f"write hookcount.Counter({name}=...).count(model, ...)"
            return f"{name!r} is an option of a Counter and no parameter of the forward", fix
        if name in _SIZES:
            size = _size(value)
            given = "model, x" if size is None else f"model, torch.zeros({size})"
            fix = f"give what the forward takes: hookcount.count({given})"
            return f"the forward has no parameter {name!r}", fix
    return None


def _of_one_argument(model: nn.Module, value: object) -> tuple[str, str] | None:
    there = _parameters(model)
    if isinstance(value, Mapping) and value and all(name in there for name in value):
        what = f"its one argument is a {type(value).__name__} of parameters of the forward"
        return what, "give them by name: hookcount.count(model, **inputs)"
    if (
        type(value) is tuple
        and all(isinstance(item, torch.Tensor) for item in value)
        and 0 < len(value) <= len(there.positional)
    ):
        what = "its one argument is a tuple of tensors"
        return what, "give them one by one: hookcount.count(model, *inputs)"
    return None


def _of_value(value: object) -> tuple[str, str] | None:
    if type(value).__name__ == "ndarray" and type(value).__module__ == "numpy":
        fix = "give a tensor: hookcount.count(model, torch.as_tensor(x))"
        return "an argument is an array of numpy", fix
    size = _size(value)
    if size is None:
        return None
    fix = f"give a tensor of that size: hookcount.count(model, torch.zeros({size}))"
    return f"an argument is the size ({size}), not a tensor", fix


def _size(value: object) -> str | None:
    """The numbers of a size as text. None for anything else."""
    if isinstance(value, (tuple, list)) and len(value) == 1 and _size(value[0]) is not None:
        value = value[0]
    if not isinstance(value, (tuple, list)) or not value:
        return None
    items = list(map(as_int, value))
    return ", ".join(map(str, items)) if all(type(n) is int and n >= 0 for n in items) else None


def _parameters(model: nn.Module) -> Parameters:
    try:
        return parameters_of_target(type(model))
    except AttributeError:  # the class of a scripted module has no forward
        return Parameters(takes_more=True, takes_any_name=True)
