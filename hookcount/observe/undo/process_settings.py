"""The settings that all threads share: how to read them and how to put them back."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch

from .setting import Setting


def _deterministic() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _fills() -> tuple[Callable[[], bool], Callable[[bool], None]]:
    """How to read and write whether memory that is not written yet is filled."""
    return (
        torch._C._get_deterministic_fill_uninitialized_memory,
        torch._C._set_deterministic_fill_uninitialized_memory,
    )


_FLAGS = [
    (owner, name)
    for owner in (*vars(torch.backends).values(), torch.backends.cuda.matmul)
    for cls in type(owner).__mro__
    for name, value in vars(cls).items()
    if isinstance(value, torch.backends.ContextProp)
    # it is read from these newer flags, and raises if they contradict each other
    and not (name == "allow_tf32" and hasattr(cls, "fp32_precision"))
]
"""The flags of torch's backends: their owners and names."""


def _backends() -> list[Any]:
    return [getattr(owner, name) for owner, name in _FLAGS]


def _set_backends(before: list[Any]) -> None:
    for (owner, name), value in zip(_FLAGS, before, strict=True):
        if getattr(owner, name) != value:
            setattr(owner, name, value)


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # the directory is gone
        return None


def _set_directory(before: str | None) -> None:
    if before is not None:
        os.chdir(before)


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


def module_hooks() -> Any:
    """The hooks that act on all modules, without hookcount's own: by the name of their dict."""
    own = _own_hooks()
    return [
        (name, {key: hook for key, hook in value.copy().items() if key not in own})
        for name, value in _module_dicts()
    ]


def _set_module_hooks(before: Any) -> None:
    own, now = _own_hooks(), dict(_module_dicts())
    for name, items in before:
        for key in [key for key in now[name] if key not in items and key not in own]:
            del now[name][key]
        now[name].update(items)


def _own_hooks() -> set[int]:
    """The keys of hookcount's own hooks, which come and go with the counts."""
    package = __name__.partition(".")[0] + "."
    return {
        key
        for _, hooks in _module_dicts()
        for key, hook in hooks.copy().items()
        if str(getattr(hook, "__module__", "")).startswith(package)
    }


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


_OF_SYS = ("stdin", "stdout", "stderr", "excepthook", "displayhook", "unraisablehook")


def _sys() -> list[Any]:
    return [_Same(getattr(sys, name, None)) for name in _OF_SYS]


def _set_sys(before: list[Any]) -> None:
    for name, each in zip(_OF_SYS, before, strict=True):
        setattr(sys, name, each.value)


_REGISTERS = tuple(
    name for name in vars(torch.nn.modules.module) if name.startswith("register_module_")
)
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
        Setting("module hooks", module_hooks, _set_module_hooks),
        Setting("flags of the collector", gc.get_debug, gc.set_debug),
        Setting("switch interval", sys.getswitchinterval, sys.setswitchinterval),
        Setting("streams and hooks of sys", _sys, _set_sys),
        Setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
        Setting("working directory", _directory, _set_directory),
        Setting("environment", lambda: dict(os.environ), _environment),
        Setting("fused attention", _fused_attention, _set_fused_attention),
        Setting("repeated warnings", torch.is_warn_always_enabled, torch.set_warn_always),
        Setting("memory that is not written", *_fills()),
        Setting("print options", lambda: dict(vars(torch._tensor_str.PRINT_OPTS)), _print_options),
        Setting("flags of backends", _backends, _set_backends),
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
    ("gc", "set_threshold"): "thresholds of the collector",
    ("gc", "set_debug"): "flags of the collector",
    ("sys", "setrecursionlimit"): "recursion limit",
    ("sys", "setswitchinterval"): "switch interval",
    ("os", "chdir"): "working directory",
    ("os", "putenv"): "environment",
    ("os", "unsetenv"): "environment",
    ("torch", "set_warn_always"): "repeated warnings",
    ("torch", "set_anomaly_enabled"): "anomaly detection",
    ("torch", "set_printoptions"): "print options",
    ("torch._C", "_set_deterministic_fill_uninitialized_memory"): "memory that is not written",
    **{("torch._C", f"_set_sdp_use_{name}"): "fused attention" for name in _FUSED},
    **{("torch.nn.modules.module", name): "module hooks" for name in _REGISTERS},
}
"""The functions that change a setting of the process: module and name, and the setting."""
