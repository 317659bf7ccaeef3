"""Traces made by hand: no model runs."""

import torch
from torch import nn

from hookcount.core.trace import Call, ModuleRun, OpRun, Place, Spec, TensorFact, Trace

aten = torch.ops.aten


def spec(*shape, dtype=torch.float32, sparse=False):
    arithmetic = dtype.is_floating_point or dtype.is_complex
    return Spec(torch.Size(shape), dtype, dtype.itemsize, arithmetic, sparse)


X = spec(2, 3)
"""The input and output of every call that is not given others."""


def op(target=aten.relu.default, *args, out=X, claimable=True, times=1, line="", called=""):
    return OpRun(Call(target, args or (X,), {}, out), claimable, times, line, called)


def call_of(module, *args, out=X):
    return Call(type(module), args or (X,), {}, out, module)


def run(path="", module=None, ops=(), *, parent=None, phase="forward", call=True, unseen=None):
    """A run of a module; of a plain one, if none is given. ``call``: None if the forward raised."""
    module = nn.Module() if module is None else module
    made = call_of(module) if call is True else call
    name = type(module).__name__
    return ModuleRun(path, name, parent, phase, made, tuple(ops), unseen)


def fact(key, elements=1, *, name="weight", trainable=True, is_buffer=False):
    return TensorFact(key, name, elements, 4 * elements, "float32", trainable, is_buffer)


def place(path, *tensors, key=None, type_="Module", leaf=True):
    return Place(path, type_, hash(path) if key is None else key, tensors, leaf)


def trace(*runs, outside=(), places=None):
    """A trace of these runs; ``places`` are those of the paths that ran, if none are given."""
    if places is None:
        paths = dict.fromkeys(["", *(each.path for each in runs)])
        places = tuple(place(path) for path in paths)
    return Trace(tuple(places), runs, tuple(outside), "real")
