"""Output shapes of the ops of a GPU: those of torch's own meta kernels, or of runs on an H200."""

import pytest
import torch

from hookcount.observe.shapes_run.output_shapes import output

ATEN = torch.ops.aten


def meta(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


def shown(value):
    if isinstance(value, (tuple, list)):
        return [shown(each) for each in value]
    return None if value is None else (tuple(value.shape), value.stride(), value.dtype)


X, PER_CHANNEL, SEQUENCE = meta(2, 8, 6, 6), meta(8), meta(5, 3, 12)
LAST = meta(2, 6, 6, 8).permute(0, 3, 1, 2)
HALF = meta(2, 8, 6, 6, dtype=torch.float16)
STATISTICS = (PER_CHANNEL,) * 4
EPS = 1e-5


def weights(gates, inputs, hidden):
    made = [meta(gates * hidden, inputs), meta(gates * hidden, hidden)]
    return [*made, meta(gates * hidden), meta(gates * hidden)]


LSTM = weights(4, 12, 16)
STATE = meta(1, 3, 16)
# the mode, hidden size, projection, layers, batch first, dropout, train, directions, sizes, state
PLAIN = (2, 16, 0, 1, False, 0.0, True, False, [], None)

# name: (op, arguments, the number of results to compare: scratch memory follows)
AS_TORCH = {
    "batch norm": ("cudnn_batch_norm", (X, *STATISTICS, True, 0.1, EPS), 3),
    "channels last": ("cudnn_batch_norm", (LAST, *STATISTICS, True, 0.1, EPS), 3),
    "half": ("cudnn_batch_norm", (HALF, *STATISTICS, True, 0.1, EPS), 3),
    "in eval mode": ("cudnn_batch_norm", (X, *STATISTICS, False, 0.1, EPS), 3),
    "its gradients": (
        "cudnn_batch_norm_backward",
        (X, X, PER_CHANNEL, *STATISTICS, EPS, meta(0, dtype=torch.uint8)),
        3,
    ),
    "dropout": ("native_dropout", (X, 0.1, True), 2),
    "of channels last": ("native_dropout", (LAST, 0.1, True), 2),
    "gradient of dropout": ("native_dropout_backward", (X, X.bool(), 2.0), 1),
    "LSTM": ("_cudnn_rnn", (SEQUENCE, LSTM, 4, None, STATE, STATE, *PLAIN), 3),
}


@pytest.mark.parametrize("name", AS_TORCH)
def test_as_torch(name):
    op, args, count = AS_TORCH[name]
    ours = output(f"aten::{op}", False, args, {})
    theirs = getattr(ATEN, op).default(*args)
    if count == 1:
        assert shown(ours) == shown(theirs)
    else:
        assert shown(ours)[:count] == shown(theirs)[:count]


@pytest.mark.skipif(not hasattr(ATEN, "_fused_rms_norm"), reason="this torch has no such op")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rms_norm(dtype):
    x, weight = meta(2, 3, 8, dtype=dtype), meta(8, dtype=dtype)
    made = output("aten::_fused_rms_norm", False, (x, [8], weight, EPS), {})
    assert shown(made) == shown(ATEN._fused_rms_norm.default(x, [8], weight, EPS))
    given = (x, x, [8], made[1], weight, [True, True])
    made = output("aten::_fused_rms_norm_backward", False, given, {})
    assert shown(made) == [shown(x), shown(weight)]
    made = output("aten::_fused_rms_norm_backward", False, (*given[:-1], [True, False]), {})
    assert shown(made) == [shown(x), None]


def seen(shape, strides=None, dtype=torch.float32):
    return shape, strides or torch.empty(shape).stride(), dtype


# as seen on an H200: the op, its arguments, its results
ON_AN_H200 = {
    "packed sequences": (
        "_cudnn_rnn",
        (meta(10, 12), LSTM, 4, None, STATE, STATE, *PLAIN[:8], [3, 2, 2, 2, 1], None),
        [seen((10, 16)), seen((1, 3, 16)), seen((1, 3, 16))],
    ),
    "projections": (
        "_cudnn_rnn",
        (
            SEQUENCE,
            [meta(64, 12), meta(64, 8), meta(64), meta(64), meta(8, 16)],
            5,
            None,
            meta(1, 3, 8),
            STATE,
            *(2, 16, 8),
            *PLAIN[3:],
        ),
        [seen((5, 3, 8)), seen((1, 3, 8)), seen((1, 3, 16))],
    ),
    "GRU, batch first": (
        "_cudnn_rnn",
        (
            SEQUENCE,
            weights(3, 12, 16),
            4,
            None,
            meta(1, 5, 16),
            None,
            3,
            16,
            0,
            1,
            True,
            *PLAIN[5:],
        ),
        [seen((5, 3, 16), (16, 80, 1)), seen((1, 5, 16)), seen((0,))],
    ),
    "gradients of an LSTM": (
        "_cudnn_rnn_backward",
        (SEQUENCE, LSTM, 4, meta(1920), STATE, STATE, meta(5, 3, 16), meta(5, 3, 16), None, None),
        [
            seen((5, 3, 12)),
            seen((1, 3, 16)),
            seen((1, 3, 16)),
            [seen((64, 12)), seen((64, 16)), seen((64,)), seen((64,))],
        ],
    ),
    "gradients of a GRU": (
        "_cudnn_rnn_backward",
        (
            SEQUENCE,
            weights(3, 12, 16),
            4,
            meta(1440),
            STATE,
            None,
            meta(5, 3, 16),
            None,
            None,
            None,
        ),
        [
            seen((5, 3, 12)),
            seen((1, 3, 16)),
            None,
            [seen((48, 12)), seen((48, 16)), seen((48,)), seen((48,))],
        ],
    ),
    "LSTM cell": (
        "_thnn_fused_lstm_cell",
        (meta(3, 64), meta(3, 64), meta(3, 16), meta(64), meta(64)),
        [seen((3, 16)), seen((3, 16)), seen((3, 64))],
    ),
    "gradients of an LSTM cell": (
        "_thnn_fused_lstm_cell_backward_impl",
        (meta(3, 16), None, meta(3, 16), meta(3, 16), meta(3, 64), True),
        [seen((3, 64)), seen((3, 16)), seen((64,))],
    ),
    "GRU cell": (
        "_thnn_fused_gru_cell",
        (meta(3, 48), meta(3, 48), meta(3, 16), meta(48), meta(48)),
        [seen((3, 16)), seen((3, 80))],
    ),
    "gradients of a GRU cell": (
        "_thnn_fused_gru_cell_backward",
        (meta(3, 16), meta(3, 80), True),
        [seen((3, 48)), seen((3, 48)), seen((3, 16)), seen((48,)), seen((48,))],
    ),
}


@pytest.mark.parametrize("name", ON_AN_H200)
def test_as_on_an_h200(name):
    op, args, expected = ON_AN_H200[name]
    made = output(f"aten::{op}", False, args, {})
    assert shown(made)[: len(expected)] == expected


def test_integers_are_left_to_torch():
    ids = torch.ones(3, 4, dtype=torch.long, device="meta")
    assert output("aten::native_dropout_backward", False, (ids, ids.bool(), 2.0), {}) is None
    assert output("aten::native_dropout", False, (ids, 0.1, True), {}) is None
