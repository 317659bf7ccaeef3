"""``torchinfo.summary``: the parameters of modules without children, times output positions.

The tool counts no op. The name of a module's class decides which sizes of the output are
positions. For a linear layer only the first size counts, whatever its other rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from ..rules.convention import Convention
from ..rules.registry import OBSERVED, Registry
from .shared.borrowed import EVERY_KIND

FORMULAS = Registry(name="the formulas of torchinfo", home=f"{__name__}:FORMULAS")


@FORMULAS.register(nn.Module)
def module(module: nn.Module, out: object) -> Ops:
    """[N, C, *] = module(...): for each parameter its elements times the output's positions.

    A module that has children costs nothing. ``positions`` says how many positions count.
    """
    held = [(name, each.shape) for name, each in module._parameters.items() if each is not None]
    # any(): an empty container is false. The tool takes such a child for none too.
    if not held or any(module.children()):
        return NOTHING
    size, ops = _first_size(out), NOTHING
    for name, shape in held:
        plain = name.removesuffix("_orig")
        name = plain if hasattr(module, plain + "_mask") else name
        ops = ops + _times(name, shape) * positions(type(module).__name__, name, size)
    return ops


def positions(type_name: str, name: str, size: Sequence[int]) -> int:
    """How many positions of an output a parameter is used at. This depends on its name:

    1. ``weight`` and ``bias``: all sizes of the output but the second, if the class's name has
       "Conv" in it. For other classes only the first size.
    2. Other names with "weight" or "bias" in them, as in recurrent layers: the first two sizes.
    3. Any other name: none.

    >>> positions("Conv2d", "weight", (2, 8, 5, 5)), positions("Linear", "weight", (2, 5, 8))
    (50, 2)
    """
    if name in ("weight", "bias"):
        if "Conv" in type_name:
            return prod([*size[:1], *size[2:]])
        return size[0] if size else 0
    return prod(size[:2]) if "weight" in name or "bias" in name else 0


def _times(name: str, shape: Size) -> Ops:
    """A parameter's elements, by the part that it would have in a product."""
    if "weight" not in name:
        return Ops(adds=prod(shape))
    return Ops(macs=prod(shape)) if len(shape) > 1 else Ops(muls=prod(shape))


def _first_size(out: object) -> tuple[int, ...]:
    """The shape of the output's first tensor, or of a mapping's last; empty if there is none."""
    if isinstance(out, Mapping):
        out = list(out.values())[-1] if out else None
    while not isinstance(out, Size):
        if isinstance(out, Mapping):
            out = list(out.values())
        if not isinstance(out, (tuple, list)) or not out:
            return ()
        out = out[0]
    return tuple(out)


FORMULAS.register(nn.TransformerEncoderLayer, OBSERVED)  # It may run as one op: priced below.


@FORMULAS.register("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, embed_dim: int, ffn_weight_1: Size) -> Ops:
    """[N, *, d] = encoder layer([N, *, d], [h, d]): two linear layers and two norms.

    Each of their parameters counts N times. Under the tool's hooks the layer does not run as one
    op. The tool does not count the attention, which has a child.
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
        "the tool runs the model in eval mode; hookcount counts it in the mode that it has",
        "a pruned parameter: hookcount counts all of it, as its mask is not kept; the tool counts "
        "the mask's ones",
        "one parameter under two names of the same module: hookcount counts it twice",
        "a module that is not in the model's tree when the run begins: the tool does not see it",
        "a ScriptModule: the tool does not see it",
        "a module with a weight whose first output is no tensor, or a tensor without axes: "
        "the tool raises; hookcount counts nothing",
    ),
)
