"""What ptflops and mmcv share: the price of a call of a layer.

mmcv's counter began as a copy of ptflops.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from math import prod

from torch import Size, nn

from ...core.ops import NOTHING, Ops
from ...core.trace import Call, ModuleRun
from ...rules.binding import RunFormula
from ...rules.registry import target_name
from .tool_formulas import Convolution

Classes = tuple[type[nn.Module], ...]

CONVOLUTIONS: Classes = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
ACTIVATIONS: Classes = (nn.ReLU, nn.PReLU, nn.ELU, nn.LeakyReLU, nn.ReLU6)
POOLS: Classes = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    *(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
)
NORMS: Classes = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    *(nn.GroupNorm, nn.LayerNorm),
)


def windows(module: Convolution, batch: int, positions: Sequence[int]) -> int:
    """The MACs of a convolution: the window and all pairs of channels at each position."""
    pairs = module.in_channels * (module.out_channels // module.groups)
    return batch * prod(positions) * prod(module.kernel_size) * pairs


def activation(out: Size) -> Ops:
    """[*] = f([*]): 1 per element."""
    return Ops(specials=prod(out))


def pool(module: nn.Module, input: Size, /) -> Ops:
    """[N, C, *O] = pool([N, C, *I]): 1 per input element, whatever the window."""
    return Ops(adds=prod(input))


def norm(input: Size, affine: bool) -> Ops:
    """[*] = norm([*]): 1 per element, and 1 more with weights."""
    return Ops(adds=prod(input), muls=prod(input) if affine else 0)


def upsample(out: Size) -> Ops:
    """[N, C, *O] = upsample([N, C, *I]): 1 per output element of the first sample."""
    return Ops(muls=prod(out[1:]))


def feed_forward(
    layer: nn.TransformerEncoderLayer,
    shape: Size,
    linear: Callable[..., Ops],
    norm: Callable[..., Ops],
    activations: Container[object],
) -> Ops:
    """The two linear layers of an encoder layer, its norms, and its activation.

    ``linear`` and ``norm`` are formulas. The activation counts if it is a module of one of the
    classes in ``activations``.
    """
    wide = Size((*shape[:-1], layer.linear1.out_features))
    total = linear(layer.linear1, shape, out=wide) + linear(layer.linear2, wide, out=shape)
    if type(layer.activation) in activations:
        total += activation(wide)
    return total + norm(layer.norm1, shape) + norm(layer.norm2, shape)


@dataclass(frozen=True)
class FusedEncoderLayer(RunFormula):
    """The hooked modules of an encoder layer that ran as one op.

    Under the tool's hooks the layer does not run so. Any other layer runs its modules.
    """

    price: Callable[[nn.TransformerEncoderLayer, Size], Ops]
    """The price of all of them for an input of a shape."""

    def of_run(self, run: ModuleRun) -> Ops:
        """The price of a run of the layer."""
        fused = any(target_name(op.call.target).startswith(_FUSED_LAYER) for op in run.ops)
        return self(run.path, run.call) if fused and run.call is not None else NOTHING

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of a call that ran as one op."""
        return self.price(call.module, call.out.shape)


_FUSED_LAYER = "aten::_transformer_encoder_layer_fwd"
