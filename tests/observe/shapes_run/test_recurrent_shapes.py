"""The rules for the fused op of recurrent layers against the kernels of the CPU."""

import pytest
import torch

from hookcount.observe.shapes_run.output_shapes import RULES

LAYER = torch.ops.aten.mkldnn_rnn_layer
BACKWARD = torch.ops.aten.mkldnn_rnn_layer_backward


def given(biased):
    sizes = [(5, 2, 4), (24, 4), (24, 6), *([(24,)] * 2 if biased else [(24, 4), (24, 6)])]
    return [torch.rand(size) for size in (*sizes, (2, 6), (2, 6))]


def facts(made):
    return [(each.shape, each.stride(), each.dtype) for each in made]


@pytest.mark.parametrize("biased", [True, False])
def test_a_layer_of_an_lstm_and_its_gradients(biased):
    tensors, rest = given(biased), (False, [], 2, 6, 1, biased, False, False, True)
    made = LAYER(*tensors, *rest)
    on_meta = [each.to("meta") for each in tensors]
    found = RULES["aten::mkldnn_rnn_layer"](*on_meta, *rest)
    assert facts(found[:3]) == facts(made[:3])  # the last one is scratch memory
    assert found[3].dtype == made[3].dtype

    options = (False, 2, 6, 1, biased, True, False, [], False)
    ones = [torch.ones_like(each) for each in made[:3]]
    gradients = BACKWARD(*tensors, *made[:3], *ones, *options, made[3])
    rule = RULES["aten::mkldnn_rnn_layer_backward"]
    on_shapes = rule(*on_meta, *found[:3], *ones, *options, found[3])
    assert facts(on_shapes) == facts(gradients)
