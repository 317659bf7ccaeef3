"""Layers and ops of few bits: their float twins, and the casts."""

import pytest
import torch
import torch.nn.functional as F
from helpers.standins import RUNS, Calls, count, defined, named
from torch import nn

from hookcount import Ops

ROWS, INS, OUTS = 5, 64, 32


class FewBits(nn.Linear):
    """A layer whose product runs where torch does not see it."""

    def forward(self, x):
        return torch.from_numpy(x.detach().numpy() @ self.weight.detach().numpy().T)


BY_ROWS = Ops(muls=INS, compares=INS + INS - 1, specials=1 + INS) * ROWS


@pytest.mark.parametrize("bias", [False, True])
def test_layers_of_few_bits_cost_what_their_float_twins_do_and_the_casts(bias):
    x, outputs = torch.rand(ROWS, INS), ROWS * OUTS
    product = Ops(macs=ROWS * INS * OUTS, adds=outputs if bias else 0)
    real = RUNS[0]
    eight = named("bitsandbytes.nn.modules.Linear8bitLt", FewBits)(INS, OUTS, bias=bias)
    assert real.count(eight, x).total == product + BY_ROWS + Ops(muls=2 * outputs)
    four = named("bitsandbytes.nn.modules.Linear4bit", FewBits)
    for cls in (four, type("LinearNF4", (four,), {})):
        assert real.count(cls(INS, OUTS, bias=bias), x).total == product + Ops(muls=OUTS * INS)


INT8, SCALES = torch.zeros(ROWS, INS, dtype=torch.int8), torch.rand(ROWS)
WEIGHT, COLUMNS = torch.zeros(OUTS, INS, dtype=torch.int8), torch.rand(OUTS)
PRODUCT = Ops(macs=ROWS * INS * OUTS)
OUTPUTS = ROWS * OUTS
BITS = [
    (
        "int8_vectorwise_quant(Tensor A, float threshold=0.0) -> (Tensor, Tensor, Tensor?)",
        lambda a, threshold=0.0: (
            a.new_empty(a.shape, dtype=torch.int8),
            a.new_empty(a.shape[0]),
            None,
        ),
        (torch.rand(ROWS, INS),),
        BY_ROWS,
    ),
    (
        "int8_linear_matmul(Tensor A, Tensor B) -> Tensor",
        lambda a, b: a.new_empty(a.shape[0], b.shape[0], dtype=torch.int32),
        (INT8, WEIGHT),
        PRODUCT,
    ),
    (
        "int8_scaled_mm(Tensor A, Tensor B, Tensor row_stats, Tensor col_stats, Tensor? "
        "bias=None, ScalarType? dtype=None) "
        "-> Tensor",
        lambda a, b, r, c, bias=None, dtype=None: r.new_empty(a.shape[0], b.shape[0]),
        (INT8, WEIGHT, SCALES, COLUMNS, COLUMNS),
        PRODUCT + Ops(muls=2 * OUTPUTS, adds=OUTPUTS),
    ),
    (
        "int8_mm_dequant(Tensor A, Tensor row_stats, Tensor col_stats, ScalarType? dtype=None, "
        "Tensor? bias=None) -> Tensor",
        lambda a, r, c, dtype=None, bias=None: r.new_empty(a.shape),
        (torch.zeros(ROWS, OUTS, dtype=torch.int32), SCALES, COLUMNS),
        Ops(muls=2 * OUTPUTS),
    ),
    (
        "int8_vectorwise_dequant(Tensor A, Tensor stats) -> Tensor",
        lambda a, stats: stats.new_empty(a.shape),
        (INT8, SCALES),
        Ops(muls=ROWS * INS),
    ),
    (
        "quantize_4bit(Tensor A, int blocksize, str quant_type, ScalarType quant_storage) -> "
        "(Tensor, Tensor)",
        lambda a, size, kind, storage: (
            a.new_empty(a.numel() // 2, 1, dtype=torch.uint8),
            a.new_empty(a.numel() // size),
        ),
        (torch.rand(OUTS, INS), 64, "nf4", torch.uint8),
        Ops(muls=2048, compares=2048 + (2048 - 32) + 4 * 2048, specials=32),  # 32 blocks of 64
    ),
    (
        "dequantize_4bit(Tensor A, Tensor absmax, int blocksize, str quant_type, int[] shape, "
        "ScalarType dtype) -> Tensor",
        lambda a, absmax, size, kind, shape, dtype: absmax.new_empty(shape),
        (
            torch.zeros(1024, 1, dtype=torch.uint8),
            torch.rand(32),
            64,
            "nf4",
            [OUTS, INS],
            torch.float32,
        ),
        Ops(muls=OUTS * INS),
    ),
    (
        "gemv_4bit(Tensor A, Tensor B, int[] shapeB, Tensor absmax, Tensor code, int blocksize) "
        "-> Tensor",
        lambda a, b, shape, *rest: a.new_empty(*a.shape[:-1], shape[0]),
        (
            torch.rand(1, INS),
            torch.zeros(1024, 1, dtype=torch.uint8),
            [OUTS, INS],
            torch.rand(32),
            torch.rand(16),
            64,
        ),
        Ops(macs=INS * OUTS, muls=OUTS * INS),
    ),
    (
        "gemm_4bit(Tensor A, Tensor B, int[] shapeB, Tensor absmax, int blocksize, str "
        "quant_type, Tensor? bias=None, "
        "Tensor? absmax_8bit=None, Tensor? absmax_code=None, Tensor? absmax_offset=None) -> Tensor",
        lambda a, b, shape, *rest: a.new_empty(*a.shape[:-1], shape[0]),
        (
            torch.rand(ROWS, INS),
            torch.zeros(1024, 1, dtype=torch.uint8),
            [OUTS, INS],
            torch.rand(32),
            64,
            "nf4",
            COLUMNS,
        ),
        PRODUCT + Ops(muls=OUTS * INS, adds=OUTPUTS),
    ),
]


@pytest.mark.parametrize(
    ("schema", "made", "args", "expected"), BITS, ids=[each[0].split("(")[0] for each in BITS]
)
def test_ops_of_few_bits(schema, made, args, expected):
    assert count(Calls(defined(f"bitsandbytes::{schema}", made)), *args) == expected


class Packed(torch.Tensor):
    """A weight held in 8 bits, as torchao's are: a tensor of the float's shape, which a linear
    layer reads first.
    """

    @staticmethod
    def __new__(cls, codes, scale):
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=scale.dtype)

    def __init__(self, codes, scale):
        self.codes, self.scale = codes, scale

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is F.linear:
            x, weight, *bias = args
            return F.linear(x, weight.codes.to(x.dtype) * weight.scale, *bias)
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.detach.default:
            return args[0]
        raise NotImplementedError(func)


def test_a_packed_weight_of_the_floats_shape():
    layer = nn.Linear(INS, OUTS)
    layer.weight = nn.Parameter(
        Packed(torch.zeros(OUTS, INS, dtype=torch.int8), torch.rand(OUTS, 1)), requires_grad=False
    )
    assert count(layer, torch.rand(ROWS, INS)) == PRODUCT + Ops(adds=OUTPUTS)


@pytest.mark.zoo
def test_torchao():
    quantization = pytest.importorskip("torchao.quantization")
    model = nn.Sequential(nn.Linear(INS, OUTS), nn.ReLU())
    quantization.quantize_(model, quantization.Int8WeightOnlyConfig())
    assert count(model, torch.rand(ROWS, INS)) == PRODUCT + Ops(adds=OUTPUTS, compares=OUTPUTS)
