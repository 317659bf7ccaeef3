"""``checked`` decides whether an object is a model that can be counted."""

from __future__ import annotations

from torch import nn
from torch.nn.parameter import is_lazy

from ..core.errors import ModelError, error_text, module_at
from .exported import is_program
from .module_tree import ModuleTree, layers, type_name


def _instead(given: object) -> str:
    """What to give instead of an object that is no model."""
    if isinstance(given, str):
        return (
            f"build the model {given!r} and give that, or run `hookcount {given}` in a shell, "
            "which builds models by name"
        )
    try:
        held = [name for name, each in vars(given).items() if isinstance(each, nn.Module)]
    except Exception:  # it has no attributes, or a __dict__ of its own that raises
        held = []
    if held:
        name = "model" if "model" in held else held[0]
        return f"give the model that it holds, its .{name}"
    return "give the model itself; wrap a function in a module whose forward calls it"


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
    tree = ModuleTree(inner, around)
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
