"""The rules for losses against the kernels of the CPU."""

import pytest
import torch
from helpers.kernels import same_as_the_kernel
from torch import nn

import hookcount
from hookcount.core.release import RELEASE
from hookcount.observe.shapes_run.output_shapes import output

aten = torch.ops.aten
LOGITS, TARGETS = torch.zeros(50, 3, 20).log_softmax(2), torch.ones(3, 30, dtype=torch.long)


def test_ctc_of_listed_lengths():
    assert same_as_the_kernel(aten._ctc_loss.default, LOGITS, TARGETS, [50] * 3, [30, 20, 25])
    joined = torch.ones(75, dtype=torch.long)
    assert same_as_the_kernel(aten._ctc_loss.default, LOGITS, joined, [50] * 3, [30, 20, 25])


def test_ctc_of_lengths_without_values():
    lengths = torch.empty(3, dtype=torch.long, device="meta")
    given = (LOGITS.to("meta"), TARGETS.to("meta"), lengths, lengths)
    loss, sums = output("aten::_ctc_loss", False, given, {})
    assert (loss.shape, sums.shape) == ((3,), (3, 50, 61))


def test_a_loss_module_counts_on_meta():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.loss = nn.CTCLoss()

        def forward(self, logits, *rest):
            return self.loss(logits * 1, *rest)

    lengths = torch.full((3,), 50), torch.tensor([30, 20, 25])
    given = (LOGITS, TARGETS, *lengths)
    real = hookcount.Counter(run="real").count(Model(), *given)
    meta = hookcount.count(Model(), *[each.to("meta") for each in given])
    shapes = hookcount.count(Model(), *given)
    assert (shapes.run, meta.run) == ("shapes", "shapes")
    assert real.total == shapes.total == meta.total


def test_gradients_have_the_shape_of_their_input():
    sums = torch.zeros(3, 50, 61)
    lengths = [50] * 3, [30, 20, 25]
    given = torch.ones(3), LOGITS, TARGETS, *lengths, torch.ones(3), sums, 0
    assert same_as_the_kernel(aten._ctc_loss_backward.default, *given)
    x, classes = torch.rand(3, 5), torch.tensor([1, 0, 4])
    margin = torch.ones(()), x, classes, 1, 1.0
    assert same_as_the_kernel(aten.multi_margin_loss_backward.default, *margin)
    several = torch.tensor([[1, 0, -1, -1, -1]] * 3)
    labels = torch.ones(()), x, several, 1, torch.zeros(3, 5)
    assert same_as_the_kernel(aten.multilabel_margin_loss_backward.default, *labels)
    volume, points = torch.rand(1, 2, 6, 6, 6), torch.rand(1, 2, 3)
    out, places = aten.fractional_max_pool3d(volume, [2] * 3, [3] * 3, points)
    pooled = out, volume, [2] * 3, [3] * 3, places
    assert same_as_the_kernel(aten.fractional_max_pool3d_backward.default, *pooled)


@pytest.mark.skipif(RELEASE < (2, 14), reason="the kernels of this torch take one dtype")
def test_the_gradient_of_a_squared_error_has_the_dtype_of_its_input():
    x, target = torch.rand(4, 3).t().bfloat16(), torch.rand(3, 4)
    assert same_as_the_kernel(aten.mse_loss_backward.default, torch.ones(()), x, target, 1)
    assert same_as_the_kernel(
        aten.smooth_l1_loss_backward.default, torch.ones(()), x, target, 1, 1.0
    )
