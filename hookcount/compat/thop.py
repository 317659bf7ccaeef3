"""``from hookcount.compat.thop import profile, clever_format`` replaces ``from thop import ...``.

thop itself is not needed. ultralytics-thop has the same import name and counts in another way. For
its figures use ``report.under("ultralytics")``.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4))
>>> profile(model, inputs=(torch.zeros(2, 8),), verbose=False)
(96.0, 44.0)

The MACs are 2 * 4 * 8, and 4 for each of 2 * 4 elements. The parameters are 8 * 4 + 4 and 2 * 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..conventions.thop import THOP
from ..core.ops import NOTHING, Ops, flops
from ..observe.module_tree import unwrap
from ..report import Report
from ..rules.registry import Entry, Registry
from .counting import in_eval_mode, observed, with_layer
from .initialised import initialised
from .shared import Handled, Handler, checked_hooks, invoked_as_hook, refused
from .unfused import unfused

Layers = dict[str, tuple[float, float, "Layers"]]
"""By the name of a child: its MACs, its parameters and its own children."""

_FREE = frozenset(
    (
        *(nn.ZeroPad2d, nn.Dropout, nn.PixelShuffle, nn.ReLU, nn.ReLU6, nn.LeakyReLU),
        *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
        *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    )
)
"""The classes for which thop has a rule that counts nothing."""

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))

_invoke = invoked_as_hook("total_ops", lambda: torch.zeros(1, dtype=torch.float64))


def profile(
    model: nn.Module,
    inputs: Sequence[object],
    custom_ops: Mapping[type[nn.Module], Handler] | None = None,
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
    once. thop counts each call several times.

    ``custom_ops`` maps a module class, not its subclasses, to ``function(module, inputs, out)``.
    The function adds its count of a call to ``module.total_ops``. It is used instead of thop's
    rules. It pays for all submodules too, except in a ``Sequential``, a ``ModuleList`` and the
    model itself. It is called after the run, with a stand-in of the module and with tensors without
    values. Its count of a call must be a whole number, because any rounding would differ from thop.

    ``verbose`` prints the rules that were used. ``report_missing`` prints these too. It also prints
    the classes without a rule whose modules do work of their own.

    Raises ``InputError`` if ``inputs`` is no sequence, or if ``custom_ops`` does not map classes to
    functions. Raises ``FormulaError`` for a function that fails, and the errors of
    ``hookcount.count``.
    """
    if not isinstance(inputs, Sequence) or isinstance(inputs, str):
        what = f"{type(inputs).__name__} is no tuple of arguments"
        raise refused("profile(inputs=...)", what, "give inputs=(x,)")
    layer = Registry(name="custom_ops of profile")
    for target, function in checked_hooks(custom_ops or {}, "profile(custom_ops=...)").items():
        layer.register(target, Handled(function, _invoke))
    model = initialised(model, tuple(inputs), {})
    with torch.no_grad(), in_eval_mode(model), unfused(model.modules()):
        report = observed(model, tuple(inputs), {}, with_layer(THOP, layer), run="auto")
    walk = _Walk(unwrap(model), report)
    if verbose or report_missing:
        _print_rules(walk, missing=report_missing)
    macs, params, layers = walk.sums(walk.model, "")
    return (float(macs), float(params), layers) if ret_layer_info else (float(macs), float(params))


def clever_format(nums: float | Iterable[float], format: str = "%.2f") -> str | tuple[str, ...]:
    """Each number in the largest of the units T, G, M and K that it exceeds, else with a ``B``.

    The result is a text for one number, and a tuple of texts for several.

    >>> clever_format(4133742592.0), clever_format([25557032, 1000], "%.3f")
    ('4.13G', ('25.557M', '1000.000B'))
    """
    texts = [_short(number, format) for number in (nums if isinstance(nums, Iterable) else (nums,))]
    return texts[0] if len(texts) == 1 else tuple(texts)


def _short(number: float, format: str) -> str:
    for step, name in _STEPS:
        if number > step:
            return format % (number / step) + name
    return format % number + "B"


class _Walk:
    """The sums of thop over a model. A module with a rule counts with its whole subtree.

    Any other module counts as the sum of its children.
    """

    def __init__(self, model: nn.Module, report: Report) -> None:
        self.model = model
        self.report = report
        self._figure = report.convention.figure
        self._nodes = {node.path: node for node in report.tree}
        self._resolver = report.convention.resolver(Registry())

    def rule(self, module: nn.Module) -> Entry | None:
        """The entry for a module's class, of ``custom_ops`` or of thop."""
        return self._resolver.module(module)

    def counts_whole(self, module: nn.Module) -> bool:
        """Whether the rule for a module counts its whole subtree."""
        if module is self.model or isinstance(module, (nn.Sequential, nn.ModuleList)):
            return False
        return type(module) in _FREE or self.rule(module) is not None

    def sums(self, module: nn.Module, path: str) -> tuple[int, int, Layers]:
        """MACs and parameters of a module with its submodules, and its layers."""
        macs, params, layers = self._figure(self._nodes[path].own), 0, Layers()
        if self.counts_whole(module):
            ran = self._nodes[path].calls > 0
            return macs, sum(each.numel() for each in module.parameters()) if ran else 0, layers
        for below, child in self.children(module, path):
            found = self.sums(child, below)
            layers[below.rpartition(".")[2]] = (float(found[0]), float(found[1]), found[2])
            macs, params = macs + found[0], params + found[1]
        return macs, params, layers

    def children(self, module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
        """The paths and modules of the children. A child with two names appears once.

        A module that contains itself does not appear again.
        """
        for name, child in module.named_children():
            below = f"{path}.{name}" if path else name
            if below in self._nodes:
                yield below, unwrap(child)

    def modules(self, module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
        """A module and its submodules, down to the modules that count whole."""
        yield path, module
        if not self.counts_whole(module):
            for below, child in self.children(module, path):
                yield from self.modules(child, below)


def _print_rules(walk: _Walk, *, missing: bool) -> None:
    """Print one line per class with a rule; with ``missing`` also per class without one."""
    whole = {node.path: node.own for node in walk.report.under("default").tree}
    ruled: dict[type, Entry] = {}
    left_out: dict[type, Ops] = {}
    for path, module in walk.modules(walk.model):
        entry = walk.rule(module)
        if entry is not None:
            ruled[type(module)] = entry
        elif type(module) not in _FREE:
            left_out[type(module)] = left_out.get(type(module), NOTHING) + whole[path]
    for cls, entry in ruled.items():
        first_line, _, _ = (entry.price.__doc__ or "").partition("\n")
        rule = repr(entry.price) if isinstance(entry.price, Handled) else first_line
        print(f"[INFO] {cls.__name__}: {rule}")
    for cls, ops in left_out.items():
        if missing and ops:
            figures = f"{ops.macs:,} MACs, {flops(ops):,} FLOPs in all"
            print(f"[WARN] {cls.__name__}: no rule. Its own work is left out: {figures}.")
