"""The blocks of detection transformers: MACs as products written out, however they are run, and not
one word of warning.
"""

import copy
import warnings

import pytest
import torch
from helpers import blocks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree
from torch.utils.flop_counter import FlopCounterMode

import hookcount

shapes, real = (hookcount.Counter(run=run) for run in ("shapes", "real"))

B, Q, D, H, L, P = 2, 5, 16, 4, 2, 3  # images, queries, channels, heads, levels, points
MAPS = [(4, 6), (2, 3)]
S = 4 * 6 + 2 * 3  # positions in all maps
INNER, CLASSES, LAYERS, GROUPS = 24, 7, 3, 2
M = 3  # the most targets in an image


def maps():
    return [torch.rand(B, D, *size) for size in MAPS]


def targets():
    return [{"labels": torch.arange(n), "boxes": torch.rand(n, 4)} for n in (M, 1)]


def deformable(queries):
    """The values' projection; offsets, weights and output of the queries. What is sampled is
    weighed by muls and adds.
    """
    return B * S * D * D + B * queries * (D * H * L * P * 2 + D * H * L * P + D * D)


def attention(queries, keys):
    """Projections of the queries, keys, values and the output; scores and weighted sum."""
    return B * (2 * queries + 2 * keys) * D * D + 2 * B * queries * keys * D


FUSION = (
    2 * (2 * D * D) + D * D * 9 + D * D
)  # per position: two 1 x 1 of twice the channels, a 3 x 3, a 1 x 1
DECODER_LAYER = attention(Q, Q) + deformable(Q) + 2 * B * Q * D * INNER
HEADS = B * Q * (D * D + D * 4 + D * CLASSES)
N = GROUPS * M + Q  # the copies of the targets and the queries

CASES = {
    "deformable attention": (
        lambda: blocks.DeformableStage(blocks.DeformableAttention(D, H, L, P), D),
        lambda: (torch.rand(B, Q, D), *maps()),
        B * Q * D * 2 + deformable(Q),
    ),
    "deformable attention, split by a tensor": (
        lambda: blocks.DeformableStage(blocks.SplitDeformableAttention(D, H, L, P), D),
        lambda: (torch.rand(B, Q, D), *maps()),
        B * Q * D * 2 + deformable(Q),
    ),
    "hybrid encoder": (
        lambda: blocks.HybridEncoder(D, H, INNER),
        lambda: tuple(maps()),
        # within the small map; lateral; fusion on the large map; down; fusion on the small one
        attention(6, 6)
        + 2 * B * 6 * D * INNER
        + B * (6 * D * D + 24 * FUSION + 6 * D * D * 9 + 6 * FUSION),
    ),
    "query selection": (
        lambda: blocks.QuerySelection(D, CLASSES, Q),
        lambda: tuple(maps()),
        B * S * (D * D + D * CLASSES + D * D + D * D + D * 4),
    ),
    "denoising": (
        lambda: blocks.Denoising(D, H, CLASSES, GROUPS),
        lambda: (torch.rand(B, Q, D), targets()),
        B * GROUPS * M * (4 * D + D * D) + attention(N, N),
    ),
    "refinement": (
        lambda: blocks.Refinement(D, H, L, P, INNER, CLASSES, LAYERS),
        lambda: (torch.rand(B, Q, D), torch.rand(B, Q, 4), *maps()),
        LAYERS * (B * Q * (4 * 2 * D + 2 * D * D) + DECODER_LAYER + HEADS),
    ),
    "borrowed projection": (
        lambda: blocks.BorrowedProjection(D, H),
        lambda: (torch.rand(B, Q, D),),
        attention(Q, Q),
    ),
    "rotary attention": (
        lambda: blocks.RotaryAttention(D, H),
        lambda: (torch.rand(B, Q, D),),
        attention(Q, Q),
    ),
    "mask head": (
        lambda: blocks.MaskHead(D, H, CLASSES),
        lambda: (torch.rand(B, Q, D), *maps()),
        B * Q * 2 * D * D + B * Q * D * 24 + attention(Q, 6) + B * Q * D * (CLASSES + 1),
    ),
}


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def on_meta(values):
    return pytree.tree_map(
        lambda value: value.to("meta") if isinstance(value, torch.Tensor) else value, values
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("make", "inputs", "macs"), CASES.values(), ids=CASES)
def test_block(make, inputs, macs, training):
    model, given = make().train(training), inputs()
    found = {
        "real": real.count(model, *given),
        "shapes": shapes.count(model, *given),
        "auto": hookcount.count(model, *given),
        "shapes, on meta": hookcount.count(copy.deepcopy(model).to("meta"), *given),
        "shapes, of meta": hookcount.count(copy.deepcopy(model).to("meta"), *on_meta(given)),
    }
    for how, report in found.items():
        assert report.macs == macs, how
        assert report.uncounted == (), how
        assert report.run == ("real" if how == "real" else "shapes")
        assert report.total == found["real"].total, how
        assert {node.path: node.own.macs for node in report.tree} == {
            node.path: node.own.macs for node in found["real"].tree
        }


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(("make", "inputs", "macs"), CASES.values(), ids=CASES)
def test_block_without_gradients(make, inputs, macs, mode):
    """torch takes its fused attention here."""
    model, given = make().eval(), inputs()
    with mode():
        assert real.count(model, *given).macs == macs
        assert shapes.count(model, *given).macs == macs


@pytest.mark.parametrize(("make", "inputs", "macs"), CASES.values(), ids=CASES)
def test_block_by_torchs_own_counter(make, inputs, macs):
    """With gradients and attention as its parts it sees every product."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        make()(*inputs())
    assert counter.get_total_flops() == 2 * macs
