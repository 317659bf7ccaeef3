"""Gradients of recurrent layers: one unit as scalars that count each operation, and products."""

import pytest
import torch
from helpers.asked import ask
from helpers.counted import Tally
from torch import Size

from hookcount import Ops
from hookcount.formulas.gradients import recurrent
from hookcount.formulas.recurrent import GRU_CELL, LSTM_CELL, RELU_CELL, TANH_CELL

T, N, INPUTS, H, P = 5, 2, 3, 4, 6


def leaves(*values):
    return [torch.tensor(value, dtype=torch.double, requires_grad=True) for value in values]


def grads(outs, inputs, given):
    found = torch.autograd.grad(outs, inputs, [torch.tensor(g, dtype=torch.double) for g in given])
    return [each.item() for each in found]


def test_a_unit_of_an_lstm():
    i, f, g, o, c = before = leaves(0.3, -0.2, 0.5, 0.1, 0.7)
    i, f, o, g = i.sigmoid(), f.sigmoid(), o.sigmoid(), g.tanh()
    after = f * c + i * g
    expected = grads([o * after.tanh(), after], before, [0.9, 0.4])

    tally = Tally()
    i, f, g, o, c, after, dh, dc = tally.of(i, f, g, o, c, after, 0.9, 0.4)
    t = after.tanh()
    do = dh * t
    dc = dc + dh * o * (1 - t * t)
    di, df, dg = dc * g, dc * c, dc * i
    found = [di * (i * (1 - i)), df * (f * (1 - f)), dg * (1 - g * g), do * (o * (1 - o)), dc * f]
    assert [each.value for each in found] == pytest.approx(expected)
    assert recurrent.UNIT[LSTM_CELL] == tally.ops


def test_a_unit_of_a_gru():
    r, z, i, u, h = before = leaves(0.3, -0.2, 0.5, 0.1, 0.7)
    r, z = r.sigmoid(), z.sigmoid()
    n = (i + r * u).tanh()
    expected = grads([(h - n) * z + n], before, [0.9])

    tally = Tally()
    r, z, n, u, h, dh = tally.of(r, z, n, u, h, 0.9)
    rest = 1 - z
    dz = dh * (h - n) * (z * rest)
    dn = dh * rest * (1 - n * n)
    du = dn * r
    dr = dn * u * (r * (1 - r))
    assert [each.value for each in (dr, dz, dn, du, dh * z)] == pytest.approx(expected)
    assert recurrent.UNIT[GRU_CELL] == tally.ops


@pytest.mark.parametrize("cell", [RELU_CELL, TANH_CELL])
def test_a_unit_of_a_plain_cell(cell):
    (x,) = leaves(0.3)
    h = x.relu() if cell is RELU_CELL else x.tanh()
    expected = grads([h], [x], [0.9])
    tally = Tally()
    h, dh = tally.of(h, 0.9)
    found = (dh if h > 0 else 0 * dh) if cell is RELU_CELL else dh * (1 - h * h)
    assert found.value == pytest.approx(expected[0])
    assert recurrent.UNIT[cell] == tally.ops


def test_fused_cells():
    state, gates = Size((N, H)), Size((N, 4 * H))
    unit = recurrent.UNIT[LSTM_CELL] * (N * H)
    lstm = "aten::_thnn_fused_lstm_cell_backward_impl"
    assert ask(lstm, state, state, state, state, gates, False) == unit
    assert ask(lstm, state, state, state, state, gates, True) == unit + Ops(adds=(N - 1) * 4 * H)
    unit = recurrent.UNIT[GRU_CELL] * (N * H)
    gru = "aten::_thnn_fused_gru_cell_backward"
    assert ask(gru, state, Size((N, 5 * H)), False) == unit
    assert ask(gru, state, Size((N, 5 * H)), True) == unit + Ops(adds=2 * (N - 1) * 3 * H)


def cudnn(mode, layers, bidirectional, *, mask=(True,) * 4, proj=0, stride=4, dropout=0.0):
    weights, state = [Size((1,))] * stride * layers, Size((layers, N, H))
    x, y = Size((T, N, INPUTS)), Size((T, N, H))
    args = [x, weights, stride, Size((1,)), state, state, y, y, state, state, mode, H, proj]
    args += [layers, False, dropout, True, bidirectional, [], None, Size((1,)), list(mask)]
    return ask("aten::_cudnn_rnn_backward", *args)


def test_products_of_cudnn():
    # for each of the inputs and of the weights as many as the forward
    layer = T * N * 4 * H * (INPUTS + H)
    assert cudnn(2, 1, False).macs == 2 * layer
    assert cudnn(2, 1, False, mask=(True, True, True, False)).macs == layer
    # the second layer has the outputs of both directions as its input
    higher = T * N * 3 * H * (2 * H + H)
    assert cudnn(3, 2, True).macs == 2 * 2 * (T * N * 3 * H * (INPUTS + H) + higher)
    projected = T * N * (4 * H * (INPUTS + P) + H * P)
    assert cudnn(2, 1, False, proj=P, stride=5).macs == 2 * projected
    dropped = Ops(muls=2 * T * N * H)
    assert cudnn(2, 2, False, dropout=0.5) == cudnn(2, 2, False) + dropped


@pytest.mark.parametrize(("mode", "per_unit"), [(0, 1), (1, 1), (2, 4), (3, 3 + 1)])
def test_biases(mode, per_unit):
    without = cudnn(mode, 1, False, stride=2)
    assert cudnn(mode, 1, False) == without + Ops(adds=T * N * per_unit * H)


def test_other_backends_cost_the_same():
    x, y, state = Size((T, N, INPUTS)), Size((T, N, H)), Size((1, N, H))
    miopen = [x, [Size((1,))] * 4, 4, Size((1,)), state, state, y, y, state, state, 2, H, 1]
    miopen += [False, 0.0, True, False, [], None, Size((1,)), [True] * 4]
    assert ask("aten::miopen_rnn_backward", *miopen) == cudnn(2, 1, False)
    mps = [y, state, state, y, y, x, y, [state, state], [y] * 4, True, 1, 0.0, True, False, False]
    assert ask("aten::lstm_mps_backward", *mps) == cudnn(2, 1, False)


def test_a_layer_on_the_cpu():
    head = [Size((5, 2, 3)), *[Size((16, 3)), Size((16, 4)), Size((16,)), Size((16,))]]
    head += [Size((2, 4))] * 2 + [Size((5, 2, 4)), Size((2, 4)), Size((2, 4))]
    head += [Size((5, 2, 4)), Size((2, 4)), Size((2, 4)), False, 2, 4, 1, True, True, False]
    found = ask("aten::mkldnn_rnn_layer_backward", *head, [], False, Size((1,)))
    assert found.macs == 2 * 5 * 2 * 4 * 4 * (3 + 4)
    # the gradient of the state has two parts; each gate has a bias
    assert found == Ops(macs=found.macs, adds=(1 + 4) * 40) + recurrent.UNIT[LSTM_CELL] * 40
