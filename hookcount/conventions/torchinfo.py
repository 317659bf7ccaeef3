"""``torchinfo.summary``: no op is counted, but each parameter of a module without children, times the positions of its output.

Of the output's shape the class's name says which sizes are positions; a linear layer's rows beyond the first axis are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from ..rules.convention import Convention
from ..rules.registry import OBSERVED, Registry
from .shared.borrowed import EVERY_KIND

FORMULAS = Registry(name="the formulas of torchinfo")


@FORMULAS.register(nn.Module)
def module(module: Any, out: Any) -> Ops:
    """Of each parameter its elements times the positions of the output; nothing of a module that has children.

    ``weight`` and ``bias``: all sizes of the output but the second where the class has "Conv" in its name, the first size alone
    elsewhere. Another name with "weight" or "bias" in it, as recurrent layers have: the first two sizes. Any other name: none.
    """
    held = [(name, each.shape) for name, each in module._parameters.items() if each is not None]
    if not held or any(
        module.children()
    ):  # as the tool asks it: a child that is an empty container is none
        return NOTHING
    size = _first_size(out)
    of_convolutions, ops = "Conv" in type(module).__name__, NOTHING
    for name, shape in held:
        name = (
            name.removesuffix("_orig")
            if hasattr(module, name.removesuffix("_orig") + "_mask")
            else name
        )
        if name in ("weight", "bias"):
            positions = prod(size[:1] + size[2:]) if of_convolutions else size[0] if size else 0
        else:
            positions = prod(size[:2]) if "weight" in name or "bias" in name else 0
        ops = ops + _times(name, shape) * positions
    return ops


def _times(name: str, shape: Size) -> Ops:
    """A parameter's elements, by what its place in a product would be."""
    if "weight" not in name:
        return Ops(adds=prod(shape))
    return Ops(macs=prod(shape)) if len(shape) > 1 else Ops(muls=prod(shape))


def _first_size(out: Any) -> tuple[int, ...]:
    """The shape of the output's first tensor, in a mapping of its last; empty if there is none."""
    if isinstance(out, Mapping):
        out = list(out.values())[-1] if out else None
    while not isinstance(out, Size):
        if isinstance(out, Mapping):
            out = list(out.values())
        if not isinstance(out, (tuple, list)) or not out:
            return ()
        out = out[0]
    return tuple(out)


FORMULAS.register(nn.TransformerEncoderLayer, OBSERVED)  # for the one op that it may run as


@FORMULAS.register("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, embed_dim: int, ffn_weight_1: Size) -> Ops:
    """Under the tool's hooks the layer does not run as one op: its two linears and two norms, each parameter times the first
    size; its attention has a child and is not counted.
    """
    wide, width = ffn_weight_1[0], embed_dim
    return Ops(macs=2 * width * wide, adds=wide + width + 2 * width, muls=2 * width) * src[0]


TORCHINFO = Convention(
    "torchinfo",
    weights=EVERY_KIND,
    formulas=FORMULAS,
    sees="listed",
    matches="mro",
    mirrors="torchinfo 1.8.0",
    exact=True,
    differs=(
        "the tool runs the model in eval mode; here it is counted in its own",
        "a pruned parameter counts whole here, as its mask is not kept; the tool takes the mask's ones",
        "one parameter under two names of the same module counts twice here",
        "a module that is not in the model's tree when the run begins: the tool does not see it",
        "a ScriptModule is not seen by the tool",
        "where a module with a weight gives no tensor first, or one without axes, the tool raises; here it counts nothing",
    ),
)
