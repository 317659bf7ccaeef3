"""Settings of the process and the thread that a forward changes."""

import contextvars
import decimal
import gc
import os
import signal
import sys
import warnings

import numpy
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .making import Does, Sample, kind, x

VARIABLE = contextvars.ContextVar("hookcount_kinds", default=1)


THREADS, THRESHOLDS = torch.get_num_threads(), gc.get_threshold()
RECURSION = sys.getrecursionlimit()
ENTERED = []
"""What was entered and not left. It is global, so that no model reaches it."""


def sets(name, step, undo, times=1, **options):
    """A kind whose step changes a setting. ``undo`` puts back the setting that was there."""

    def made():
        return Sample(Does(lambda m, y: step()), (x(),), undo=undo)

    kind(f"setting: {name}", times, **{"own_thread": True, **options})(made)


def left_open(make, *pops):
    """A step that enters a context manager and never leaves it, and the undo."""

    def step():
        manager = make()
        manager.__enter__()
        ENTERED.append(manager)

    def undo():
        while ENTERED:
            manager = ENTERED.pop()
            if still_on(manager):
                manager.__exit__(None, None, None)

    def still_on(manager):
        if isinstance(manager, TorchDispatchMode):
            from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as stack
        elif isinstance(manager, TorchFunctionMode):
            from torch.overrides import _get_current_function_mode_stack as stack
        else:
            return pops[0]()
        return any(each is manager for each in stack())

    return step, undo


class Functions(TorchFunctionMode):
    """Does nothing."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class Dispatches(TorchDispatchMode):
    """Does nothing."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


sets(
    "default dtype",
    lambda: torch.set_default_dtype(torch.float64),
    lambda: torch.set_default_dtype(torch.float32),
)
sets(
    "set_grad_enabled(False)",
    lambda: torch.set_grad_enabled(False) is None,
    lambda: torch.set_grad_enabled(True),
    0,
)
sets("no_grad left open", *left_open(torch.no_grad, lambda: not torch.is_grad_enabled()))
sets(
    "enable_grad inside no_grad left open",
    lambda: torch._C._set_grad_enabled(False),
    lambda: torch._C._set_grad_enabled(True),
)
sets("inference_mode left open", *left_open(torch.inference_mode, torch.is_inference_mode_enabled))
sets(
    "autocast left open",
    *left_open(
        lambda: torch.autocast("cpu", torch.bfloat16), lambda: torch.is_autocast_enabled("cpu")
    ),
)
sets(
    "autocast left open, without its cache",
    *left_open(
        lambda: torch.autocast("cpu", torch.bfloat16, cache_enabled=False),
        lambda: torch.is_autocast_enabled("cpu"),
    ),
)
sets(
    "autocast left open twice",
    lambda: [torch.autocast("cpu", torch.bfloat16).__enter__() for _ in "ab"][2:] or 1,
    lambda: no_autocast(),
)
sets(
    "autocast dtype",
    lambda: torch.set_autocast_dtype("cpu", torch.float16),
    lambda: torch.set_autocast_dtype("cpu", torch.bfloat16),
)
sets(
    "autocast cache",
    lambda: torch.set_autocast_cache_enabled(False),
    lambda: torch.set_autocast_cache_enabled(True),
)
sets(
    "deterministic algorithms",
    lambda: torch.use_deterministic_algorithms(True),
    lambda: torch.use_deterministic_algorithms(False),
)
sets(
    "deterministic algorithms that warn",
    lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    lambda: torch.use_deterministic_algorithms(False),
)
sets(
    "fill_uninitialized_memory",
    lambda: setattr(torch.utils.deterministic, "fill_uninitialized_memory", False),
    lambda: setattr(torch.utils.deterministic, "fill_uninitialized_memory", True),
)
sets(
    "matmul precision",
    lambda: torch.set_float32_matmul_precision("high"),
    lambda: torch.set_float32_matmul_precision("highest"),
)
sets(
    "cudnn.benchmark",
    lambda: setattr(torch.backends.cudnn, "benchmark", True),
    lambda: setattr(torch.backends.cudnn, "benchmark", False),
)
sets(
    "cudnn.deterministic",
    lambda: setattr(torch.backends.cudnn, "deterministic", True),
    lambda: setattr(torch.backends.cudnn, "deterministic", False),
)
sets(
    "cudnn.enabled",
    lambda: setattr(torch.backends.cudnn, "enabled", False),
    lambda: setattr(torch.backends.cudnn, "enabled", True),
)
sets(
    "flash attention",
    lambda: torch.backends.cuda.enable_flash_sdp(False),
    lambda: torch.backends.cuda.enable_flash_sdp(True),
)
sets(
    "default device",
    lambda: torch.set_default_device("cpu"),
    lambda: torch.set_default_device(None),
)
sets(
    "default device meta",
    lambda: torch.set_default_device("meta"),
    lambda: torch.set_default_device(None),
)
sets("a function mode left open", *left_open(Functions))
sets("a dispatch mode left open", *left_open(Dispatches))
sets(
    "two modes left open",
    lambda: [Functions().__enter__(), Dispatches().__enter__()][2:] or 1,
    lambda: no_modes(),
)
sets(
    "anomaly mode",
    lambda: torch.autograd.set_detect_anomaly(True, check_nan=False) is None,
    lambda: torch.autograd.set_detect_anomaly(False),
    0,
)
sets(
    "print options",
    lambda: torch.set_printoptions(precision=2),
    lambda: torch.set_printoptions(profile="default"),
)
sets(
    "number of threads",
    lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    lambda: torch.set_num_threads(THREADS),
)
sets("warn always", lambda: torch.set_warn_always(True), lambda: torch.set_warn_always(False))
sets(
    "autograd's threads",
    lambda: torch.autograd.set_multithreading_enabled(False) is None,
    lambda: torch._C._set_multithreading_enabled(True),
    0,
)
sets("gc.disable", lambda: gc.disable(), gc.enable)
sets("gc.enable while a count has it off", lambda: gc.enable(), gc.enable, leaves_nothing=True)
sets("gc.freeze", lambda: gc.freeze(), gc.unfreeze)
sets(
    "gc.set_threshold",
    lambda: gc.set_threshold(1234, 5, 6),
    lambda: gc.set_threshold(*THRESHOLDS),
)
sets("gc.set_debug", lambda: gc.set_debug(gc.DEBUG_UNCOLLECTABLE), lambda: gc.set_debug(0))
sets(
    "warning filter",
    lambda: warnings.filterwarnings("ignore", message="hookcount kinds"),
    lambda: no_filters(),
)
sets("simplefilter", lambda: warnings.simplefilter("always", ResourceWarning), lambda: no_filters())
sets("catch_warnings left open", *left_open(warnings.catch_warnings, lambda: True))
sets(
    "numpy.seterr",
    lambda: numpy.seterr(divide="raise") is None,
    lambda: numpy.seterr(divide="warn"),
    0,
)
sets(
    "numpy's print options",
    lambda: numpy.set_printoptions(precision=3),
    lambda: numpy.set_printoptions(precision=8),
)
sets(
    "decimal context",
    lambda: setattr(decimal.getcontext(), "prec", 5),
    lambda: setattr(decimal.getcontext(), "prec", 28),
)
sets(
    "recursion limit",
    lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    lambda: sys.setrecursionlimit(RECURSION),
)
sets(
    "environment",
    lambda: os.environ.__setitem__("HOOKCOUNT_KINDS", "1"),
    lambda: os.environ.pop("HOOKCOUNT_KINDS", None),
)
HANDLER = signal.getsignal(signal.SIGINT)
"""A shell that starts a process in the background lets it ignore the signal."""


def takes(number, frame):
    """A handler that does nothing."""


sets(
    "handler of SIGINT",
    lambda: signal.signal(signal.SIGINT, takes) is None,
    lambda: signal.signal(signal.SIGINT, HANDLER),
    0,
    own_thread=False,
)
sets(
    "global forward hook",
    lambda: torch.nn.modules.module.register_module_forward_hook(lambda *_: None) is None,
    lambda: torch.nn.modules.module._global_forward_hooks.clear(),
    0,
)
sets(
    "saved tensors hooks left open",
    *left_open(
        lambda: torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t),
        lambda: top_saved() is not None,
    ),
    leaves_nothing=not hasattr(torch._C._autograd, "_top_saved_tensors_default_hooks"),
)
sets(
    "context variable",
    lambda: (VARIABLE.get(), VARIABLE.set(VARIABLE.get() + 1))[0],
    lambda: VARIABLE.set(1),
)


def top_saved():
    """The innermost hooks on saved tensors, on a torch that can say them."""
    top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    return top(True) if top else None


def no_autocast():
    """Leave autocast on the CPU, however often it was entered."""
    torch.set_autocast_enabled("cpu", False)
    while torch.autocast_increment_nesting() > 1:
        torch.autocast_decrement_nesting()
        torch.autocast_decrement_nesting()
    torch.autocast_decrement_nesting()
    torch.clear_autocast_cache()


def no_modes():
    """Leave the modes of this file."""
    from torch.overrides import _get_current_function_mode_stack as functions
    from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as dispatches

    while any(isinstance(each, Functions) for each in functions()):
        functions()[-1].__exit__(None, None, None)
    while any(isinstance(each, Dispatches) for each in dispatches()):
        dispatches()[-1].__exit__(None, None, None)


def no_filters():
    """Remove the filters of this file."""
    for each in list(warnings.filters):
        ours = each[1] is not None and each[1].pattern == "hookcount kinds"
        if ours or each[:3] == ("always", None, ResourceWarning):
            warnings.filters.remove(each)
