"""A training step against torch's ``FlopCounterMode``, on meta, where that sees fused attention.

Its formula for the backward pass of a convolution is wrong for groups (up to 24 times too much), so
the test gives it another one. It counts four products in the backward pass of fused attention. The
kernel has a fifth one, which computes the scores again.
"""

import math
import random

import pytest
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

import hookcount
from hookcount import Training
from hookcount.models import build

FEW = ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_5", "googlenet", "vit_b_16", "swin_t"]


def _of_convolution(
    grad, inputs, weight, bias, stride, padding, dilation, transposed, more, groups, mask, **_
):
    """Each output element takes one filter. A transposed convolution has an input one instead."""
    pixels = math.prod(inputs if transposed else grad)
    return 2 * pixels * math.prod(weight[1:]) * (mask[0] + mask[1])


_CORRECTED = {torch.ops.aten.convolution_backward: _of_convolution}


def summed(out):
    """The sum of all floating-point tensors in an output that require grad."""
    if isinstance(out, torch.Tensor):
        return out.sum() if out.requires_grad else 0
    if not isinstance(out, (dict, list, tuple)):
        return 0
    return sum(map(summed, out.values() if isinstance(out, dict) else out))


def oracle(model, *args, **kwargs):
    """MACs of the forward and of the backward pass."""
    with FlopCounterMode(display=False, custom_mapping=_CORRECTED) as mode:
        summed(model(*args, **kwargs)).backward()
    return mode.get_total_flops() // 2


def check(model, *args, **kwargs):
    counter = hookcount.Counter(run="shapes")
    report = Training(loss=summed, counter=counter).count(model, *args, **kwargs)
    fifth = sum(
        record.ops.macs // 5
        for record in report.backward.records
        if "attention" in record.target and "backward" in record.target
    )
    assert report.step.macs - fifth == oracle(model, *args, **kwargs)
    assert report.step.uncounted == ()
    assert not any(each.ops.macs for each in report.step.records if each.path == "<outside>")
    assert all(each.grad is None or each.grad.is_meta for each in model.parameters())


def on_meta(model):
    return model.train().to("meta")


def check_named(name):
    built = build(name)
    (images,) = built.args
    check(on_meta(built.model), images.new_empty((2, *images.shape[1:]), device="meta"))


@pytest.mark.parametrize("name", FEW)
def test_torchvision(name):
    check_named(name)


CLASSIFIERS = torchvision.models.list_models(module=torchvision.models)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*CLASSIFIERS} - {*FEW}))
def test_all_classifiers(name):
    check_named(name)


def _timm_names():
    timm = pytest.importorskip("timm")
    huge = ("giant", "gigant", "huge", "enormous", "xxl", "xlarge", "large", "_l_", "_g_")
    names = [each for each in timm.list_models() if not any(part in each for part in huge)]
    return random.Random(1).sample(names, 24)


@pytest.mark.zoo
def test_models_of_timm():
    for name in _timm_names():
        check_named(f"timm:{name}")


def _small():
    size = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    size |= {"intermediate_size": 128, "vocab_size": 1000, "attn_implementation": "eager"}
    few = {"num_key_value_heads": 2}
    return {
        "BertForMaskedLM": ("BertConfig", size),  # its head's weight is that of the embedding
        "LlamaForCausalLM": ("LlamaConfig", size | few),
        "Qwen2ForCausalLM": ("Qwen2Config", size | few),
        "GPT2LMHeadModel": (
            "GPT2Config",
            {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 1000}
            | {"attn_implementation": "eager", "bos_token_id": 0, "eos_token_id": 0},
        ),
    }


@pytest.mark.zoo
@pytest.mark.parametrize("kind", ["full", "frozen", "checkpoint", "reentrant checkpoint"])
@pytest.mark.parametrize("name", _small())
def test_models_of_transformers(name, kind):
    transformers = pytest.importorskip("transformers")
    config, options = _small()[name]
    model = getattr(transformers, name)(getattr(transformers, config)(**options)).train()
    if kind == "frozen":
        parameters = list(model.parameters())
        for each in parameters[: len(parameters) // 2]:
            each.requires_grad_(False)
    if "checkpoint" in kind:
        model.gradient_checkpointing_enable({"use_reentrant": kind.startswith("reentrant")})
        model.enable_input_require_grads()
    # eager attention on the CPU: there the oracle sees no fused one
    ids = torch.ones(2, 17, dtype=torch.long)
    counter = hookcount.Counter(run="shapes")
    report = Training(loss=summed, counter=counter).count(model, input_ids=ids)
    assert report.step.macs == oracle(model, input_ids=ids)
    assert report.step.uncounted == ()
    assert (report.recompute.macs > 0) == ("checkpoint" in kind)
