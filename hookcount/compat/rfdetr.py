"""``from hookcount.compat.rfdetr import benchmark, flop_count`` replaces ``rfdetr.util.benchmark``.

The tool itself is not needed. It publishes the figures of RF-DETR, and those of LW-DETR and DETR.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
>>> flop_count(model, (torch.zeros(1, 3, 6, 6),))["conv"] * 1e9
3456.0

These are 8 * 4 * 4 outputs of 3 * 3 * 3 products.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import sqrt
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..conventions.rfdetr import RFDETR
from ..conventions.shared.arithmetic_on_sizes import OPERATIONS
from ..core.ops import NOTHING, Ops
from ..observe.model import checked
from ..observe.own_draws import OwnDraws
from ..pricing.price import Charge
from ..report import Report
from ..rules.registry import FREE, OBSERVED, Registry, Target
from .counting import Price, in_eval_mode, observed, register_ops, with_layer
from .fvcore.jit_handles import Handle, figures_from
from .initialised import initialised
from .jit.names import aten, checked_name
from .shared import refused

IMAGES, LEFT_OUT = 20, 5
"""How many images ``benchmark`` takes, and how many of them have no part in the seconds."""
RUNS = 10
"""How often a model runs on an image: so often to warm up, and so often on the clock."""

_KINDS = {
    "aten::addmm": "addmm",
    "aten::_convolution": "conv",
    "aten::einsum": "einsum",
    "aten::matmul": "matmul",
    "aten::mm": "matmul",
    "aten::bmm": "bmm",
    "aten::batch_norm": "batchnorm",
    "aten::linear": "linear",
    "aten::rsqrt": "rsqrt",
    "aten::softmax": "softmax",
    "aten::dropout": "dropout",
    **dict.fromkeys(aten("group_norm layer_norm instance_norm"), "norm"),
    **dict.fromkeys(
        aten("upsample_nearest2d upsample_bilinear2d adaptive_avg_pool2d max_pool2d"), "elementwise"
    ),
    **{
        name: name
        for name in aten(
            "add add_ mul sub div floor_divide relu relu_ sigmoid log sum sin cos pow cumsum"
        )
    },
}
"""By node of a trace, the name under which the tool gives its figure."""
_NODES = {
    "aten::convolution": "aten::_convolution",
    **{f"torch.nn.modules.conv.Conv{axes}d": "aten::_convolution" for axes in "123"},
    **dict.fromkeys(
        aten("native_batch_norm _native_batch_norm_legit_no_training cudnn_batch_norm"),
        "aten::batch_norm",
    ),
    "aten::native_layer_norm": "aten::layer_norm",
    "aten::native_group_norm": "aten::group_norm",
    "aten::_softmax": "aten::softmax",
}
"""By target of a formula, the node that the tool sees, where that has another name."""
_RUN_AS_OTHER_OPS = aten(
    "linear softmax batch_norm layer_norm group_norm instance_norm max_pool2d adaptive_avg_pool2d"
)


def flop_count(
    model: nn.Module,
    inputs: tuple[object, ...],
    whitelist: Collection[str] | None = None,
    customized_ops: Mapping[str, Handle] | None = None,
) -> defaultdict[str, float]:
    """The count of ``model(*inputs)`` by kind, in units of 10^9, as rfdetr 1.4.1 gives it.

    The figure of the model is the sum of the values. ``whitelist`` has the names of the ops that
    count (``"aten::add"``); by default all do. ``customized_ops``: a function
    ``handle(inputs, outputs)`` for each op. It returns a number, or a mapping of names to numbers.

    hookcount traces nothing. So the model runs on shapes where that is possible, and its modes
    stay. Where the convention ``rfdetr`` parts from the tool, its ``differs`` says so.

    Raises ``InputError`` for inputs that are no tuple, and for an op that has no figure. Raises
    ``FormulaError`` where the tool stops, and the errors of ``hookcount.count``.
    """
    where = "flop_count(inputs=...)"
    if not isinstance(inputs, tuple):
        raise refused(where, f"this is a {type(inputs).__name__}, no tuple", "give (images,)")
    mine = _checked_handles(customized_ops or {})
    wanted = _checked_names(whitelist, mine)
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model.module
    layer = Registry(name="customized_ops")
    prices: dict[Target, Price] = dict.fromkeys(map(_op_of, mine), _handled)
    register_ops(layer, prices, RFDETR)
    if "aten::_convolution" in mine:
        for kind in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
            layer.register(kind, OBSERVED)  # then its op pays
    if wanted is not None:
        _leave_out(layer, wanted)
    model = initialised(model, inputs, {})
    report = observed(model, inputs, {}, with_layer(RFDETR, layer), run="auto")
    total: defaultdict[str, float] = defaultdict(float)
    for node, name, figure in _figures(report, mine):
        if wanted is None or node in wanted:
            total[name] += figure
    return defaultdict(float, {name: figure / 1e9 for name, figure in total.items()})


def _checked_handles(given: Mapping[str, Handle]) -> Mapping[str, Handle]:
    for name, handle in given.items():
        where = f"flop_count(customized_ops={{{name!r}: ...}})"
        if checked_name(where, name) in _RUN_AS_OTHER_OPS:
            what = "this op runs as other ops, so there are no inputs and outputs of it"
            raise refused(where, what, "register a formula for the module with hookcount.register")
        if not callable(handle):
            raise refused(where, f"{handle!r} is no function", "give handle(inputs, outputs)")
    return given


def _checked_names(given: Collection[str] | None, mine: Mapping[str, Handle]) -> set[str] | None:
    if given is None:
        return None
    known = {*_KINDS, *mine}
    for name in given:
        if name not in known:
            fix = f"use names of customized_ops and of {', '.join(sorted(_KINDS))}"
            raise refused(f"flop_count(whitelist=[{name!r}])", "this op has no figure", fix)
    return set(given)


def _leave_out(layer: Registry, wanted: Collection[str]) -> None:
    """Make ops free that do not count. Their formulas, some of which raise, are not asked."""
    assert RFDETR.formulas is not None
    for each in RFDETR.formulas.layers():
        for target in each:
            if "::" in target and target not in layer and _node(target) not in wanted:
                layer.register(target, FREE)


def _op_of(node: str) -> str:
    return "aten::convolution" if node == "aten::_convolution" else node


def _handled() -> Ops:
    """Nothing: the user's handle counts the op after the run."""
    return NOTHING


def _figures(report: Report, mine: Mapping[str, Handle]) -> Iterator[tuple[str, str, float]]:
    """The node, the name and the figure of each piece of work."""
    for charge in report.charges():
        if charge.entry is None or charge.call is None:
            continue
        node = _node(charge.entry.target)
        if node in mine and charge.entry.layer == "customized_ops":
            for name, figure in figures_from(mine[node], charge.call, charge.path).items():
                yield node, name, figure * charge.calls
        elif charge.ops:
            for each, figure in _by_node(charge, node, report.convention.figure(charge.ops)):
                yield each, _KINDS.get(each, each), figure


def _node(target: str) -> str:
    """The node that a formula is for. That of ``aten::linear.addmm`` is ``aten::linear``."""
    target = _NODES.get(target, target)
    return target.partition(".")[0] if "::" in target else target


def _by_node(charge: Charge, node: str, figure: int) -> Iterator[tuple[str, int]]:
    """A figure by node. The nodes of a module's formula are those of its arithmetic on sizes."""
    assert charge.entry is not None
    operations = OPERATIONS.get(charge.entry.target)
    if node in _KINDS or charge.ops is None or charge.call is None:
        yield node, figure
    elif operations is not None:
        args, named = charge.entry.binder.bind(charge.call)
        if "out" not in operations.__code__.co_varnames:
            named.pop("out", None)
        for name, number in operations(*args, **named).items():
            yield f"aten::{name}", number
    elif charge.by == "op":  # a split of packed weights
        yield "aten::mul", figure
    elif issubclass(charge.call.target, nn.MultiheadAttention):
        yield from (("aten::mul", charge.ops.muls), ("aten::div", charge.ops.specials))
    else:  # the encoder or decoder of DETR
        yield from (("aten::add", charge.ops.adds), ("aten::dropout", charge.ops.muls))


def benchmark(
    model: nn.Module, dataset: Sequence[Any], output_dir: str | Path | None = None
) -> dict[str, Any]:
    """Parameters, FLOPs and seconds over the first 20 images of a data set, as rfdetr 1.4.1 does.

    ``dataset[i]`` is a pair of an image and a target. The model gets ``[image]``, a list, on its
    own device and in eval mode, which may be a CPU. Each image has 10 runs to warm up and 10 on the
    clock. The first 5 images have no part in the seconds.

    The result has ``nparam`` (trainable parameters), ``detailed_flops`` (by kind, of the last
    image), ``flops`` and ``time`` (mean, std, min and max), and ``fps`` (1 / mean seconds). FLOPs
    are in units of 10^9. ``output_dir`` gets a file ``log.txt`` with the result as JSON, after what
    is in it.

    The values of buffers and the random state of the CPU are put back. Raises ``InputError`` for
    less than 6 images, and the errors of ``flop_count``.
    """
    held = next(iter(checked(model).parameters), torch.empty(0))
    images = _images(dataset)
    flops, seconds, detailed = [], [], defaultdict(float)
    with torch.no_grad(), in_eval_mode(model), _kept(model):
        for image in images:
            inputs = [image.to(held.device)]
            detailed = flop_count(model, (inputs,))
            flops.append(sum(detailed.values()))
            seconds.append(_seconds(model, inputs, held.device))
    spent = _spread(seconds[LEFT_OUT:])
    result = {
        "nparam": sum(each.numel() for each in model.parameters() if each.requires_grad),
        "detailed_flops": detailed,
        "flops": _spread(flops),
        "time": spent,
        "fps": 1 / spent["mean"],
    }
    if output_dir is not None:
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("a") as file:
            file.write(json.dumps(result, indent=2) + "\n")
    return result


def _images(dataset: Sequence[Any]) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    with suppress(IndexError):  # a short one
        for index in range(IMAGES):
            found.append(dataset[index][0])  # noqa: PERF401 (those before an error stay)
    if len(found) <= LEFT_OUT:
        what = f"it has {len(found)} images, of which the first {LEFT_OUT} are not timed"
        raise refused("benchmark(dataset=...)", what, f"give at least {LEFT_OUT + 1} images")
    return found


def _seconds(model: Callable[[Any], object], inputs: Any, device: torch.device) -> float:
    """The mean seconds of a run, after as many runs to warm up."""
    for _ in range(RUNS):
        model(inputs)
    _wait_for(device)
    start = time.perf_counter()
    for _ in range(RUNS):
        model(inputs)
    _wait_for(device)
    return (time.perf_counter() - start) / RUNS


def _wait_for(device: torch.device) -> None:
    if device.type in ("cuda", "mps", "xpu"):
        getattr(torch, device.type).synchronize()


@contextmanager
def _kept(model: nn.Module) -> Iterator[None]:
    """After the block, the buffers and the random state of the CPU are as before."""
    before = [(buffer, buffer.clone()) for buffer in model.buffers()]
    with OwnDraws():
        try:
            yield
        finally:
            for buffer, values in before:
                buffer.copy_(values)


def _spread(found: Sequence[float]) -> dict[str, float]:
    mean = sum(found) / len(found)
    std = sqrt(sum((each - mean) ** 2 for each in found) / len(found))
    return {"mean": mean, "std": std, "min": min(found), "max": max(found)}
