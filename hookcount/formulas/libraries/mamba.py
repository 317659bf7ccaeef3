"""State space models of mamba-ssm and the convolution of causal-conv1d, by name.

Their kernels are called outside of torch's dispatcher. A module is priced with all its layers, as
the installed kernels decide which of its layers it calls. Contractions are the projections, the
convolution and the sums over the state. The recurrence itself is element-wise.
"""

from __future__ import annotations

from math import prod
from typing import Protocol

from torch import Size, nn

from ...core.ops import NOTHING, Ops
from ..arithmetic import SIGMOID, bias, matmul
from ..builtin import formula
from ..normalization import root_mean_square_norm
from ..parametric import softplus_figure

SILU = SIGMOID + Ops(muls=1)


class _Mamba(Protocol):
    """The attributes of ``Mamba`` that its formula reads."""

    d_inner: int
    d_state: int
    d_conv: int
    dt_rank: int
    in_proj: nn.Linear
    out_proj: nn.Linear
    conv1d: nn.Conv1d


class _Mamba2(Protocol):
    """The attributes of ``Mamba2`` that its formula reads."""

    d_ssm: int
    d_state: int
    d_conv: int
    ngroups: int
    nheads: int
    headdim: int
    chunk_size: int
    rmsnorm: bool
    in_proj: nn.Linear
    out_proj: nn.Linear
    conv1d: nn.Conv1d


class _GatedNorm(Protocol):
    """The attributes of the gated ``RMSNorm`` that its formula reads."""

    group_size: int | None


def causal_convolution(positions: int, taps: int, *, biased: bool, activated: bool) -> Ops:
    """[b, d, l] = conv([b, d, l], [d, taps]), each channel by itself: b * d * l ``positions``.

    A position sees the last ``taps`` positions, and the first ones see padding.
    """
    ops = matmul(positions, taps, 1)
    return (
        ops
        + (bias(positions) if biased else NOTHING)
        + (SILU * positions if activated else NOTHING)
    )


@formula("DaoAILab::_causal_conv1d_fwd_cpp", kind="convolution")
def causal_conv1d(x: Size, weight: Size, bias: Size | None, *, silu_activation: bool) -> Ops:
    """[b, d, l] = conv([b, d, l], [d, w]): an op of ``causal_conv1d/cpp_functions.py``."""
    return causal_convolution(
        prod(x), weight[-1], biased=bias is not None, activated=silu_activation
    )


@formula("DaoAILab::_causal_conv1d_update_cpp", kind="convolution")
def causal_conv1d_update(x: Size, *, weight: Size, bias: Size | None, silu_activation: bool) -> Ops:
    """[b, d] or [b, d, l] = conv(the state and [b, d, l], [d, w]), one new position at a time."""
    return causal_convolution(
        prod(x), weight[-1], biased=bias is not None, activated=silu_activation
    )


def selective_scan(channels: int, length: int, state: int) -> Ops:
    """y = (C h + D x) silu(z), h = exp(dt A) h + dt B x: ``length`` steps of ``channels``.

    ``channels`` are those of all samples, each with ``state`` states.

    - Per step: a sum and a softplus for dt, and a mul for dt x.
    - Per step and state: a mul and an exp for exp(dt A), a mul by B, a mul and an add for h.
    - The sum C h over the states is the contraction.
    - Per step: a mul and an add for D x, a silu and a mul for the gate z.

    Source: Gu and Dao, Mamba, arXiv:2312.00752, equation 2; ``selective_scan_ref``.
    """
    steps = channels * length
    each = Ops(adds=1 + 1, muls=1 + 1 + 1) + softplus_figure(1) + SILU
    return (
        matmul(steps, state, 1) + each * steps + Ops(adds=1, muls=3, specials=1) * (steps * state)
    )


@formula("mamba_ssm.modules.mamba_simple.Mamba", covers="subtree", kind="scan")
def mamba(module: _Mamba, hidden_states: Size) -> Ops:
    """[b, l, d] = out(scan(silu(conv(x)), z)), with x, z = in([b, l, d]).

    For e inner channels, n states and rank r these are:

    - the linear layers ``in`` and ``out``, with 2 e and d columns;
    - the convolution;
    - a linear layer for dt, B and C with r + 2 n columns, and one that widens dt from r to e;
    - A, which is -exp of its logarithm;
    - the scan.

    Source: ``mamba_ssm/modules/mamba_simple.py``.
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
    """[b, l, h, p] = scan([b, l, h, p]) with one decay per head, by chunks of c positions.

    The scan runs as matrix products. The last chunk may be shorter. Per chunk:

    - C B^T, per group: c * c * n, and its product with x, per head: c * c * p.
    - The state after the chunk, and the part of the state before it, per head: c * n * p each.
    - The decays, per pair of positions and head: an exp of a difference, and a mul.
    - The decays of both states, per position and head: an exp of a difference, and a mul.
    - The state's way to the next chunk: a mul and an add per element, and an exp per head.

    Per position and head: dt (a sum, a softplus), dt times A, and its running sum. Per element:
    a mul for dt x.

    Source: Dao and Gu, Transformers are SSMs, arXiv:2405.21060, section 6.
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
def chunk_scan_op(x: Size, *, B: Size, chunk_size: int, D: Size | None = None) -> Ops:
    """[b, l, h, p], ... = scan([b, l, h, p], [b, l, h], [h], [b, l, g, n], [b, l, g, n]) + D x.

    See ``chunked_scan``. D x is a mul and an add per element.
    """
    ops = chunked_scan(x[0], x[1], x[2], x[3], B[-2], B[-1], chunk_size)
    return ops if D is None else ops + Ops(adds=1, muls=1) * prod(x)


@formula("mamba_ssm.modules.mamba2.Mamba2", covers="subtree", kind="scan")
def mamba2(module: _Mamba2, u: Size, seqlen: int | None = None) -> Ops:
    """[b, l, d] = out(norm(scan(silu(conv(x, B, C))), z)), with z, x, B, C, dt = in([b, l, d]).

    - the linear layers ``in`` and ``out``;
    - the convolution of x, B and C;
    - the scan by chunks, and D x;
    - the gate silu(z), and the norm if there is one;
    - a gated product for the part of the width that is no state space model.

    Source: ``mamba_ssm/modules/mamba2.py``.
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
def gated_rms_norm(module: _GatedNorm, x: Size, z: Size | None = None) -> Ops:
    """[*, n] = norm([*, n] silu([*, n])): the norm, and a silu and a mul if there is a gate.

    The norm is by groups if the module says so.
    """
    n = module.group_size or x[-1]
    ops = root_mean_square_norm(prod(x) // n if n else 0, n, weighted=True)
    return ops if z is None else ops + (SILU + Ops(muls=1)) * prod(x)


@formula("mamba_ssm.ops.triton.layer_norm.RMSNorm", kind="norm")
@formula("flash_attn.ops.triton.layer_norm.RMSNorm", kind="norm")
def added_rms_norm(*, x: Size, residual: Size | None = None) -> Ops:
    """[*, n] (, [*, n]) = norm([*, n] + [*, n]): the norm, and an add per element of a residual."""
    n = x[-1]
    return root_mean_square_norm(prod(x[:-1]), n, weighted=True) + (
        NOTHING if residual is None else bias(prod(x))
    )
