"""A training step against torch's ``FlopCounterMode``: see ``benchmarks/training/oracle.py``.

It runs on meta, where it sees fused attention. The models of transformers read values of masks, so
they run on the CPU, with the eager attention.
"""

import random

import pytest
import torchvision
from training.oracle import four_products, oracle, summed
from training.text import KINDS, SMALL, inputs, made

import hookcount
from hookcount import Training
from hookcount.models import build

FEW = ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_5", "googlenet", "vit_b_16", "swin_t"]


def check(model, *args, **kwargs):
    counter = hookcount.Counter(run="shapes")
    report = Training(loss=summed, counter=counter).count(model, *args, **kwargs)
    assert four_products(report) == oracle(model, *args, **kwargs)
    assert report.step.uncounted == ()
    assert not any(each.ops.macs for each in report.step.records if each.path == "<outside>")
    return report


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


@pytest.mark.zoo
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SMALL)
def test_models_of_transformers(name, kind):
    pytest.importorskip("transformers")
    if kind == "LoRA":
        pytest.importorskip("peft")
    if kind == "tied" and not SMALL[name].tied:
        pytest.skip("it has no weight to share")
    report = check(made(name, kind), **inputs(name))
    assert (report.recompute.macs > 0) == ("checkpoint" in kind)
