"""State space models of mamba-ssm and the convolution of causal-conv1d, by name: their kernels are seen by nobody.

The modules are priced with all that is in them, since which of their layers are called depends on whether a kernel is there.
Contractions are the projections, the convolution and the sums over the state; the recurrence itself is element by element.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import SIGMOID, bias, matmul
from ..builtin import formula
from ..normalization import root_mean_square_norm
from ..parametric import softplus_figure

SILU = SIGMOID + Ops(muls=1)


def causal_convolution(positions: int, taps: int, *, biased: bool, activated: bool) -> Ops:
    """[b, d, l] = conv([b, d, l], [d, taps]), each channel by itself, over the last ``taps`` positions; the first see padding."""
    ops = matmul(positions, taps, 1)
    return (
        ops
        + (bias(positions) if biased else NOTHING)
        + (SILU * positions if activated else NOTHING)
    )


@formula("DaoAILab::_causal_conv1d_fwd_cpp", kind="convolution")
def causal_conv1d(x: Size, weight: Size, bias: Any, *, silu_activation: bool) -> Ops:
    """into [b, d, l] = conv([b, d, l], [d, w]): an op of ``causal_conv1d/cpp_functions.py``."""
    return causal_convolution(
        prod(x), weight[-1], biased=bias is not None, activated=silu_activation
    )


@formula("DaoAILab::_causal_conv1d_update_cpp", kind="convolution")
def causal_conv1d_update(x: Size, *, weight: Size, bias: Any, silu_activation: bool) -> Ops:
    """into [b, d] or [b, d, l] = conv of the state and [b, d, l], [d, w]: a new position at a time."""
    return causal_convolution(
        prod(x), weight[-1], biased=bias is not None, activated=silu_activation
    )


def selective_scan(channels: int, length: int, state: int) -> Ops:
    """y = C h + D x, h = exp(dt A) h + dt B x, gated by silu(z): of every channel of every sample, ``length`` steps.

    Per step: dt is a sum and a softplus; dt x a mul; per state dt A a mul and an exp, times B a mul, the recurrence a mul and an
    add; the sum over states is the contraction. D x, z: a mul and an add, a silu and a mul. (Gu and Dao, Mamba,
    arXiv:2312.00752, equation 2; ``selective_scan_ref``.)
    """
    steps = channels * length
    each = Ops(adds=1 + 1, muls=1 + 1 + 1) + softplus_figure(1) + SILU
    return (
        matmul(steps, state, 1) + each * steps + Ops(adds=1, muls=3, specials=1) * (steps * state)
    )


@formula("mamba_ssm.modules.mamba_simple.Mamba", covers="subtree", kind="scan")
def mamba(module: Any, hidden_states: Size) -> Ops:
    """[b, l, d] = out(scan(silu(conv(x)), z)), x, z = in([b, l, d]): ``mamba_ssm/modules/mamba_simple.py``.

    Two linear layers of width e, the convolution, dt, B, C of r + 2 n columns, dt widened from r to e, -exp of A's logarithm.
    """
    batch, length, width = hidden_states
    rows, inner, state, rank = batch * length, module.d_inner, module.d_state, module.dt_rank
    ops: Ops = (
        matmul(rows, width, 2 * inner)
        + matmul(rows, inner, rank + 2 * state)
        + matmul(rows, rank, inner)
    )
    ops = ops + matmul(rows, inner, width) + Ops(adds=1, specials=1) * (inner * state)
    if module.in_proj.bias is not None:
        ops = ops + bias(rows * 2 * inner)
    if module.out_proj.bias is not None:
        ops = ops + bias(rows * width)
    ops = ops + causal_convolution(
        rows * inner, module.d_conv, biased=module.conv1d.bias is not None, activated=True
    )
    return ops + selective_scan(batch * inner, length, state)


def chunked_scan(
    batch: int, length: int, heads: int, depth: int, groups: int, state: int, chunk: int
) -> Ops:
    """[b, l, h, p] = the scan of one decay per head, by chunks of c positions, as products of matrices.

    Per chunk: C B^T of each group, c c n; its product with x of each head, c c p; the state that it leaves, and what the state
    before it adds, c n p each. A last chunk is as long as it is. Element by element: dt (a sum, a softplus) times A and its
    running sum, dt x; the decays of a chunk, an exp of a difference and a mul per pair and head; those of its states, and the
    passing on of states between chunks. (Dao and Gu, Transformers are SSMs, arXiv:2405.21060, section 6.)
    """
    whole, last = divmod(length, chunk)
    ops = NOTHING
    for c, times in ((chunk, whole), (last, 1)):
        if c == 0:
            continue
        products = (
            matmul(c, state, c, groups)
            + matmul(c, c, depth, heads)
            + matmul(c, state, depth, heads) * 2
        )
        pairs = Ops(adds=1, muls=1, specials=1) * (heads * c * c)
        passing = Ops(adds=1, muls=1) * (heads * depth * state) + Ops(specials=1) * heads
        decays = Ops(adds=1, muls=1, specials=1) * (heads * c) * 2
        ops = ops + (products + pairs + passing + decays) * (batch * times)
    steps = batch * length * heads
    each = Ops(adds=1 + 1, muls=1) + softplus_figure(1)
    return ops + each * steps + Ops(muls=1) * (steps * depth)


@formula("mamba_ssm::ssm_chunk_scan_combined_fwd", kind="scan")
def chunk_scan_op(x: Size, *, B: Size, chunk_size: int, D: Any = None) -> Ops:
    """[b, l, h, p], ... = scan([b, l, h, p], [b, l, h], [h], [b, l, g, n], [b, l, g, n]): see ``chunked_scan``; and D x."""
    ops = chunked_scan(x[0], x[1], x[2], x[3], B[-2], B[-1], chunk_size)
    return ops if D is None else ops + Ops(adds=1, muls=1) * prod(x)


@formula("mamba_ssm.modules.mamba2.Mamba2", covers="subtree", kind="scan")
def mamba2(module: Any, u: Size, seqlen: int | None = None) -> Ops:
    """[b, l, d] = out(norm(scan(silu(conv(x, B, C))), z)), z, x, B, C, dt = in([b, l, d]): ``mamba_ssm/modules/mamba2.py``.

    Two linear layers, the convolution of x, B and C, the scan by chunks, D x, the gate silu(z), the norm if there is one; of a
    part that is no state space model a gated product.
    """
    batch, length = (u[0], u[1]) if seqlen is None else (u[0] // seqlen, seqlen)
    rows, width, inner = batch * length, u[-1], int(module.d_ssm)
    into, back = module.in_proj, module.out_proj
    mixed = inner + 2 * module.ngroups * module.d_state
    beside = int(into.weight.shape[0] - inner - mixed - module.nheads) // 2
    ops: Ops = matmul(rows, width, into.weight.shape[0]) + matmul(
        rows, back.weight.shape[1], back.weight.shape[0]
    )
    ops = ops + (NOTHING if into.bias is None else bias(rows * into.weight.shape[0]))
    ops = ops + (NOTHING if back.bias is None else bias(rows * back.weight.shape[0]))
    ops = ops + causal_convolution(
        rows * mixed, module.d_conv, biased=module.conv1d.bias is not None, activated=True
    )
    ops = ops + chunked_scan(
        batch,
        length,
        module.nheads,
        module.headdim,
        module.ngroups,
        module.d_state,
        module.chunk_size,
    )
    ops = (
        ops
        + Ops(adds=1, specials=1) * module.nheads
        + (Ops(adds=1, muls=1 + 1) + SILU) * (rows * inner)
    )
    if module.rmsnorm:
        ops = ops + root_mean_square_norm(
            rows * module.ngroups, inner // module.ngroups, weighted=True
        )
    return ops + (SILU + Ops(muls=1)) * (rows * beside)


@formula("mamba_ssm.ops.triton.layernorm_gated.RMSNorm", kind="norm")
def gated_rms_norm(module: Any, x: Size, z: Any = None) -> Ops:
    """[*, n] = norm([*, n] silu([*, n])): the norm, by groups if the module says so, and of a gate its silu and a mul."""
    n = module.group_size or x[-1]
    ops = root_mean_square_norm(prod(x) // n if n else 0, n, weighted=True)
    return ops if z is None else ops + (SILU + Ops(muls=1)) * prod(x)


@formula("mamba_ssm.ops.triton.layer_norm.RMSNorm", kind="norm")
@formula("flash_attn.ops.triton.layer_norm.RMSNorm", kind="norm")
def added_rms_norm(*, x: Size, residual: Any = None) -> Ops:
    """[*, n] (, [*, n]) = norm([*, n] + [*, n]): an add per element where there is a residual, and the norm."""
    n = x[-1]
    return root_mean_square_norm(prod(x[:-1]), n, weighted=True) + (
        NOTHING if residual is None else bias(prod(x))
    )
