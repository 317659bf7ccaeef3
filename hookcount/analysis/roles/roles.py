"""``Split``: the work and the parameters of a model by role. It states the rules for roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ...core.errors import module_at
from ...core.ops import NOTHING, Ops

PROJECTIONS, PRODUCTS, FEED = "attention projections", "attention products", "feed-forward"
CONVOLUTION, NORMS, EMBEDDINGS, HEAD = "convolution", "norms", "embeddings", "head"
OTHER, REST = "other contractions", "elementwise/other"
ROLES = (PROJECTIONS, PRODUCTS, FEED, CONVOLUTION, NORMS, EMBEDDINGS, HEAD, OTHER, REST)

Role = tuple[str, str]
"""A role, and the reason if it is ``other contractions`` (else empty)."""


class Share(NamedTuple):
    """The work of one target in one role at one path.

    ``why``: the reason, if the role is ``other contractions``. Else it is empty.
    """

    role: str
    path: str
    target: str
    ops: Ops
    why: str


@dataclass(frozen=True)
class Split:
    """All work of a report by role.

    The shares sum to the report's total. ``params`` holds elements by role. They sum to the
    report's parameters.

    **In general.** A contraction counts with its MACs only. Biases, scaling, masks, softmax,
    activation functions and sums are *elementwise/other*. This holds for separate ops and for
    parts of a fused op. The rules use shapes and the calls that ran. They use class names last.

    **Weights.** A matrix product multiplies by a weight or by another activation. The shapes of
    the module's ops show which. A product with a weight counts as a linear layer. If the shapes
    fit both, the product is one of the *other contractions*.

    **Modules that attend.** A module attends if it runs one of these:

    1. Fused attention.
    2. A product of two activations, one of which is as large as a softmax output of the module.
    3. A product of two activations, one of which is as large as another such product.
    4. Bilinear sampling and a softmax, or a kernel that samples, as in deformable attention.

    The work of a module without parameters counts for its caller.

    **Blocks.** A block is the smallest module that holds two things: an attention with its
    projections, and an activation function. The model itself is not a block.

    *attention products*:

    1. Fused attention.
    2. Products of two activations in a module that attends.
    3. Bilinear samples of deformable attention. They have no MACs.

    *attention projections*:

    1. Linear layers, bare weights and pointwise convolutions in a module that attends.
    2. The same in the modules above. These must have no activation function and no other
       attention. At most one of their linear layers may run after the attention. The model itself
       is not among them, unless the attention has no linear layer beneath.
    3. If the module also has an activation function, its feed-forward (see below) is excluded. So
       are several layers in a child that has an activation function. If shapes do not tell the
       other layers apart, the class name decides. ``attention`` or ``attn`` in the name makes them
       projections. Otherwise they are *other contractions*.
    4. The attention may take in the model itself. If the model then also has look-ups,
       convolutions or more than four linear layers of its own, its layers are *other
       contractions*.

    *feed-forward*:

    1. The other linear layers of a block, those of a router and of adaptive norms too.
    2. Anywhere, the layers around an activation function in one module. One or two layers give the
       input of the activation function. One layer takes its output and returns to the first width.
       These layers must work on all positions of the module's input, not on a mean. If the model
       does not attend, layers directly in the model itself are excluded.

    *convolution*: all convolutions, except pointwise ones in attention and patch embeddings.

    *norms*:

    1. Normalization layers and ops.
    2. In a module with ``norm`` in its class name and no linear layer beneath: all that is not a
       contraction.

    *embeddings*:

    1. Look-ups.
    2. In a model that attends, convolutions of the model's input whose stride equals their kernel.
    3. Linear layers outside of blocks that run early. They run before the first attention of the
       nearest module above that holds one.
    4. The work of a class with ``embed`` in its name, and layers directly in such a class. A class
       that holds an attention is excluded. So is the model itself.

    *head*:

    1. Linear layers outside of blocks that run after the last attention.
    2. A weight that a module above an attention uses itself, if the output has the size and the
       width of an output of the model.
    3. In a model that does not attend, a linear layer that is the last contraction. Also a weight
       that the model itself uses, if its output has the size and width of an output of the model.

    *other contractions*: all other contractions. ``rest`` lists them by path, with the reason.
    Examples are the gates of recurrent layers and contractions outside of every module.

    *elementwise/other*: all other work that is not a contraction.

    **Training.** A backward pass has the roles of the forward that caused it. Fused attention,
    normalization and look-ups keep their roles. Any other contraction has the role that the module
    has in the forward. If the module has several, the sizes of the operands show which. A forward
    that runs again has the roles of the forward. An optimizer's update has the role of the
    parameter.

    **Parameters.** A parameter has the role of the module that holds it. A shared parameter counts
    once, where it is met first. If the module has no role, or several, the parameter is an
    embedding if ``embed`` is in its name. Otherwise it is *elementwise/other*.
    """

    shares: tuple[Share, ...]
    params: dict[str, int]

    def ops(self, role: str) -> Ops:
        """The work in a role."""
        return sum((share.ops for share in self.shares if share.role == role), NOTHING)

    @property
    def rest(self) -> tuple[str, ...]:
        """Each of the other contractions as text: its path, its MACs, the reason."""
        found: dict[tuple[str, str, str], int] = {}
        for share in self.shares:
            if share.role == OTHER and share.ops.macs:
                key = share.path, share.target, share.why
                found[key] = found.get(key, 0) + share.ops.macs
        return tuple(
            f"{module_at(path, target)}: {macs:,} MACs: {why}"
            for (path, target, why), macs in found.items()
        )
