"""``profile``: the MACs and parameters of a model as ultralytics-thop counts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ...conventions.ultralytics import ULTRALYTICS
from ...report import Report
from ...rules.registry import OBSERVED, Registry
from ..counting import in_eval_mode, modules_at, observed, with_layer
from ..initialised import initialised
from ..shared import Handled, checked_hooks_or_none, handler_name, refused
from ..unfused import unfused
from .rules import Rules, hook_for, in_force, layer_of, register_hooks
from .vision import basic_hooks

__all__ = ["default_dtype", "profile", "profile_origin", "register_hooks"]

default_dtype = torch.float64

Layers = dict[str, tuple[float, float, "Layers"]]
"""By the name of a child: its MACs, its parameters and its own children."""


def profile(
    model: nn.Module,
    inputs: Sequence[object],
    custom_ops: Rules | None = None,
    verbose: bool = True,
    ret_layer_info: bool = False,
    report_missing: bool = False,
    stride: int | tuple[int, int] | None = None,
    min_cells: int = 1,
) -> tuple[Any, ...]:
    """``(macs, params)`` of ``model(*inputs)`` in eval mode, as in ultralytics-thop 2.2.3.

    Both are floats. With ``ret_layer_info`` the result is ``(macs, params, layers)``. ``layers``
    has the children of the model in the same form: ``{name: (macs, params, layers)}``. Its MACs are
    those of modules.

    A module counts if its class or a base of it is in the tool's list. Products of functions count
    too, outside of such modules. All parameters count, also those of modules that did not run.

    ``custom_ops`` maps a module class to ``function(module, inputs, out)``. It is for subclasses
    too, except for those to which another function or a rule of the tool is nearer. The function
    adds its count of a call to ``module.total_ops``. It is used instead of the tool's rule. It pays
    for functions in the module and beneath, but not for modules beneath. It is called after the
    run, with a stand-in of the module and with tensors without values. Its count of a call must be
    a whole number. With ``vision.basic_hooks.zero_ops`` or None, functions in the module count as
    without a rule.

    ``stride`` and ``min_cells``: the tool estimates from smaller images. hookcount counts the image
    that is given, so they are only checked.

    ``verbose`` and ``report_missing`` print which class counts by which rule. The second also
    prints the classes without one.

    Raises ``InputError`` for an option without such a value. Raises ``FormulaError`` for a function
    that fails, and the errors of ``hookcount.count``.
    """
    if stride is not None and not ret_layer_info:
        _check_stride(stride, min_cells, inputs)
    counted = _Counted(model, inputs, custom_ops or {})
    if verbose or report_missing:
        counted.print_rules(missing=report_missing)
    found = counted.of_modules() + counted.of_functions(), _params(counted.model)
    return (*found, counted.layers(counted.model)) if ret_layer_info else found


def profile_origin(
    model: nn.Module,
    inputs: Sequence[object],
    custom_ops: Rules | None = None,
    verbose: bool = True,
    report_missing: bool = False,
) -> tuple[float, float]:
    """``(macs, params)`` as in ``profile``, without the products of functions."""
    counted = _Counted(model, inputs, custom_ops or {})
    if verbose or report_missing:
        counted.print_rules(missing=report_missing)
    return counted.of_modules(), _params(counted.model)


class _Counted:
    """The figures of one count, by module."""

    def __init__(self, model: nn.Module, inputs: Sequence[object], rules: Rules) -> None:
        if not isinstance(inputs, Sequence) or isinstance(inputs, str):
            what = f"{type(inputs).__name__} is no sequence of arguments"
            raise refused("profile(inputs=...)", what, "give inputs=(x,)")
        self._rules = in_force(checked_hooks_or_none(rules, "profile(custom_ops=...)"))
        self.model = model = initialised(model, tuple(inputs), {})
        self._paths = modules_at(model)
        layer = layer_of(self._paths.values(), self._rules)
        convention = with_layer(ULTRALYTICS, layer)
        with torch.no_grad(), in_eval_mode(model), unfused(model.modules()):
            self.report: Report = observed(model, tuple(inputs), {}, convention, run="auto")
        self._resolver = convention.resolver(Registry())
        self._figures: dict[int, int] = {}
        self._functions: dict[str, int] = {}
        for record in self.report.records:
            figure = convention.figure(record.ops)
            if record.by == "op" or record.path not in self._paths:
                # the tool has no hook on a module that the forward adds: it sees its functions
                self._functions[record.path] = self._functions.get(record.path, 0) + figure
            else:
                module = id(self._paths[record.path])
                self._figures[module] = self._figures.get(module, 0) + figure

    def of_modules(self) -> float:
        """The MACs of all modules."""
        return float(sum(self._figures.values()))

    def of_functions(self) -> float:
        """The MACs of functions, except those in and beneath modules with a rule."""
        ruled = [path for path, module in self._paths.items() if self._pays(module)]
        total = 0
        for path, figure in self._functions.items():
            if not any(each in ("", path) or path.startswith(f"{each}.") for each in ruled):
                total += figure
        return float(total)

    def _pays(self, module: nn.Module) -> bool:
        """Whether the rule for a module pays for the functions in it and beneath."""
        hook = hook_for(type(module), self._rules)
        return hook is not None and hook is not basic_hooks.zero_ops

    def layers(self, module: nn.Module) -> Layers:
        """The children of a module. One that several modules hold is in the sum of the first."""
        return self._tree(module, set())[1]

    def _tree(self, module: nn.Module, summed: set[int]) -> tuple[float, Layers]:
        macs, layers = float(self._figures.get(id(module), 0)), Layers()
        for name, child in module.named_children():
            own, beneath = self._tree(child, summed)
            layers[name] = own, _params(child), beneath
            if id(child) not in summed:
                summed.add(id(child))
                macs += own
        return macs, layers

    def print_rules(self, *, missing: bool) -> None:
        """Print a line for each class with a rule; with ``missing`` also for each class without."""
        for cls, module in {type(each): each for each in self._paths.values()}.items():
            rule = self._rule(module)
            if rule is not None:
                print(f"[INFO] {cls.__name__}: {rule}")
            elif missing and hook_for(cls, self._rules) is None:
                print(
                    f"[WARN] {cls.__name__}: no rule. What it does itself counts only as functions."
                )

    def _rule(self, module: nn.Module) -> str | None:
        """What the rule for a module says. None without one."""
        entry = self._resolver.module(module)
        if entry is None or entry.price is OBSERVED:
            return None
        price = entry.price
        if isinstance(price, Handled):
            return handler_name(price.handler)
        return (price.__doc__ or "").partition("\n")[0]


def _params(module: nn.Module) -> float:
    return float(sum(each.numel() for each in module.parameters()))


def _check_stride(stride: object, min_cells: object, inputs: Sequence[object]) -> None:
    """Raises ``InputError`` as the tool raises ``ValueError``."""
    pair = stride if isinstance(stride, (tuple, list)) else (stride, stride)
    if len(pair) != 2 or not all(isinstance(each, int) and each > 0 for each in pair):
        fix = "give a positive integer or a pair of them"
        raise refused(f"profile(stride={stride!r})", "this is no stride", fix)
    if not isinstance(min_cells, int) or min_cells < 1:
        fix = "give a positive integer"
        raise refused(f"profile(min_cells={min_cells!r})", "this is no number of cells", fix)
    image = inputs[0] if len(inputs) == 1 else None
    if not isinstance(image, torch.Tensor) or image.ndim != 4:
        what, fix = "a stride is for one image tensor", "give inputs=(image,), of shape N, C, H, W"
        raise refused("profile(stride=...)", what, fix)
