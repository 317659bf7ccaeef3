"""The rules for fused attention against the kernels of the CPU, stride by stride."""

import pytest
import torch

from hookcount.observe.shapes_run.output_shapes import RULES

aten = torch.ops.aten
FLASH = aten._scaled_dot_product_flash_attention_for_cpu
BACKWARD = aten._scaled_dot_product_flash_attention_for_cpu_backward


def heads_first(length, heads=4, dtype=torch.float32):
    return torch.ones(2, heads, length, 16, dtype=dtype)


def positions_first(length, heads=4):
    return torch.ones(2, length, heads, 16).transpose(1, 2)


CASES = {
    "heads first": (heads_first(6), heads_first(7)),
    "positions first": (positions_first(6), positions_first(7)),
    "either": (positions_first(6), heads_first(7)),
    "packed": tuple(torch.ones(2, 6, 3, 4, 16).permute(2, 0, 3, 1, 4)[:2]),
    "sequence first": (torch.ones(6, 8, 16).view(6, 2, 4, 16).permute(1, 2, 0, 3), heads_first(7)),
    "expanded": (heads_first(6, 1).expand(2, 4, 6, 16), heads_first(7)),
    "half": (heads_first(6, dtype=torch.bfloat16), heads_first(7, dtype=torch.bfloat16)),
    "double": (heads_first(6, dtype=torch.float64), heads_first(7, dtype=torch.float64)),
}


def facts(made):
    return [None if each is None else (each.shape, each.stride(), each.dtype) for each in made]


@pytest.mark.parametrize("name", CASES)
def test_flash_attention(name):
    query, key = CASES[name]
    made = FLASH(query, key, key)
    on_meta = [
        torch.empty_strided(each.shape, each.stride(), dtype=each.dtype, device="meta")
        for each in (query, key, key)
    ]
    found = RULES["aten::_scaled_dot_product_flash_attention_for_cpu"](*on_meta)
    assert facts(found) == facts(made)
    gradients = BACKWARD(torch.ones_like(made[0]), query, key, key, *made, 0.0, False)
    rule = RULES["aten::_scaled_dot_product_flash_attention_for_cpu_backward"]
    assert facts(rule(found[0], *on_meta, *found, 0.0, False)) == facts(gradients)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("weights", [False, True])
def test_multi_head(weights, averaged):
    layer = torch.nn.MultiheadAttention(16, 4).eval()
    tensors = (layer.in_proj_weight, layer.in_proj_bias, layer.out_proj.weight, layer.out_proj.bias)
    x = torch.ones(2, 5, 16)
    with torch.no_grad():
        op, rest = aten._native_multi_head_attention, (None, weights, averaged)
        made = op(x, x, x, 16, 4, *tensors, *rest)
        x = x.to("meta")
        found = RULES["aten::_native_multi_head_attention"](x, x, x, 16, 4, *tensors, *rest)
    assert facts(found) == facts(made)
