"""``surroundings``: the settings of the process and of the thread, as plain values."""

import contextlib
import contextvars
import decimal
import gc
import os
import random
import signal
import sys
import threading
import warnings

import numpy
import torch
from torch.nn.modules import module as nn_module
from torch.utils import _python_dispatch

HOOKS = [name for name in vars(nn_module) if name.startswith("_global_") and "hooks" in name]
FLAGS = (
    "cudnn.benchmark", "cudnn.deterministic", "cudnn.enabled", "cudnn.allow_tf32",
    "cuda.matmul.allow_tf32", "cuda.matmul.allow_fp16_reduced_precision_reduction",
    "mkldnn.enabled", "opt_einsum.enabled", "opt_einsum.strategy", "nnpack.enabled",
)  # fmt: skip
"""Flags of ``torch.backends``."""


def surroundings():
    """Everything that a forward can set, and everything that a count changes while it runs."""
    return {**_of_torch(), **_of_python(), **_of_counts()}


def random_state():
    """The states of the global generators."""
    return {
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "Python's generator": repr(random.getstate()),
        "numpy's generator": repr(numpy.random.get_state()),
    }


def _nesting():
    torch.autocast_increment_nesting()
    return torch.autocast_decrement_nesting()


def _flag(name):
    owner = torch.backends
    for part in name.split("."):
        owner = getattr(owner, part, None)
    return owner


def _saved_tensors():
    top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    return top(True) if top else None  # torch 2.6 has none


def _of_torch():
    default = torch._tensor_str.PRINT_OPTS
    devices = ("cpu", "cuda")
    context = torch._GLOBAL_DEVICE_CONTEXT
    return {
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "default dtype": torch.get_default_dtype(),
        "default device": id(getattr(context, "device_context", None)),
        "autocast": [torch.is_autocast_enabled(each) for each in devices],
        "autocast dtype": [torch.get_autocast_dtype(each) for each in devices],
        "autocast cache": torch.is_autocast_cache_enabled(),
        "autocast nesting": _nesting(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "deterministic warns": torch.is_deterministic_algorithms_warn_only_enabled(),
        "fills": torch.utils.deterministic.fill_uninitialized_memory,
        "matmul precision": torch.get_float32_matmul_precision(),
        "flags": {name: _flag(name) for name in FLAGS},
        "fused attention": [
            torch.backends.cuda.flash_sdp_enabled(),
            torch.backends.cuda.mem_efficient_sdp_enabled(),
            torch.backends.cuda.math_sdp_enabled(),
        ],
        "anomaly": (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        "print options": vars(default).copy(),
        "threads": torch.get_num_threads(),
        "warn always": torch.is_warn_always_enabled(),
        "autograd threads": torch.autograd.is_multithreading_enabled(),
        "dispatch modes": list(map(id, _python_dispatch._get_current_dispatch_mode_stack())),
        "function modes": list(map(id, torch.overrides._get_current_function_mode_stack())),
        "saved tensors": _saved_tensors(),
        "hooks": {
            name: list(hooks) if hasattr(hooks := getattr(nn_module, name), "keys") else hooks
            for name in HOOKS
        },
    }


def _of_python():
    return {
        "collector": gc.isenabled(),
        "thresholds": gc.get_threshold(),
        "frozen": gc.get_freeze_count() > 0,
        "collector's flags": gc.get_debug(),
        "collector's callbacks": list(map(id, gc.callbacks)),
        "warning filters": (id(warnings.filters), list(warnings.filters)),
        "showwarning": id(warnings.showwarning),
        "numpy's errors": numpy.geterr(),
        "numpy's print options": repr(numpy.get_printoptions()),
        "decimal": repr(decimal.getcontext()),
        "context": {
            variable.name: value
            for variable, value in contextvars.copy_context().items()
            if variable.name == "hookcount_kinds"  # torch sets some of its own
        },
        "trace": (sys.gettrace(), sys.getprofile(), threading._trace_hook, threading._profile_hook),
        "recursion": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "excepthook": (id(sys.excepthook), id(sys.displayhook)),
        "streams": (id(sys.stdout), id(sys.stderr)),
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "interrupt": signal.getsignal(signal.SIGINT),
    }


def _of_counts():
    from hookcount.observe.observer import observers_here
    from hookcount.observe.patches import in_use

    eval_frame = sys.modules.get("torch._dynamo.eval_frame")
    return {
        "observers": len(observers_here()),
        "patches": in_use(),
        "autocast.__init__": id(torch.autocast.__init__),
        "autocast.__enter__": id(torch.autocast.__enter__),
        "stance": repr(eval_frame._stance.stance) if eval_frame else "default",
        "module call": (id(torch.nn.Module.__call__), id(torch.nn.Module._call_impl)),
        "attention": id(torch.nn.functional.scaled_dot_product_attention),
    }


@contextlib.contextmanager
def put_back():
    """Put the settings back after the block, as far as that can be done, also those that leaked.

    So a test that fails does not make the next ones fail.
    """
    filters, thresholds = list(warnings.filters), gc.get_threshold()
    handler, environment = signal.getsignal(signal.SIGINT), dict(os.environ)
    hooks = {
        name: dict(value) for name in HOOKS if hasattr(value := getattr(nn_module, name), "keys")
    }
    numpys, prints = numpy.geterr(), dict(vars(torch._tensor_str.PRINT_OPTS))
    threads, limit = torch.get_num_threads(), sys.getrecursionlimit()
    modes = torch._C._len_torch_dispatch_stack(), torch._C._len_torch_function_stack()
    try:
        yield
    finally:
        torch.set_default_device(None)
        while torch._C._len_torch_dispatch_stack() > modes[0]:
            _python_dispatch._pop_mode()
        while torch._C._len_torch_function_stack() > modes[1]:
            torch.overrides._pop_mode()
        torch.set_grad_enabled(True)
        torch._C._set_multithreading_enabled(True)
        torch.set_default_dtype(torch.float32)
        torch.set_autocast_enabled("cpu", False)
        torch.set_autocast_dtype("cpu", torch.bfloat16)
        torch.set_autocast_cache_enabled(True)
        while _nesting() > 0:
            torch.autocast_decrement_nesting()
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = True
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.benchmark = torch.backends.cudnn.deterministic = False
        torch.backends.cudnn.enabled = True
        torch.backends.cuda.enable_flash_sdp(True)
        torch.autograd.set_detect_anomaly(False)
        vars(torch._tensor_str.PRINT_OPTS).update(prints)
        torch.set_num_threads(threads)
        torch.set_warn_always(False)
        while _saved_tensors() is not None:
            torch._C._autograd._pop_saved_tensors_default_hooks()
        for name, before in hooks.items():
            getattr(nn_module, name).clear()
            getattr(nn_module, name).update(before)
        warnings.filters[:] = filters
        gc.set_threshold(*thresholds)
        gc.set_debug(0)
        gc.unfreeze()
        gc.enable()
        numpy.seterr(**numpys)
        numpy.set_printoptions(precision=8)
        decimal.getcontext().prec = 28
        sys.setrecursionlimit(limit)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        os.environ.clear()
        os.environ.update(environment)
