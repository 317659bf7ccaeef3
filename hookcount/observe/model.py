"""``checked`` decides whether an object is a model that can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from types import MethodType

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..core.errors import ModelError, error_text, module_at
from .exported import is_program
from .gate import reading
from .module_tree import ModuleTree, layers, type_name


def _instead(given: object) -> str:
    """What to give instead of an object that is no model."""
    if isinstance(given, str):
        return (
            f"build the model {given!r} and give that, or run `hookcount {given}` in a shell, "
            "which builds models by name"
        )
    if isinstance(given, Mapping):
        return _instead_of_a_mapping(given)
    try:
        held = [name for name, each in vars(given).items() if isinstance(each, nn.Module)]
    except Exception:  # it has no attributes, or a __dict__ of its own that raises
        held = []
    if isinstance(given, MethodType) and isinstance(given.__self__, nn.Module):
        return f"give the model itself, not its method {given.__name__}"
    if held:
        name = "model" if "model" in held else held[0]
        return f"give the model that it holds, its .{name}"
    return (
        "give the model itself; call a function that builds it, and wrap another function in a "
        "module whose forward calls it"
        if callable(given)
        else "give the model itself"
    )


def _instead_of_a_mapping(given: Mapping[object, object]) -> str:
    """What to give instead of the contents of a file of weights."""
    held = [name for name, each in given.items() if isinstance(each, nn.Module)]
    if held:
        return f"give the model that it holds, its [{held[0]!r}]"
    inner = [each for each in given.values() if isinstance(each, Mapping)]
    if any(isinstance(each, torch.Tensor) for of in (given, *inner) for each in of.values()):
        return "build the model in code and give that; these are weights, which have no forward"
    return "give the model itself"


def checked(model: object) -> ModuleTree:
    """The module tree of a model to count. Wrappers around the model are removed first.

    Raises ``ModelError`` if ``model`` is no ``nn.Module``, or if it has lazy parameters.
    """
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise ModelError(
            f"{model.__name__} is a class, not a model. "
            f"To fix it: give an instance, {model.__name__}(...)."
        )
    if not isinstance(model, nn.Module):
        if is_program(model):
            raise ModelError(
                "an ExportedProgram makes a new module each time. "
                "To fix it: make one with program.module(), give that, and run that."
            )
        raise ModelError(
            f"cannot count {type(model).__name__}: not an nn.Module. To fix it: {_instead(model)}."
        )
    *around, inner = layers(model)

    def read() -> ModuleTree:
        tree = ModuleTree(inner, around)
        tree.parameters, tree.buffers  # noqa: B018 (they are read once, here)
        return tree

    tree = reading(inner, read)
    if any(map(is_lazy, (*tree.parameters, *tree.buffers))):
        path, module, name = next(
            (path, module, name)
            for path, module in tree.walked
            for name, tensor in (*module._parameters.items(), *module._buffers.items())
            if tensor is not None and is_lazy(tensor)
        )
        raise ModelError(
            error_text(
                module_at(path, type_name(module)),
                f"its {name!r} is a lazy parameter that has no shape yet",
                "run the model once on real inputs, then count it",
            )
        )
    return tree
