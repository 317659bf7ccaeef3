"""``from hookcount.compat.thop import profile, clever_format`` in place of ``from thop import ...``; thop itself is not needed.

ultralytics-thop is imported by the same name and counts otherwise: that is ``report.under("ultralytics")``.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4))
>>> profile(model, inputs=(torch.zeros(2, 8),), verbose=False)    # 2 * 4 * 8 and 4 for each of 2 * 4 elements; 8 * 4 + 4 + 2 * 4
(96.0, 44.0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..conventions.thop import THOP
from ..core.errors import InputError
from ..core.ops import NOTHING, Ops, flops
from ..observe.places import unwrap
from ..report import Report
from ..rules.registry import Entry, Registry
from .shared import Handled, asked_by_hook, hooks, in_eval_mode, observed, with_layer
from .unfused import unfused

Layers = dict[str, tuple[float, float, Any]]

_FREE = (
    *(nn.ZeroPad2d, nn.Dropout, nn.PixelShuffle, nn.ReLU, nn.ReLU6, nn.LeakyReLU),
    *(
        nn.MaxPool1d,
        nn.MaxPool2d,
        nn.MaxPool3d,
        nn.AdaptiveMaxPool1d,
        nn.AdaptiveMaxPool2d,
        nn.AdaptiveMaxPool3d,
    ),
)
"""What thop has a rule for that says nothing."""

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))

_ask = asked_by_hook("total_ops", lambda: torch.zeros(1, dtype=torch.float64))


def profile(
    model: nn.Module,
    inputs: Sequence[Any],
    custom_ops: Mapping[type[nn.Module], Callable[..., Any]] | None = None,
    verbose: bool = True,
    ret_layer_info: bool = False,
    report_missing: bool = False,
) -> tuple[Any, ...]:
    """``(macs, params)`` of ``model(*inputs)`` in eval mode, floats, as thop 0.1.1 gives them; with ``ret_layer_info`` its layers
    too, as ``{name: (macs, params, layers)}``.

    Modules of the very classes that thop lists count, and so do their parameters, where they ran. Those of attention, of
    embeddings and of the model itself are in neither figure: ``hookcount.count`` has them all. A module with two places in the
    tree counts each call once; thop takes each several times.

    ``custom_ops``: by the very class, ``function(module, inputs, out)``, which adds to ``module.total_ops``. It goes before
    thop's rules and pays for all that is beneath the module, but for a ``Sequential``, a ``ModuleList`` and the model itself. It
    is asked after the run, with a stand-in of the module and tensors without values; what it adds in a call is whole, or it
    raises: rounding would give another figure than thop's.

    ``verbose`` prints the rules that were used. ``report_missing`` prints them too, and the classes that have none, but not such
    as do no work of their own.

    Raises ``InputError`` for ``inputs`` that are no sequence and ``custom_ops`` that are no functions by class, ``FormulaError``
    for a function that fails, and what ``hookcount.count`` raises.
    """
    if not isinstance(inputs, Sequence) or isinstance(inputs, str):
        raise InputError(
            f"profile(inputs=...): {type(inputs).__name__} is no tuple of arguments. To fix it: give inputs=(x,)."
        )
    layer = Registry(name="custom_ops of profile")
    for target, function in hooks(custom_ops or {}, "profile(custom_ops=...)").items():
        layer.register(target, Handled(function, _ask))
    with torch.no_grad(), in_eval_mode(model), unfused(model.modules()):
        report = observed(model, tuple(inputs), {}, with_layer(THOP, layer), run="auto")
    walk = _Walk(unwrap(model), report)
    if verbose or report_missing:
        _tell(walk, missing=report_missing)
    macs, params, layers = walk.sums(walk.model, "")
    return (float(macs), float(params), layers) if ret_layer_info else (float(macs), float(params))


def clever_format(nums: float | Iterable[float], format: str = "%.2f") -> str | tuple[str, ...]:
    """Each number in units of the largest of T, G, M, K that it exceeds, or with a B; of one number alone a text, else a tuple.

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
    """A model as thop sums it up: from the children, and a child that has a rule stands for all beneath it."""

    def __init__(self, model: nn.Module, report: Report) -> None:
        self.model = model
        self.report = report
        self._figure = report.convention.figure
        self._nodes = {node.path: node for node in report.tree}
        self._resolver = report.convention.resolver(Registry())

    def rule(self, module: nn.Module) -> Entry | None:
        return self._resolver.module(module)

    def stands_alone(self, module: nn.Module) -> bool:
        known = type(module) in _FREE or self.rule(module) is not None
        return (
            known
            and module is not self.model
            and not isinstance(module, (nn.Sequential, nn.ModuleList))
        )

    def sums(self, module: nn.Module, path: str) -> tuple[int, int, Layers]:
        """MACs and parameters of a module with what is beneath it, and its layers."""
        macs, params, layers = self._figure(self._nodes[path].own), 0, Layers()
        if self.stands_alone(module):
            ran = self._nodes[path].calls > 0
            return macs, sum(each.numel() for each in module.parameters()) if ran else 0, layers
        for below, child in self.children(module, path):
            found = self.sums(child, below)
            layers[below.rpartition(".")[2]] = (float(found[0]), float(found[1]), found[2])
            macs, params = macs + found[0], params + found[1]
        return macs, params, layers

    def children(self, module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
        """A module that is there under two names is one child; a module within itself is none."""
        for name, child in module.named_children():
            below = f"{path}.{name}" if path else name
            if below in self._nodes:
                yield below, unwrap(child)

    def modules(self, module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
        """A module and those beneath it that count for themselves."""
        yield path, module
        if not self.stands_alone(module):
            for below, child in self.children(module, path):
                yield from self.modules(child, below)


def _tell(walk: _Walk, *, missing: bool) -> None:
    """One line per class of a module that ran."""
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
        said = (
            repr(entry.price)
            if isinstance(entry.price, Handled)
            else (entry.price.__doc__ or "").partition("\n")[0]
        )
        print(f"[INFO] {cls.__name__}: {said}")
    for cls, ops in left_out.items():
        if missing and ops:
            print(
                f"[WARN] {cls.__name__}: no rule. Its own work is left out: {ops.macs:,} MACs, {flops(ops):,} FLOPs in all."
            )
