"""The settings that all threads share: how to read them and how to put them back."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from typing import Any

import torch

from .setting import Setting


def _deterministic() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _attribute(owner: Any, name: str) -> Setting:
    return Setting(
        f"{type(owner).__name__}.{name}",
        lambda: getattr(owner, name),
        lambda value: setattr(owner, name, value),
    )


def _warning_filters() -> Any:
    """The list of filters, what is in it, and the function that shows a warning."""
    show = (warnings.showwarning, warnings._showwarnmsg_impl)  # type: ignore[attr-defined]
    return _Same(warnings.filters), list(warnings.filters), show


def _filters(before: Any) -> None:
    own, items, show = before
    warnings.filters = own.value
    warnings.filters[:] = items  # type: ignore[index]
    warnings.showwarning, warnings._showwarnmsg_impl = show  # type: ignore[attr-defined]
    warnings._filters_mutated()  # type: ignore[attr-defined]


class _Same:
    """Equal only if the value is the same object."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    __hash__ = None  # type: ignore[assignment]


def _environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _module_hooks() -> Any:
    """The hooks that act on all modules."""
    return [(name, dict(value)) for name, value in _module_dicts()]


def _set_module_hooks(before: Any) -> None:
    now = dict(_module_dicts())
    for name, items in before:
        now[name].clear()
        now[name].update(items)


def _module_dicts() -> list[tuple[str, dict[Any, Any]]]:
    return [
        (name, value)
        for name, value in vars(torch.nn.modules.module).items()
        if name.startswith("_global_") and isinstance(value, dict)
    ]


def _fused_attention() -> tuple[bool, ...]:
    return tuple(getattr(torch._C, f"_get_{name}_sdp_enabled")() for name in _FUSED)


def _set_fused_attention(on: tuple[bool, ...]) -> None:
    for name, each in zip(_FUSED, on, strict=True):
        getattr(torch._C, f"_set_sdp_use_{name}")(each)


_FUSED = ("flash", "mem_efficient", "math", "cudnn")


def _print_options(before: dict[str, Any]) -> None:
    vars(torch._tensor_str.PRINT_OPTS).update(before)


PROCESS: dict[str, Setting] = {
    each.name: each
    for each in (
        Setting("default dtype", torch.get_default_dtype, torch.set_default_dtype),
        Setting(
            "deterministic algorithms",
            _deterministic,
            lambda on: torch.use_deterministic_algorithms(on[0], warn_only=on[1]),
        ),
        Setting(
            "float32 matmul precision",
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
        ),
        Setting(
            "anomaly detection",
            lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
            lambda on: torch.set_anomaly_enabled(*on),
        ),
        Setting("warning filters", _warning_filters, _filters),
        Setting(
            "thresholds of the collector", gc.get_threshold, lambda three: gc.set_threshold(*three)
        ),
        Setting("collector", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
        Setting("module hooks", _module_hooks, _set_module_hooks),
        Setting("flags of the collector", gc.get_debug, gc.set_debug),
        Setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
        Setting("environment", lambda: dict(os.environ), _environment),
        Setting("fused attention", _fused_attention, _set_fused_attention),
        Setting("repeated warnings", torch.is_warn_always_enabled, torch.set_warn_always),
        _attribute(torch.utils.deterministic, "fill_uninitialized_memory"),
        Setting("print options", lambda: dict(vars(torch._tensor_str.PRINT_OPTS)), _print_options),
        *(
            _attribute(torch.backends.cudnn, name)
            for name in ("enabled", "benchmark", "deterministic")
        ),
    )
}
"""The settings that all threads share."""

SETTERS: dict[tuple[str, str], str] = {
    ("torch", "set_default_dtype"): "default dtype",
    ("torch", "use_deterministic_algorithms"): "deterministic algorithms",
    ("torch", "set_float32_matmul_precision"): "float32 matmul precision",
    ("warnings", "simplefilter"): "warning filters",
    ("warnings", "filterwarnings"): "warning filters",
    ("warnings", "resetwarnings"): "warning filters",
}
"""The functions that change a setting of the process: module and name, and the setting."""
