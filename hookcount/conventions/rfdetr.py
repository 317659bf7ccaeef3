"""RF-DETR's benchmark tool: one unit per multiply-add, and one per element of some other ops.

The tool reads the graph of a jit trace. It has figures for 32 kinds of nodes, and passes over all
other nodes. A node may be a whole function of torch (``layer_norm``, ``matmul``), which runs as
other ops. So the formulas here depend on the function that the code called: see ``WITHIN``. What
reaches no output of the model is not in the graph. Arithmetic on sizes is: see
``shared/arithmetic_on_sizes.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from math import prod

from torch import Size, nn

from ..core.ops import Ops
from ..core.trace import Call, Spec
from ..rules.binding import CallFormula
from ..rules.convention import Convention
from ..rules.registry import FREE, Registry
from .shared import arithmetic_on_sizes, tool_formulas
from .shared.borrowed import EVERY_KIND, aten, contractions, rule_of

FORMULAS = Registry(name="the formulas of RF-DETR's tool", home=f"{__name__}:FORMULAS")
_rule = rule_of(FORMULAS)

contractions(FORMULAS, aten("mm addmm bmm"))
# other nodes than those without the underscore, and the tool passes over them
for _name in aten("mul_ sub_ div_ floor_divide_ sigmoid_ log_ sin_ cos_ pow_ cumsum_"):
    FORMULAS.register(_name, FREE)
FORMULAS.register("aten::rsqrt_", FREE)


@_rule("aten::linear.mm", "aten::matmul.mm")
def product(self: Size, mat2: Size) -> Ops:
    """[m, n] = [m, k] @ [k, n]: m k n."""
    return Ops(macs=prod(self) * mat2[-1])


@_rule("aten::linear.addmm")
def biased_product(mat1: Size, mat2: Size) -> Ops:
    """[m, n] = [n] + [m, k] @ [k, n]: m k n, and nothing for the bias."""
    return Ops(macs=prod(mat1) * mat2[-1])


@_rule("aten::linear.bmm", "aten::matmul.bmm")
def batched_product(self: Size, mat2: Size) -> Ops:
    """[b, m, n] = [b, m, k] @ [b, k, n]: b m k n."""
    return Ops(macs=prod(self) * mat2[-1])


@_rule("aten::linear.mv")
def linear_of_a_vector(self: Size) -> Ops:
    """[n] = linear([k]), run as [n] = [n, k] @ [k]: n times k."""
    return Ops(macs=prod(self))


@_rule("aten::linear.addmv")
def biased_linear_of_a_vector(mat: Size) -> Ops:
    """[n] = linear([k]), run as [n] = [n] + [n, k] @ [k]: n times k, and nothing for the bias."""
    return Ops(macs=prod(mat))


@_rule("aten::matmul")
def matmul(self: Size, other: Size) -> Ops:
    """[*, m, n] = [*, m, k] @ [*, k, n]: m k n for each matrix of the second operand.

    Leading axes that only the first operand has are not counted. Axis by axis from the first, the
    leading sizes of the second operand must be those of the first. Both need two axes or more.
    """
    leading = other[:-2]
    if min(len(self), len(other)) < 2 or leading != self[: len(leading)]:
        raise ValueError(
            f"RF-DETR's tool has no figure for the product of {tuple(self)} and {tuple(other)}: "
            "their leading sizes differ"
        )
    return Ops(macs=prod(leading) * self[-2] * self[-1] * other[-1])


_EQUATIONS = {((0, 1, 2), (0, 1, 3), (0, 2, 3)): 2, ((0, 1, 2), (0, 3, 2), (0, 3, 1)): 1}
"""The equations with a figure, as positions of their letters; the new axis of the second operand.

They are those such as ``bct,bcd->btd`` and ``btg,bcg->bct``.
"""


@_rule("aten::einsum")
def einsum(equation: str, tensors: Sequence[Size]) -> Ops:
    """[b, t, d] = [b, c, t] x [b, c, d], or [b, c, t] = [b, t, g] x [b, c, g]: all four sizes."""
    terms = equation.replace(" ", "").replace("->", ",").split(",")
    letters = list(dict.fromkeys("".join(terms)))
    new = _EQUATIONS.get(tuple(tuple(map(letters.index, term)) for term in terms))  # type: ignore[arg-type]
    if new is None:
        raise ValueError(f"RF-DETR's tool has no figure for the equation {equation!r}")
    return Ops(macs=prod(tensors[0]) * tensors[1][new])


@_rule("aten::convolution")
def convolution(weight: Size, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], weight): the weight's second size times prod(K), per output.

    Of a transposed convolution in g groups, the second size is Co / g.
    """
    return Ops(macs=prod(out) * prod(weight[1:]))


_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)(tool_formulas.traced_convolution)


@_rule(*aten("batch_norm native_batch_norm _native_batch_norm_legit_no_training cudnn_batch_norm"))
def batch_norm(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): 4 per element, with weights or without."""
    return Ops(muls=4 * _of_few_axes(input))


@_rule(*aten("layer_norm native_layer_norm native_group_norm instance_norm"))
def norm(input: Size) -> Ops:
    """[*] = norm([*]): 5 per element, with weights or without."""
    return Ops(muls=5 * _of_few_axes(input))


def _of_few_axes(input: Size) -> int:
    """The number of elements. Raises ``ValueError`` for a norm of less than 2 or more than 5 axes.

    The tool stops there.
    """
    if not 2 <= len(input) <= 5:
        raise ValueError(f"RF-DETR's tool has no figure for a norm of {len(input)} axes")
    return prod(input)


@_rule("aten::_softmax")
def softmax(self: Size) -> Ops:
    """[*] = softmax([*]): 5 per element."""
    return Ops(specials=5 * prod(self))


@_rule("aten::dropout")
def dropout(input: Size) -> Ops:
    """[*] = dropout([*]): 1 per element, in eval mode too."""
    return Ops(muls=prod(input))


@_rule("aten::rsqrt")
def rsqrt(self: Size) -> Ops:
    """[*] = rsqrt([*]): 2 per element."""
    return Ops(specials=2 * prod(self))


@_rule(*aten("adaptive_avg_pool2d max_pool2d"))
def pool(self: Size) -> Ops:
    """[N, C, *O] = pool([N, C, *I]): 1 per input element."""
    return Ops(adds=prod(self))


@_rule("aten::upsample_nearest2d")
def nearest(out: Size) -> Ops:
    """[N, C, *O] = upsample([N, C, *I]): 1 per output element."""
    return Ops(muls=prod(out))


@_rule("aten::upsample_bilinear2d")
def bilinear(out: Size) -> Ops:
    """[N, C, *O] = upsample([N, C, *I]): 4 per output element."""
    return Ops(muls=4 * prod(out))


class Broadcast(CallFormula):
    """[*] = op([*], ...): the elements of all inputs broadcast together, of any dtype.

    A number has one element. An option that is a flag, a text or None has none.
    """

    def __call__(self, path: str, call: Call) -> Ops:
        shapes = [_shape(each)[::-1] for each in _inputs(call)]
        return Ops(adds=prod(map(max, zip_longest(*shapes, fillvalue=1))))


def _inputs(call: Call) -> list[object]:
    """All arguments of an op's call, with the defaults of those that the call leaves out."""
    given = list(call.args)
    schema = getattr(call.target, "_schema", None)
    rest = () if schema is None else schema.arguments[len(given) :]
    return given + [call.kwargs.get(each.name, each.default_value) for each in rest]


def _shape(value: object) -> Sequence[int]:
    if isinstance(value, Spec):
        return value.shape or (1,)
    return (0,) if value is None or isinstance(value, (bool, str)) else (1,)


_rule(
    *aten("add add_ mul sub div floor_divide relu relu_ sigmoid log sum sin cos pow cumsum"),
)(Broadcast())


def _as_they_are(names: str) -> Mapping[str, str]:
    return {name: name for name in aten(names)}


def _as_parts(function: str, names: str) -> Mapping[str, str]:
    return {f"aten::{name}": f"aten::{function}.{name}" for name in names.split()}


_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
_CELLS = ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
_BATCH_NORMS = aten("native_batch_norm _native_batch_norm_legit_no_training cudnn_batch_norm")
WITHIN: Mapping[str, Mapping[str, str]] = {
    "linear": _as_parts("linear", "mm addmm bmm mv addmv"),
    # calls that are not noted as a whole
    "matmul": _as_parts("matmul", "mm bmm"),
    **{name: _as_they_are("convolution") for name in _CONVOLUTIONS},
    **{name.replace("v", "v_transpose"): _as_they_are("convolution") for name in _CONVOLUTIONS},
    # a trace opens these
    **{
        name: {**_as_they_are("add add_ mul sub relu"), **_as_parts("linear", "mm addmm")}
        for name in _CELLS
    },
    "batch_norm": dict.fromkeys(_BATCH_NORMS, "aten::batch_norm"),
    "instance_norm": dict.fromkeys(_BATCH_NORMS, "aten::instance_norm"),
    "layer_norm": _as_they_are("native_layer_norm"),
    "group_norm": _as_they_are("native_group_norm"),
    "softmax": _as_they_are("_softmax"),
    "max_pool2d": {"aten::max_pool2d_with_indices": "aten::max_pool2d"},
    "adaptive_avg_pool2d": dict.fromkeys(
        aten("_adaptive_avg_pool2d mean"), "aten::adaptive_avg_pool2d"
    ),
}
"""By function of torch, the ops that it runs and that count, and the formula's target for each."""

LAYERS = FORMULAS.over(arithmetic_on_sizes.FORMULAS, home=f"{__name__}:LAYERS")
RFDETR = Convention(
    "rfdetr",
    weights=EVERY_KIND,
    formulas=LAYERS,
    sees="listed",
    within=WITHIN,
    mirrors="the benchmark tool of rfdetr 1.4.1",
    exact=True,
    differs=(
        "arithmetic on sizes: the tool counts 1 for each sum, product or quotient of sizes that a "
        "forward computes. hookcount has these for the layers of torch and torchvision, and for "
        "DETR, DINOv2 and RF-DETR only",
        "a value that leaves the trace on its way (.data, .numpy()): the tool does not see the ops "
        "that made it",
        "code that checks whether it is traced: the tool counts the path of a trace, hookcount the "
        "usual one; for DETR and RF-DETR it counts that of a trace, but not the mask that DETR's "
        "eager attention adds where no pixel is masked",
        "einsum: where torch gives the trace a path as a third input, the tool fails; hookcount "
        "counts the two equations for which the tool has a figure",
        "matmul or linear that the code calls by a name of its own (from torch import matmul): "
        "hookcount counts the products that run",
        "an autograd.Function or a scripted function: the tool does not see the ops in it",
        "a module under vmap: the tool sees the ops as which torch runs all examples together",
        "a functional convolution with padding='same': the tool does not price it, hookcount does",
    ),
)
