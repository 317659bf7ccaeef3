"""``CalFlopsPipline``: the figures of a part of a user's program. The name is calflops' own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from ...conventions.calflops import CALFLOPS, CALFLOPS_FLOPS
from ...rules.registry import Registry
from ..profiled import ignoring, macs_to_string, number_to_string, params_to_string, profiled
from ..watched import Watched
from .layers import Layers, Text, layers_of

_WHERE = "CalFlopsPipline"


class CalFlopsPipline:
    """Counts the forwards of a model between ``start_flops_calculate`` and ``end_flops_calculate``.

    The program runs for real, as without it. Figures may be read before the end, which drops them.
    ``compute_bp_factor``: what a backward pass costs, in forwards. Only the text has it.
    ``include_backPropagation`` changes nothing, as in the tool. Raises ``ModelError`` as
    ``hookcount.count`` does.

    >>> import torch
    >>> model = nn.Linear(8, 4)
    >>> pipline = CalFlopsPipline(model, include_backPropagation=False, compute_bp_factor=2.0)
    >>> pipline.start_flops_calculate()
    >>> out = model(torch.zeros(2, 8))
    >>> pipline.get_total_flops(), pipline.get_total_macs(as_string=True)
    (128, '64 MACs')
    >>> pipline.end_flops_calculate()
    """

    def __init__(
        self, model: nn.Module, include_backPropagation: bool, compute_bp_factor: float
    ) -> None:
        self._watched = Watched(model, CALFLOPS)
        self.model = model
        self.include_backPropagation = include_backPropagation
        self.compute_bp_factor = compute_bp_factor
        self.pipline_started = False
        self._ignored: tuple[type[nn.Module], ...] = ()
        self._layer = Registry(name="ignore_modules")

    def start_flops_calculate(self, ignore_list: Iterable[type[nn.Module]] | None = None) -> None:
        """Begin to count. ``ignore_list``: the ``ignore_modules`` of ``calculate_flops``."""
        ignored = tuple(ignore_list or ())
        where = f"{_WHERE}.start_flops_calculate(ignore_list=...)"
        self._layer, self._ignored = ignoring(self.model, ignored, where), ignored
        self._watched.start()
        self.pipline_started = True

    def stop_flops_calculate(self) -> None:
        """Stop counting. The figures stay."""
        self._watched.stop()

    def reset_flops_calculate(self) -> None:
        """Forget what was counted. A running count goes on from zero."""
        self._watched.reset()

    def end_flops_calculate(self) -> None:
        """Stop, and drop the figures."""
        self._watched.end()
        self.pipline_started = False

    def get_total_flops(self, as_string: bool = False) -> Any:
        """The FLOPs so far, as in calflops: an int, or a text."""
        flops = self._layers("get_total_flops").totals[0]
        return number_to_string(flops) if as_string else flops

    def get_total_macs(self, as_string: bool = False) -> Any:
        """The MACs so far, as in calflops: an int, or a text."""
        macs = self._layers("get_total_macs").totals[1]
        return macs_to_string(macs) if as_string else macs

    def get_total_params(self, as_string: bool = False) -> Any:
        """The number of parameters that need gradients: an int, or a text."""
        params = self._layers("get_total_params").totals[2]
        return params_to_string(params) if as_string else params

    def print_return_model_pipline(
        self,
        units: str | None = None,
        precision: int = 2,
        print_detailed: bool = True,
        print_results: bool = True,
    ) -> str:
        """The totals and, if ``print_detailed``, each module with its figures. Prints them too."""
        layers = self._layers("print_return_model_pipline")
        text = str(Text(layers, 1 + self.compute_bp_factor, print_detailed, units, precision))
        if print_results:
            print(text)
        return text

    def print_model_pipline(
        self, units: str | None = None, precision: int = 2, print_detailed: bool = True
    ) -> None:
        """Print the totals and, if ``print_detailed``, each module with its figures."""
        self.print_return_model_pipline(units, precision, print_detailed)

    def _layers(self, method: str) -> Layers:
        fix = "call start_flops_calculate() and the model first"
        report = self._watched.report(f"{_WHERE}.{method}", fix)
        profile = profiled(report, CALFLOPS_FLOPS, CALFLOPS, self._layer)
        return layers_of(self.model, profile, self._ignored)
