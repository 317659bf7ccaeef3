"""``FlopsProfiler``: the profile of a part of a user's program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from ...conventions.deepspeed import DEEPSPEED, DEEPSPEED_FLOPS
from ...rules.registry import Registry
from ...seconds.timer import Timer
from ..profiled import (
    Profile,
    bytes_to_string,
    duration_to_string,
    elements,
    flops_to_string,
    ignoring,
    macs_to_string,
    number_to_string,
    params_to_string,
    profiled,
)
from ..shared import refused
from ..watched import Watched
from .engine import Engine
from .printed import aggregated, whole, written
from .profile import get_model_profile

__all__ = [
    "FlopsProfiler",
    "bytes_to_string",
    "duration_to_string",
    "flops_to_string",
    "get_model_profile",
    "macs_to_string",
    "number_to_string",
    "params_to_string",
]

_WHERE = "FlopsProfiler"


class FlopsProfiler:
    """Profiles the forwards of a model between ``start_profile`` and ``stop_profile``.

    The program runs for real, as without the profiler. Figures may be read before the end of the
    profile. ``end_profile`` drops them.

    ``ds_engine``: the engine of DeepSpeed whose module the model is. It changes no figure, but the
    printed text has its sizes, the parameters and FLOPs of the model on all devices, and, with
    ``wall_clock_breakdown``, the latencies by its timers. ``recompute_fwd_factor``: the part of a
    forward that a backward pass computes again; for these latencies.

    Raises ``InputError`` for an object that is no engine, and ``ModelError`` as
    ``hookcount.count`` does.

    >>> import torch
    >>> model = nn.Linear(8, 4)
    >>> profiler = FlopsProfiler(model)
    >>> profiler.start_profile()
    >>> out = model(torch.zeros(2, 8))
    >>> profiler.get_total_macs(), profiler.get_total_params(as_string=True)
    (64, '36')
    >>> profiler.end_profile()
    """

    def __init__(
        self, model: nn.Module, ds_engine: object = None, recompute_fwd_factor: float = 0.0
    ) -> None:
        self._watched = Watched(model, DEEPSPEED)
        engine = None if ds_engine is None else Engine(ds_engine, model, recompute_fwd_factor)
        self._engine = engine
        self.model = model
        self.started = False
        self.flops = self.macs = self.params = 0
        """The figures of the last ``print_model_profile``."""
        self._layer = Registry(name="ignore_modules")

    def start_profile(self, ignore_list: Iterable[type[nn.Module]] | None = None) -> None:
        """Begin to count what the model runs. ``ignore_list``: see ``get_model_profile``."""
        layer = ignoring(self.model, ignore_list, f"{_WHERE}.start_profile(ignore_list=...)")
        self._layer = layer
        self._watched.start()
        self.started = True

    def stop_profile(self) -> None:
        """Stop counting. The figures stay."""
        self._watched.stop()

    def reset_profile(self) -> None:
        """Forget what was counted. A running profile goes on from zero."""
        self._watched.reset()

    def end_profile(self) -> None:
        """Stop, and drop the figures."""
        self._watched.end()
        self.started = False

    def get_total_flops(self, as_string: bool = False) -> Any:
        """The FLOPs of the profile, as in DeepSpeed: an int, or a text."""
        flops = self._profile("get_total_flops").flops
        return number_to_string(flops) if as_string else flops

    def get_total_macs(self, as_string: bool = False) -> Any:
        """The MACs of the profile, as in DeepSpeed: an int, or a text."""
        macs = self._profile("get_total_macs").macs
        return macs_to_string(macs) if as_string else macs

    def get_total_params(self, as_string: bool = False) -> Any:
        """The number of parameters: an int, or a text."""
        self._profile("get_total_params")
        params = elements(self.model)
        return params_to_string(params) if as_string else params

    def get_total_duration(self, as_string: bool = False) -> Any:
        """Seconds of one forward, or a text: ``hookcount.Timer`` runs the last call again.

        The time of a forward that is counted would be too long. For an engine on several devices
        they are those of its timer. Raises ``InputError`` if the model was not called in the
        profile, or if such an engine has no timer.
        """
        self._profile("get_total_duration")
        seconds = self._seconds()
        return duration_to_string(seconds) if as_string else seconds

    def _seconds(self) -> float:
        where = f"{_WHERE}.get_total_duration"
        if self._watched.last is None:
            raise refused(where, "the model was not called", "call it after start_profile()")
        if self._engine is not None and not self._engine.is_alone:
            seconds = self._engine.forward_seconds
            if seconds is None:
                what = "the module cannot run again on one device while the others wait"
                raise refused(where, what, 'set "wall_clock_breakdown" in the engine\'s config')
            return seconds
        args, kwargs = self._watched.last
        timer = Timer(warmup=1, repeat=1, min_seconds=0, modules=False)
        with self._watched.paused():
            return timer.measure(self.model, *args, **kwargs).seconds

    def print_model_profile(
        self,
        profile_step: int = 1,
        module_depth: int = -1,
        top_modules: int = 1,
        detailed: bool = True,
        output_file: str | None = None,
    ) -> None:
        """Print the profile, or write it to ``output_file``: see ``get_model_profile``.

        Its figures then are in ``flops``, ``macs`` and ``params``.
        """
        profile = self._profile("print_model_profile")
        self.flops, self.macs, self.params = profile.flops, profile.macs, elements(self.model)
        on_meta = any(each.is_meta for each in self.model.parameters())
        engine = self._engine
        runs = (
            self._watched.last is not None and not on_meta and (engine is None or engine.is_alone)
        )
        text = whole(
            profile,
            self.params,
            self.get_total_duration() if runs else None,
            profile_step,
            engine,
            module_depth=module_depth,
            top_modules=top_modules,
            detailed=detailed,
        )
        written(text, output_file)

    def print_model_aggregated_profile(self, module_depth: int = -1, top_modules: int = 1) -> None:
        """Print the classes of modules with the most parameters and MACs, by depth."""
        profile = self._profile("print_model_aggregated_profile")
        print(aggregated(profile, module_depth, top_modules))

    def _profile(self, method: str) -> Profile:
        fix = "call start_profile() and the model first"
        report = self._watched.report(f"{_WHERE}.{method}", fix)
        return profiled(report, DEEPSPEED_FLOPS, DEEPSPEED, self._layer)
