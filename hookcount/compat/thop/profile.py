"""``profile``: the MACs and parameters of a model as thop counts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...conventions.thop import THOP
from ...core.ops import NOTHING, Ops, flops
from ...observe.model import checked
from ...observe.module_tree import wrapped_as
from ...report import Report
from ...rules.registry import OBSERVED, Entry, Registry
from ..counting import in_eval_mode, observed, with_layer
from ..hook_table import HookTable
from ..initialised import initialised
from ..shared import Handled, Handler, checked_hooks_or_none, invoked_as_hook, refused
from ..unfused import unfused
from . import rnn_hooks
from .vision import basic_hooks

Layers = dict[str, tuple[float, float, "Layers"]]
"""By the name of a child: its MACs, its parameters and its own children."""

Rules = Mapping[type[nn.Module], Handler | None]

default_dtype = torch.float64
"""The dtype in which thop adds up."""

register_hooks: dict[type[nn.Module], Handler] = {
    **dict.fromkeys(
        (
            *(nn.ZeroPad2d, nn.Dropout, nn.PixelShuffle, nn.Sequential, nn.ReLU, nn.ReLU6),
            *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
            *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
        ),
        basic_hooks.zero_ops,
    ),
    **dict.fromkeys(
        (
            *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
            *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
        ),
        basic_hooks.count_convNd,
    ),
    **dict.fromkeys(
        (
            *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.LayerNorm),
            *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
        ),
        basic_hooks.count_normalization,
    ),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), basic_hooks.count_avgpool),
    **dict.fromkeys(
        (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
        basic_hooks.count_adap_avgpool,
    ),
    **dict.fromkeys(
        (nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d), basic_hooks.count_upsample
    ),
    nn.LeakyReLU: basic_hooks.count_relu,
    nn.PReLU: basic_hooks.count_prelu,
    nn.Softmax: basic_hooks.count_softmax,
    nn.Linear: basic_hooks.count_linear,
    nn.RNNCell: rnn_hooks.count_rnn_cell,
    nn.GRUCell: rnn_hooks.count_gru_cell,
    nn.LSTMCell: rnn_hooks.count_lstm_cell,
    nn.RNN: rnn_hooks.count_rnn,
    nn.GRU: rnn_hooks.count_gru,
    nn.LSTM: rnn_hooks.count_lstm,
}
"""thop's hook for each class that it lists. ``profile`` goes by what is here when it is called."""

_TABLE = HookTable("register_hooks", register_hooks)
_NOTHING = (basic_hooks.zero_ops, basic_hooks.count_relu)
"""The hooks that count nothing."""

_invoke = invoked_as_hook(
    "total_ops", lambda: torch.zeros(1, dtype=torch.float64), others=["total_params"]
)


def profile(
    model: nn.Module,
    inputs: Sequence[object],
    custom_ops: Rules | None = None,
    verbose: bool = True,
    ret_layer_info: bool = False,
    report_missing: bool = False,
) -> tuple[Any, ...]:
    """``(macs, params)`` of ``model(*inputs)`` in eval mode, as floats, as in thop 0.1.1.

    With ``ret_layer_info`` the result is ``(macs, params, layers)``. ``layers`` has the children of
    the model in the same form: ``{name: (macs, params, layers)}``.

    A module counts if its class is in thop's list; a subclass does not. Its parameters count if
    it ran. The parameters of attention, of embeddings and of the model itself are in neither
    figure; ``hookcount.count`` has them all. A module with two places in the tree counts each call
    once, and its parameters at each place. thop counts each call several times.

    ``custom_ops`` maps a module class, not its subclasses, to ``function(module, inputs, out)``, or
    to None for a class without a rule.
    The function adds its count of a call to ``module.total_ops``. As in thop, what it does to
    ``module.total_params`` changes nothing. It is used instead of thop's rules. It pays for all
    submodules too, except in a ``Sequential``, a ``ModuleList`` and the model itself. It is called
    after the run, with a stand-in of the module and with tensors without values. Its count of a
    call must be a whole number, because any rounding would differ from thop.

    ``verbose`` prints the rules that were used. ``report_missing`` prints these too. It also prints
    the classes without a rule whose modules do work of their own.

    Raises ``InputError`` if ``inputs`` is no sequence, or if ``custom_ops`` does not map classes to
    functions. Raises ``FormulaError`` for a function that fails, and the errors of
    ``hookcount.count``.
    """
    walk = _walked(model, inputs, custom_ops, "profile")
    if verbose or report_missing:
        _print_rules(walk, missing=report_missing)
    macs, params, layers = walk.sums(walk.model, "")
    return (float(macs), float(params), layers) if ret_layer_info else (float(macs), float(params))


def profile_origin(
    model: nn.Module,
    inputs: Sequence[object],
    custom_ops: Rules | None = None,
    verbose: bool = True,
    report_missing: bool = False,
) -> tuple[float, float]:
    """``(macs, params)`` of the modules without children, as thop's older function counts them.

    The parameters of such a module count also if it has no rule, or did not run. All else is as in
    ``profile``. In thop, ``custom_ops`` can change the parameters here. In hookcount it cannot.
    """
    walk = _walked(model, inputs, custom_ops, "profile_origin")
    if verbose or report_missing:
        _print_rules(walk, missing=report_missing)
    leaves = {path: each for path, each in checked(walk.model).walked if not each._modules}
    params = sum(
        parameter.numel()
        for module in {id(each): each for each in leaves.values()}.values()
        for parameter in module.parameters()
    )
    return float(sum(map(walk.macs, leaves))), float(params)


def _walked(
    model: nn.Module,
    inputs: object,
    custom_ops: Rules | None,
    function: str,
) -> _Walk:
    """A run of a model in eval mode. ``function`` is the name in the messages of errors."""
    if not isinstance(inputs, Sequence) or isinstance(inputs, str):
        what = f"{type(inputs).__name__} is no tuple of arguments"
        raise refused(f"{function}(inputs=...)", what, "give inputs=(x,)")
    given = checked_hooks_or_none(custom_ops or {}, f"{function}(custom_ops=...)")
    model = initialised(model, tuple(inputs), {})
    with torch.no_grad(), in_eval_mode(model), unfused(model.modules()):
        report = observed(model, tuple(inputs), {}, with_layer(THOP, _layer(given)), run="auto")
    return _Walk(model, report)


def _layer(given: Rules) -> Registry:
    """The rules that differ from those of thop: from ``custom_ops``, and in ``register_hooks``."""
    layer = Registry(name="custom_ops of profile")
    added, removed = _TABLE.changes()
    for target, function in {**added, **given}.items():
        layer.register(target, OBSERVED if function is None else Handled(function, _invoke))
    for target in removed - given.keys():
        layer.register(target, OBSERVED)
    return layer


class _Walk:
    """The sums of thop over a model. A module with a rule counts with its whole subtree.

    Any other module counts as the sum of its children.
    """

    def __init__(self, model: nn.Module, report: Report) -> None:
        self.model = model
        self.report = report
        self._figure = report.convention.figure
        self._nodes = {node.path: node for node in report.tree}
        walked = checked(model).walked
        self._ran = {id(module) for path, module in walked if self._nodes[path].calls}
        self._resolver = report.convention.resolver(Registry())

    def rule(self, module: nn.Module) -> Entry | None:
        """The entry for a module's class, of ``custom_ops`` or of thop."""
        entry = self._resolver.module(module)
        return None if entry is None or entry.price is OBSERVED else entry

    def counts_whole(self, module: nn.Module) -> bool:
        """Whether the rule for a module counts its whole subtree."""
        if module is self.model or isinstance(module, (nn.Sequential, nn.ModuleList)):
            return False
        return _is_free(module) or self.rule(module) is not None

    def macs(self, path: str) -> int:
        """The MACs of the module at a path, without its submodules."""
        return self._figure(self._nodes[path].own)

    def sums(self, module: nn.Module, path: str) -> tuple[int, int, Layers]:
        """MACs and parameters of a module with its submodules, and its layers."""
        macs = 0 if wrapped_as(type(module)) else self.macs(path)
        params, layers = 0, Layers()
        if self.counts_whole(module):
            ran = id(module) in self._ran
            return macs, sum(each.numel() for each in module.parameters()) if ran else 0, layers
        for name, below, child in self.children(module, path):
            found = self.sums(child, below)
            layers[name] = (float(found[0]), float(found[1]), found[2])
            macs, params = macs + found[0], params + found[1]
        return macs, params, layers

    def children(self, module: nn.Module, path: str) -> Iterator[tuple[str, str, nn.Module]]:
        """The names, paths and modules of the children. A child with two names appears once.

        A module in a wrapper such as ``DataParallel`` has the path of the wrapper. A module that
        contains itself does not appear again.
        """
        if attribute := wrapped_as(type(module)):
            yield attribute, path, getattr(module, attribute)
            return
        for name, child in module.named_children():
            below = f"{path}.{name}" if path else name
            if below in self._nodes:
                yield name, below, child

    def modules(self, module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
        """A module and its submodules, down to the modules that count whole."""
        yield path, module
        if not self.counts_whole(module):
            for _, below, child in self.children(module, path):
                yield from self.modules(child, below)


def _is_free(module: nn.Module) -> bool:
    """Whether thop has a rule for a module's class that counts nothing. It lists ``Sequential``,
    whose modules it counts."""
    return type(module) is not nn.Sequential and register_hooks.get(type(module)) in _NOTHING


def _print_rules(walk: _Walk, *, missing: bool) -> None:
    """Print one line per class with a rule; with ``missing`` also per class without one."""
    whole = {node.path: node.own for node in walk.report.under("default").tree}
    ruled: dict[type, Entry] = {}
    left_out: dict[type, Ops] = {}
    for path, module in walk.modules(walk.model):
        entry = walk.rule(module)
        if entry is not None:
            ruled[type(module)] = entry
        elif not _is_free(module):
            left_out[type(module)] = left_out.get(type(module), NOTHING) + whole[path]
    for cls, entry in ruled.items():
        first_line, _, _ = (entry.price.__doc__ or "").partition("\n")
        rule = repr(entry.price) if isinstance(entry.price, Handled) else first_line
        print(f"[INFO] {cls.__name__}: {rule}")
    for cls, ops in left_out.items():
        if missing and ops:
            figures = f"{ops.macs:,} MACs, {flops(ops):,} FLOPs in all"
            print(f"[WARN] {cls.__name__}: no rule. Its own work is left out: {figures}.")
