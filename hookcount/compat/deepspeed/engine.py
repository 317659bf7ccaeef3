"""What the profile of a DeepSpeed engine has beside that of its module: sizes, and its timers."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..profiled import (
    Profile,
    duration_to_string,
    flops_to_string,
    number_to_string,
    params_to_string,
)
from ..shared import refused

Rows = list[tuple[str, Any]]

_NEEDED = (
    *("world_size", "dp_world_size", "mp_world_size", "train_micro_batch_size_per_gpu"),
    *("has_moe_layers", "wall_clock_breakdown"),
)


class Engine:
    """An engine of DeepSpeed, or an object with the same attributes. They are read, never set.

    ``model``: its module. The attributes are ``world_size``, ``dp_world_size``, ``mp_world_size``,
    ``has_moe_layers``, and the methods ``train_micro_batch_size_per_gpu`` and
    ``wall_clock_breakdown``. If the last one says so, ``timers(name).elapsed(False)`` gives
    milliseconds of "fwd", "bwd" and "step".

    ``recompute``: the part of a forward that a backward pass computes again.

    Raises ``InputError`` for an object without these attributes.
    """

    def __init__(self, engine: Any, model: nn.Module, recompute: float) -> None:
        missing = [name for name in _NEEDED if not hasattr(engine, name)]
        if missing:
            what = f"{type(engine).__name__} has no {', '.join(missing)}, so it is no engine"
            fix = "give what deepspeed.initialize returns first, or leave it out"
            raise refused("FlopsProfiler(ds_engine=...)", what, fix)
        self._engine = engine
        self._model = model
        self._recompute = recompute

    def sizes(self) -> Rows:
        """How the training is spread over devices."""
        engine = self._engine
        replicas = engine.dp_world_size
        if replicas is None:  # with sequence parallelism
            replicas = engine.seq_dp_world_size
        rows: Rows = [
            ("world size:", engine.world_size),
            ("data parallel size:", replicas),
            ("model parallel size:", engine.mp_world_size),
            ("batch size per GPU:", engine.train_micro_batch_size_per_gpu()),
        ]
        if engine.has_moe_layers:
            split = int(self._experts_split() > 1)  # the tool prints 0 or 1
            rows.append(("expert tensor parallelism enabled:", split))
        return rows

    def params(self) -> Rows:
        """The parameters of the whole model, over all devices."""
        shared, experts = _params(self._model)
        shared *= self._engine.mp_world_size
        experts *= self._experts_split() if self._engine.has_moe_layers else 0
        if not experts:
            return [("params of model = params per GPU * mp_size:", params_to_string(shared))]
        return [
            ("params of model:", params_to_string(shared + experts)),
            ("   non-expert params of model:", params_to_string(shared)),
            ("   expert params of model:", params_to_string(experts)),
        ]

    def flops(self, profile: Profile) -> Rows:
        """The FLOPs of the whole model, over all devices."""
        flops = number_to_string(profile.flops * self._engine.mp_world_size)
        return [("fwd flops of model = fwd flops per GPU * mp_size:", flops)]

    @property
    def is_alone(self) -> bool:
        """Whether its module may run once more on this device, without the others."""
        return bool(self._engine.world_size == 1)

    @property
    def forward_seconds(self) -> float | None:
        """The seconds of a forward by the engine's timers, if they run."""
        return self._seconds("fwd") if self._engine.wall_clock_breakdown() else None

    def step(self, profile: Profile) -> Rows:
        """The seconds and FLOPS of a training step by the engine's timers, if they run."""
        if not self._engine.wall_clock_breakdown():
            return []
        forward, backward, update = map(self._seconds, ("fwd", "bwd", "step"))
        whole, factor, flops = forward + backward + update, 2 + self._recompute, profile.flops
        both = f"{factor + 1:g} * fwd flops per GPU"
        samples = self._engine.train_micro_batch_size_per_gpu() * self._engine.world_size
        return [
            ("bwd latency:", duration_to_string(backward)),
            (
                f"bwd FLOPS per GPU = {factor:g} * fwd flops per GPU / bwd latency:",
                flops_to_string(factor * flops / backward),
            ),
            (
                f"fwd+bwd FLOPS per GPU = {both} / (fwd+bwd latency):",
                flops_to_string((factor + 1) * flops / (forward + backward)),
            ),
            ("step latency:", duration_to_string(update)),
            ("iter latency:", duration_to_string(whole)),
            (
                f"FLOPS per GPU = {both} / iter latency:",
                flops_to_string((factor + 1) * flops / whole),
            ),
            ("samples/second:", round(samples / whole, 2)),
        ]

    def _seconds(self, timer: str) -> float:
        milliseconds: float = self._engine.timers(timer).elapsed(False)
        return milliseconds / 1000

    def _experts_split(self) -> int:
        """Over how many devices each expert is split."""
        for module in self._model.modules():
            # the attribute of DeepSpeed's MoE layers
            split = getattr(module, "enable_expert_tensor_parallelism", None)
            if split is not None:
                return int(self._engine.mp_world_size) if split else 1
        return 1


def _params(model: nn.Module) -> tuple[int, int]:
    """The parameters that all devices have, and those of the experts of all devices."""
    shared = experts = 0
    for each in model.parameters():
        group = str(getattr(each, "group_name", "")).removeprefix("ep_size_")
        devices = int(group) if group.isdigit() else 0
        shared += 0 if devices else each.numel()
        experts += devices * each.numel()
    return shared, experts
