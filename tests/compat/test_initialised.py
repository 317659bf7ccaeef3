"""Lazy modules get their shapes on a copy, in every front door."""

import contextlib
import io

import pytest
import torch
from helpers.functions import Fn
from torch import nn

from hookcount.compat import mmcv, mmengine, thop, torchprofile, torchsummary, ultralytics_thop
from hookcount.compat.calflops import calculate_flops
from hookcount.compat.deepspeed import get_model_profile
from hookcount.compat.fvcore import FlopCountAnalysis, flop_count_table
from hookcount.compat.initialised import has_lazy, initialised
from hookcount.compat.ptflops import get_model_complexity_info
from hookcount.compat.torchinfo import summary

IMAGES = torch.zeros(2, 3, 6, 6)


def lazy():
    return nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10))


def plain():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 10))


def complexity(model, backend):
    return get_model_complexity_info(
        model, (3, 6, 6), as_strings=False, print_per_layer_stat=False, backend=backend
    )


def analysis(model):
    found = FlopCountAnalysis(model.eval(), IMAGES)
    return found.by_module_and_operator(), flop_count_table(found)


def printed(model):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        torchsummary.summary(model, (3, 6, 6), device="cpu")
    return out.getvalue()


DOORS = {
    "torchinfo": lambda model: (
        (found := summary(model, input_data=IMAGES, verbose=0)).total_params,
        found.total_mult_adds,
    ),
    "thop": lambda model: thop.profile(model, inputs=(IMAGES,), verbose=False),
    "torchprofile": lambda model: torchprofile.profile_macs(model.eval(), IMAGES),
    "fvcore": analysis,
    "ptflops": lambda model: complexity(model, "pytorch"),
    "ptflops, aten": lambda model: complexity(model, "aten"),
    "mmcv": lambda model: mmcv.get_model_complexity_info(model, (3, 6, 6), ost=io.StringIO()),
    "mmengine": lambda model: mmengine.get_model_complexity_info(model.eval(), inputs=IMAGES),
    "torchsummary": printed,
    "ultralytics-thop": lambda model: ultralytics_thop.profile(model, (IMAGES,), verbose=False),
    "calflops": lambda model: calculate_flops(model, args=[IMAGES], print_results=False),
    "deepspeed": lambda model: get_model_profile(model, args=[IMAGES], print_profile=False),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_counts_them_as_the_modules_that_they_become(door):
    model = lazy()
    assert DOORS[door](model) == DOORS[door](plain())
    assert has_lazy(model)


def test_the_model_stays_as_it_is():
    model = lazy()
    model[1].eval()
    modes = [each.training for each in model.modules()]
    hooks = [dict(each._forward_pre_hooks) for each in model.modules()]
    random, images = torch.get_rng_state(), IMAGES.clone()
    made = initialised(model, (images,), {})
    assert not has_lazy(made)
    assert [each.training for each in made.modules()] == modes
    assert [each.training for each in model.modules()] == modes
    assert [dict(each._forward_pre_hooks) for each in model.modules()] == hooks
    assert torch.equal(torch.get_rng_state(), random)
    assert has_lazy(model)
    assert model(images).shape == (2, 10)  # it can still be initialised
    assert not has_lazy(model)


def test_the_running_statistics_of_the_copy_have_seen_no_input():
    made = initialised(lazy(), (torch.ones(2, 3, 6, 6),), {})
    assert torch.equal(made[1].running_mean, torch.zeros(8))
    assert int(made[1].num_batches_tracked) == 0


def test_the_inputs_stay_as_they_are():
    model = Fn(lambda self, x, by: self.linear(x["a"].mul_(2)) * by, linear=nn.LazyLinear(4))
    given = {"a": torch.ones(2, 8)}
    assert initialised(model, (given,), {"by": 3}).linear.weight.shape == (4, 8)
    assert torch.equal(given["a"], torch.ones(2, 8))


def test_on_meta():
    made = initialised(lazy(), (IMAGES.to("meta"),), {})
    assert {each.device.type for each in made.parameters()} == {"meta"}
    assert made[3].weight.shape == (10, 128)


@pytest.mark.parametrize("model", [plain(), nn.ReLU(), "no model"])
def test_any_other_model_is_not_copied(model):
    assert initialised(model, (IMAGES,), {}) is model


def test_the_parameters_of_a_layer_that_does_not_run_keep_no_shape():
    model = Fn(lambda self, x: self.used(x), used=nn.LazyLinear(4), unused=nn.LazyLinear(4))
    made = initialised(model, (torch.zeros(2, 8),), {})
    assert made.used.weight.shape == (4, 8)
    assert has_lazy(made)
