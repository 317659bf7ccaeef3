"""``FlopsProfiler``: the profile of a part of a user's program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from torch import nn

from ...conventions.deepspeed import DEEPSPEED, DEEPSPEED_FLOPS
from ...core.units import duration
from ...counter import Watch
from ...observe.model import checked
from ...report import Report
from ...rules.registry import Registry
from ...seconds.timer import Timer
from ..counting import counter_for
from ..profiled import (
    Profile,
    elements,
    ignoring,
    macs_to_string,
    number_to_string,
    params_to_string,
    profiled,
)
from ..shared import refused
from .inside import inside
from .printed import aggregated, whole, written

_WHERE = "FlopsProfiler"


class FlopsProfiler:
    """Profiles the forwards of a model between ``start_profile`` and ``stop_profile``.

    The program runs for real, as without the profiler. Figures may be read before the end of the
    profile. ``end_profile`` drops them.

    ``recompute_fwd_factor`` is not used: it changes figures of a DeepSpeed engine only. Raises
    ``InputError`` for an engine, and ``ModelError`` as ``hookcount.count`` does.

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
        checked(model)
        if ds_engine is not None:
            what = "an engine of DeepSpeed is not supported"
            raise refused(f"{_WHERE}(ds_engine=...)", what, "leave it out, and give its module")
        self.model = model
        self.started = False
        self.flops = self.macs = self.params = 0
        """The figures of the last ``print_model_profile``."""
        self._layer = Registry(name="ignore_modules")
        self._block: ExitStack | None = None
        self._watch: Watch | None = None
        self._report: Report | None = None
        self._last: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    def start_profile(self, ignore_list: Iterable[type[nn.Module]] | None = None) -> None:
        """Begin to count what the model runs. ``ignore_list``: see ``get_model_profile``."""
        layer = ignoring(self.model, ignore_list, f"{_WHERE}.start_profile(ignore_list=...)")
        self.end_profile()
        self._layer = layer
        self._begin()
        self.started = True

    def stop_profile(self) -> None:
        """Stop counting. The figures stay."""
        block, self._block = self._block, None
        if block is not None:
            block.close()
        if self._watch is not None:
            now, self._watch = self._watch.report().priced, None
            trace = inside(now.trace, self.model)
            if self._report is not None:
                trace = self._report.priced.trace.followed_by(trace)
            self._report = Report(replace(now, trace=trace))

    def reset_profile(self) -> None:
        """Forget what was counted. A running profile goes on from zero."""
        with self._paused():
            self._last = None
            if self._report is not None:
                trace = replace(self._report.priced.trace, runs=())
                self._report = Report(replace(self._report.priced, trace=trace))

    def end_profile(self) -> None:
        """Stop, and drop the figures."""
        self.stop_profile()
        self._report = self._last = None
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

        The time of a forward that is counted would be too long. Raises ``InputError`` if the model
        was not called in the profile.
        """
        self._profile("get_total_duration")
        if self._last is None:
            what = "the model was not called"
            raise refused(f"{_WHERE}.get_total_duration", what, "call it after start_profile()")
        args, kwargs = self._last
        timer = Timer(warmup=1, repeat=1, min_seconds=0, modules=False)
        with self._paused():
            seconds = timer.measure(self.model, *args, **kwargs).seconds
        return duration(seconds) if as_string else seconds

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
        seconds = None if self._last is None or on_meta else self.get_total_duration()
        text = whole(
            profile,
            self.params,
            seconds,
            profile_step,
            module_depth=module_depth,
            top_modules=top_modules,
            detailed=detailed,
        )
        written(text, output_file)

    def print_model_aggregated_profile(self, module_depth: int = -1, top_modules: int = 1) -> None:
        """Print the classes of modules with the most parameters and MACs, by depth."""
        profile = self._profile("print_model_aggregated_profile")
        print(aggregated(profile, module_depth, top_modules))

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Stop for the block. A running profile goes on afterwards."""
        running = self._block is not None
        self.stop_profile()
        try:
            yield
        finally:
            if running:
                self._begin()

    def _begin(self) -> None:
        with ExitStack() as stack:
            handle = self.model.register_forward_pre_hook(self._note, with_kwargs=True)
            stack.callback(handle.remove)
            self._watch = stack.enter_context(counter_for(DEEPSPEED).watch(self.model))
            self._block = stack.pop_all()

    def _note(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._last = args, kwargs

    def _profile(self, method: str) -> Profile:
        with self._paused():
            pass
        if self._report is None:
            fix = "call start_profile() and the model first"
            raise refused(f"{_WHERE}.{method}", "nothing was profiled", fix)
        return profiled(self._report, DEEPSPEED_FLOPS, DEEPSPEED, self._layer)
