"""State space models: products written out, and modules whose scans are written out op by op."""

import pytest
import torch
import torch.nn.functional as F
from helpers.standins import Calls, count, defined, named
from torch import nn

from hookcount import Ops
from hookcount.testing import check_formula, compare_formula

B, L, D = 2, 5, 16  # samples, positions, channels
WIDTH, INNER, STATE, RANK, TAPS, LENGTH = 6, 12, 5, 3, 4, 10


class Mamba(nn.Module):
    """Mamba's module with its scan written out, a step at a time."""

    def __init__(self):
        super().__init__()
        self.d_inner, self.d_state, self.d_conv, self.dt_rank = INNER, STATE, TAPS, RANK
        self.in_proj, self.out_proj = (
            nn.Linear(WIDTH, 2 * INNER, bias=False),
            nn.Linear(INNER, WIDTH, bias=False),
        )
        self.conv1d = nn.Conv1d(INNER, INNER, TAPS, groups=INNER)
        self.x_proj, self.dt_proj = (
            nn.Linear(INNER, RANK + 2 * STATE, bias=False),
            nn.Linear(RANK, INNER),
        )
        self.A_log, self.D = (
            nn.Parameter(torch.zeros(INNER, STATE)),
            nn.Parameter(torch.ones(INNER)),
        )

    def forward(self, hidden_states, inference_params=None):
        x, z = self.in_proj(hidden_states).transpose(1, 2).chunk(2, 1)
        x = F.silu(self.conv1d(F.pad(x, (TAPS - 1, 0)))).transpose(1, 2)
        dt, b, c = self.x_proj(x).split([RANK, STATE, STATE], -1)
        dt = F.softplus(dt @ self.dt_proj.weight.T + self.dt_proj.bias)
        a = -self.A_log.exp()
        decay, given = (dt[..., None] * a).exp(), (dt * x)[..., None] * b[:, :, None]
        state, steps = x.new_zeros(*x[:, 0].shape, STATE), []
        for step in range(x.shape[1]):
            state = decay[:, step] * state + given[:, step]
            steps.append((state @ c[:, step, :, None]).squeeze(-1))
        y = (torch.stack(steps, 1) + x * self.D) * F.silu(z.transpose(1, 2))
        return self.out_proj(y)


def test_mamba():
    module = named("mamba_ssm.modules.mamba_simple.Mamba", Mamba)()
    found = check_formula(module, torch.rand(B, LENGTH, WIDTH)).formula
    layers = (
        WIDTH * 2 * INNER + INNER * TAPS + INNER * (RANK + 2 * STATE) + RANK * INNER + INNER * WIDTH
    )
    assert found.macs == B * LENGTH * (layers + INNER * STATE)


P, G, CHUNK = 3, 2, 4  # depth of a head, groups, positions of a chunk: 12 channels are 4 heads


class Mamba2(nn.Module):
    """Mamba-2's module with its scan written out as products of matrices, a chunk at a time."""

    def __init__(self):
        super().__init__()
        self.d_ssm, self.d_state, self.d_conv, self.headdim, self.ngroups = INNER, STATE, TAPS, P, G
        self.nheads, self.chunk_size, self.rmsnorm = INNER // P, CHUNK, True
        self.mixed = INNER + 2 * G * STATE
        self.in_proj = nn.Linear(WIDTH, INNER + self.mixed + self.nheads, bias=False)
        self.conv1d, self.out_proj = (
            nn.Conv1d(self.mixed, self.mixed, TAPS, groups=self.mixed),
            nn.Linear(INNER, WIDTH, bias=False),
        )
        self.A_log, self.dt_bias = (
            nn.Parameter(torch.zeros(self.nheads)),
            nn.Parameter(torch.zeros(self.nheads)),
        )
        self.norm = named("mamba_ssm.ops.triton.layernorm_gated.RMSNorm", GatedNorm)(
            INNER, INNER // G
        )

    def forward(self, u, seqlen=None):
        z, x, dt = self.in_proj(u).split([INNER, self.mixed, self.nheads], -1)
        x = F.silu(self.conv1d(F.pad(x.transpose(1, 2), (TAPS - 1, 0)))).transpose(1, 2)
        x, b, c = x.split([INNER, G * STATE, G * STATE], -1)
        heads = [
            each.unflatten(-1, shape).transpose(1, 2)
            for each, shape in ((x, (-1, P)), (b, (G, -1)), (c, (G, -1)))
        ]
        log_decay = (F.softplus(dt + self.dt_bias) * -self.A_log.exp()).transpose(1, 2)
        state, chunks = x.new_zeros(len(u), self.nheads, P, STATE), []
        parts = [each.split(CHUNK, 2) for each in (*heads, log_decay)]
        for xs, bs, cs, logs in zip(*parts, strict=True):
            total = logs.cumsum(-1)
            within = (total[..., None] - total[..., None, :]).exp().tril()
            repeated = [
                each.repeat_interleave(self.nheads // G, 1) for each in (cs @ bs.mT, bs, cs)
            ]
            y = (repeated[0] * within) @ xs + (repeated[2] @ state.mT) * total[..., None].exp()
            state = state * total[..., -1:, None].exp() + xs.mT @ (
                repeated[1] * (total[..., -1:] - total).exp()[..., None]
            )
            chunks.append(y)
        y = torch.cat(chunks, 2).transpose(1, 2).flatten(2)
        return self.out_proj(self.norm(y, z))


class GatedNorm(nn.Module):
    def __init__(self, width, group):
        super().__init__()
        self.weight, self.group_size = nn.Parameter(torch.ones(width)), group

    def forward(self, x, z=None):
        x = x if z is None else x * F.silu(z)
        x = x.unflatten(-1, (-1, self.group_size))
        return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)).flatten(-2) * self.weight


def test_mamba_2():
    module = named("mamba_ssm.modules.mamba2.Mamba2", Mamba2)()
    found = compare_formula(module, (torch.rand(B, LENGTH, WIDTH),)).check(["macs"])
    heads, mixed = INNER // P, INNER + 2 * G * STATE
    layers = WIDTH * (INNER + mixed + heads) + mixed * TAPS + INNER * WIDTH
    chunks = [4, 4, 2]  # 10 positions
    scan = sum(c * c * STATE * G + c * c * P * heads + 2 * c * P * STATE * heads for c in chunks)
    assert found.formula.macs == B * (LENGTH * layers + scan)
    assert (
        module.in_proj.weight.shape[0] == INNER + mixed + heads
    )  # so no part beside the state space model


def test_mamba_2s_scan_as_an_op():
    schema = (
        "mamba_ssm::ssm_chunk_scan_combined_fwd(Tensor x, Tensor dt, Tensor A, Tensor B, Tensor "
        "C, int chunk_size) -> Tensor"
    )
    op = Calls(defined(schema, lambda x, *rest: x.new_empty(x.shape)))
    state = torch.rand(B, LENGTH, G, STATE)
    found = count(
        op, torch.rand(B, LENGTH, 4, P), torch.rand(B, LENGTH, 4), torch.rand(4), state, state, 5
    )
    assert found.macs == B * 2 * (5 * 5 * STATE * G + 5 * 5 * P * 4 + 2 * 5 * P * STATE * 4)


@pytest.mark.parametrize("gated", [False, True])
def test_gated_norm_is_what_it_runs(gated):
    module = named("mamba_ssm.ops.triton.layernorm_gated.RMSNorm", GatedNorm)(INNER, INNER // 2)
    check_formula(module, torch.rand(B, L, INNER), torch.rand(B, L, INNER) if gated else None)


class AddedNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))

    def forward(self, x, residual=None, prenorm=False):
        x = x if residual is None else x + residual
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


@pytest.mark.parametrize(
    "path", ["mamba_ssm.ops.triton.layer_norm.RMSNorm", "flash_attn.ops.triton.layer_norm.RMSNorm"]
)
def test_added_norm_is_what_it_runs(path):
    module = named(path, AddedNorm)()
    check_formula(module, torch.rand(B, L, D))
    check_formula(module, torch.rand(B, L, D), torch.rand(B, L, D))


def test_causal_convolution():
    forward = Calls(
        defined(
            "DaoAILab::_causal_conv1d_fwd_cpp(Tensor x, Tensor weight, Tensor? bias, Tensor? "
            "seq_idx, Tensor? initial_states, "
            "Tensor(a!) out, Tensor(b!)? final_states_out, bool silu_activation) -> ()",
            lambda *args: None,
        )
    )
    x, weight = torch.rand(B, D, L), torch.rand(D, TAPS)
    outputs = B * D * L
    assert count(forward, x, weight, None, None, None, torch.empty_like(x), None, False) == Ops(
        macs=outputs * TAPS
    )
    silu = Ops(adds=2, muls=1, specials=2)
    activated = count(
        forward, x, weight, torch.rand(D), None, None, torch.empty_like(x), None, True
    )
    assert activated == Ops(macs=outputs * TAPS, adds=outputs) + silu * outputs
    update = Calls(
        defined(
            "DaoAILab::_causal_conv1d_update_cpp(Tensor x, Tensor(a!) conv_state, Tensor weight, "
            "Tensor? bias, Tensor(b!) out, "
            "bool silu_activation, Tensor? cache_seqlens, Tensor? conv_state_indices) -> ()",
            lambda *args: None,
        )
    )
    one = torch.rand(B, D)
    assert count(
        update, one, torch.rand(B, D, TAPS), weight, None, torch.empty_like(one), False, None, None
    ) == Ops(macs=B * D * TAPS)
