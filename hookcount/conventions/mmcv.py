"""``mmcv.cnn.get_model_complexity_info``: hooks on modules of exactly the classes that it lists.

The tool prints "FLOPs". They are MACs, and other operations of the listed modules. It sees no op.
The counts are divided by the length of the model's first input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeVar

from torch import Size, nn

from ..core.ops import Ops
from ..rules.convention import Convention
from ..rules.registry import Formula, Registry, Target
from .shared import ptflops_modules
from .shared.borrowed import EVERY_KIND, rule_of
from .shared.tool_formulas import Convolution

F = TypeVar("F", bound=Formula)

FORMULAS = Registry(name="the formulas of mmcv", home=f"{__name__}:FORMULAS")
_rule: Callable[..., Callable[[F], F]] = rule_of(FORMULAS)


def _wrappers(names: str) -> tuple[Target, ...]:
    """mmcv's own subclasses of torch's layers, by their names with spaces between them."""
    return tuple(f"mmcv.cnn.bricks.wrappers.{name}" for name in names.split())


def _convolution(module: Convolution, batch: int, positions: Sequence[int], out: Size) -> Ops:
    """All pairs of channels at each position, and 1 per output for a bias."""
    biases = 0 if module.bias is None else module.out_channels * batch * prod(out[2:])
    return Ops(macs=ptflops_modules.windows(module, batch, positions), adds=biases)


@_rule(*ptflops_modules.CONVOLUTIONS, *_wrappers("Conv2d Conv3d"))
def convolution(module: Convolution, input: Size, /, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I]): Ci * (Co // g) * prod(K) per output position, and a bias."""
    return _convolution(module, input[0], out[2:], out)


@_rule(nn.ConvTranspose2d, *_wrappers("ConvTranspose2d"))
def transposed_convolution(module: Convolution, input: Size, /, out: Size) -> Ops:
    """[N, Co, h, w] = convT([N, Ci, H, W]): as a convolution, per input position, and a bias."""
    return _convolution(module, input[0], input[2:], out)


@_rule(nn.Linear, *_wrappers("Linear"))
def linear(module: nn.Linear, input: Size, /, out: Size) -> Ops:
    """[*, n] = linear([*, k]): k * n per row. A bias costs nothing."""
    return Ops(macs=prod(input) * out[-1])


@_rule(*ptflops_modules.NORMS)
def norm(module: nn.Module, input: Size, /) -> Ops:
    """[*] = norm([*]): 1 per element, and 1 more with weights."""
    affine = getattr(module, "affine", False) or getattr(module, "elementwise_affine", False)
    return ptflops_modules.norm(input, bool(affine))


_rule(*ptflops_modules.ACTIVATIONS)(ptflops_modules.activation)
_rule(*ptflops_modules.POOLS, *_wrappers("MaxPool2d MaxPool3d"))(ptflops_modules.pool)
_rule(nn.Upsample)(ptflops_modules.upsample)


def encoder_layer(layer: nn.TransformerEncoderLayer, shape: Size) -> Ops:
    """[*, E] = encoder layer([*, E]): two linear layers, two norms. Its attention has no hook."""
    listed = ptflops_modules.ACTIVATIONS
    return ptflops_modules.feed_forward(layer, shape, linear, norm, listed)


FORMULAS.register(
    nn.TransformerEncoderLayer,
    ptflops_modules.FusedEncoderLayer(encoder_layer),
    covers="nothing",
)

MMCV = Convention(
    "mmcv",
    weights=EVERY_KIND,
    formulas=FORMULAS,
    sees="listed",
    matches="type",
    per_sample=True,
    mirrors="mmcv 2.2.0 and 1.7.2",
    exact=True,
    differs=(
        "a module under vmap: the tool counts one example, hookcount does not count the module",
        "a mean over samples that is no whole number: hookcount rounds it down",
        "several positional arguments: the tool can only pass them by name, and takes them for one "
        "sample; hookcount divides by the length of the first",
    ),
)
