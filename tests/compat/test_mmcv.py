"""``hookcount.compat.mmcv`` against products written out, and against mmcv itself where
``PEERS_DIR`` has it.
"""

import copy
import importlib
import io

import pytest
import torch
from helpers import apart
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.compat import mmcv
from hookcount.compat.mmcv import get_model_complexity_info
from hookcount.compat.mmcv.utils import flops_counter
from hookcount.compat.mmcv.utils.flops_counter import (
    add_flops_counting_methods,
    flops_to_string,
    get_modules_mapping,
    params_to_string,
    print_model_with_flops,
)

QUIET = {"print_per_layer_stat": False, "as_strings": False}


def small():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())


FLOPS = 8 * 4 * 4 * (27 + 1 + 2 + 1)  # for an image of 6 x 6
PARAMS = 8 * 27 + 8 + 2 * 8


def printed(model, shape, **options):
    out = io.StringIO()
    get_model_complexity_info(model, shape, ost=out, **options)
    return out.getvalue()


def test_numbers_and_texts():
    flops, params = get_model_complexity_info(small(), (3, 6, 6), **QUIET)
    assert (flops, params) == (FLOPS, PARAMS)
    assert (type(flops), type(params)) == (float, int)
    # 8 * 222 * 222 outputs, 31 each
    texts = get_model_complexity_info(small(), (3, 224, 224), print_per_layer_stat=False)
    assert texts == (f"{round(8 * 222 * 222 * 31 / 1e9, 2)} GFLOPs", "240")


@pytest.mark.parametrize("prefix", [mmcv, mmcv.utils, mmcv.utils.flops_counter])
def test_each_prefix_has_the_function(prefix):
    assert prefix.get_model_complexity_info is get_model_complexity_info


def test_the_form_of_pyramid_vision_transformers():
    """They count attention themselves and add it to the number."""
    flops, params = get_model_complexity_info(nn.Linear(64, 10), (49, 64), as_strings=False)
    flops += 2 * 49 * 49 * 64
    assert (
        flops_to_string(flops, "MFLOPs")
        == f"{round((49 * 64 * 10 + 2 * 49 * 49 * 64) / 1e6, 2)} MFLOPs"
    )
    assert params_to_string(params) == "650"


def test_the_form_of_mmdetection():
    """The forward is replaced by one that takes an image, and the text is cut."""

    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = small()

        def forward(self, img, img_metas):
            raise NotImplementedError

        def forward_dummy(self, img):
            return self.backbone(img)

    model = Detector()
    model.forward = model.forward_dummy
    flops, params = get_model_complexity_info(model, (3, 6, 6))
    assert float(flops.split(" ")[0]) == round(FLOPS / 1e9, 2)
    assert params == str(PARAMS)


def test_the_text_of_the_layers():
    assert printed(small(), (3, 6, 6)).splitlines() == [
        "Sequential(",
        "  0.0 M, 100.000% Params, 0.0 GFLOPs, 100.000% FLOPs, ",
        f"  (0): Conv2d(0.0 M, {224 / 240:.3%} Params, 0.0 GFLOPs, {28 / 31:.3%} FLOPs, "
        "3, 8, kernel_size=(3, 3), stride=(1, 1))",
        f"  (1): BatchNorm2d(0.0 M, {16 / 240:.3%} Params, 0.0 GFLOPs, {2 / 31:.3%} FLOPs, "
        f"{nn.BatchNorm2d(8).extra_repr()})",
        f"  (2): ReLU(0.0 M, 0.000% Params, 0.0 GFLOPs, {1 / 31:.3%} FLOPs, )",
        ")",
    ]


def test_the_text_of_a_model_without_parameters():
    assert printed(nn.GELU(), (5,)).startswith("GELU(0.0 M, 0.000% Params, 0.0 GFLOPs, 0.000%")


def test_a_wrapper_inside():
    inner = nn.Sequential(nn.Linear(4, 5), nn.ReLU())
    model = nn.Sequential(nn.DataParallel(inner), nn.Linear(5, 6))
    text = printed(model, (4,)).splitlines()
    figures = 4 * 5 + 5, 5 * 6
    assert [line.split(", ")[3] for line in text if "Params" in line] == [
        f"{each / sum(figures):.3%} FLOPs"
        for each in (sum(figures), figures[0], figures[0], 20, 5, figures[1])
    ]


def test_a_module_that_is_shared_counts_all_calls_at_each_place():
    inner = nn.Linear(8, 8, bias=False)
    model = nn.Sequential(nn.Sequential(inner), nn.Sequential(inner))
    assert get_model_complexity_info(model, (8,), **QUIET) == (2 * 64, 64)
    assert printed(model, (8,)).count("Linear(0.0 M, 100.000% Params, 0.0 GFLOPs, 100.000%") == 2


def test_functions_count_nothing():
    class Calls(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 8))

        def forward(self, x):
            return F.relu(F.linear(x, self.weight)) @ self.weight

    assert get_model_complexity_info(Calls(), (8,), **QUIET) == (0, 32)


@pytest.mark.parametrize("named", [True, False])
def test_a_constructor_gives_names_or_one_tensor(named):
    """By name, the tool takes all samples for one. Of a tensor it takes the mean."""
    given = []

    def constructor(shape):
        given.append(shape)
        x = torch.zeros(5, *shape)
        return {"input": x} if named else x

    found = get_model_complexity_info(nn.Linear(8, 4), (8,), input_constructor=constructor, **QUIET)
    assert found == (8 * 4 * (5 if named else 1), 36)
    assert given == [(8,)]


@pytest.mark.parametrize("shape", [[3, 6, 6], (), 3, torch.Size((3, 6, 6)), None])
def test_a_shape_is_a_tuple(shape):
    with pytest.raises(AssertionError, match="give a tuple") as caught:
        get_model_complexity_info(small(), shape)
    assert isinstance(caught.value, hookcount.InputError)


def test_the_methods_count_several_forwards():
    inner = nn.Linear(8, 8)
    model = add_flops_counting_methods(nn.Sequential(nn.Sequential(inner), inner, nn.ReLU()))
    model.eval().start_flops_count()
    model(torch.zeros(3, 8))
    model(torch.zeros(2, 8))
    model.stop_flops_count()
    model(torch.zeros(7, 8))
    assert model.compute_average_flops_cost() == (2 * 64 + 8, 72)
    model.reset_flops_count()
    with pytest.raises(hookcount.InputError, match="start_flops_count"):
        model.compute_average_flops_cost()
    assert not any(each._forward_hooks for each in model.modules())


def test_frozen_parameters_do_not_count():
    model = small()
    model[0].requires_grad_(False)
    assert get_model_complexity_info(model, (3, 6, 6), **QUIET) == (FLOPS, 16)


def test_the_model_stays_as_it_is():
    model = small()
    before = {name: set(vars(each)) for name, each in model.named_modules()}
    state = {name: each.clone() for name, each in model.state_dict().items()}
    printed(model, (3, 6, 6))
    assert model.training
    assert {name: set(vars(each)) for name, each in model.named_modules()} == before
    assert not any(each._forward_hooks for each in model.modules())
    assert all(torch.equal(each, state[name]) for name, each in model.state_dict().items())


def test_on_meta_and_in_half():
    with torch.device("meta"):
        model = small()
    assert get_model_complexity_info(model, (3, 6, 6), **QUIET) == (FLOPS, PARAMS)
    assert get_model_complexity_info(small().half(), (3, 6, 6), **QUIET) == (FLOPS, PARAMS)


@pytest.mark.parametrize(
    ("flops", "units", "text"),
    [
        (6.54321e9, "GFLOPs", "6.54 GFLOPs"),
        (6.54321e9, "MFLOPs", "6543.21 MFLOPs"),
        (6.54321e9, "KFLOPs", "6543210.0 KFLOPs"),
        (6.54321e9, "FLOPs", "6543210000.0 FLOPs"),
        (6.54321e9, None, "6.54 GFLOPs"),
        (1e9, None, "1.0 GFLOPs"),
        (3.21e7, None, "32.1 MFLOPs"),
        (5.4e3, None, "5.4 KFLOPs"),
        (987, None, "987 FLOPs"),
    ],
)
def test_flops_as_a_text(flops, units, text):
    assert flops_to_string(flops, units) == text


@pytest.mark.parametrize(
    ("params", "units", "text"),
    [
        (3.21e7, None, "32.1 M"),
        (4.56e5, None, "456.0 k"),
        (1000, None, "1.0 k"),
        (789, None, "789"),
        (6.54321e7, "K", "65432.1 K"),
        (6.54321e7, "", "65432100.0"),
        (25_557_032, "M", "25.56 M"),
    ],
)
def test_parameters_as_a_text(params, units, text):
    assert params_to_string(params, units) == text


def test_the_text_after_the_methods():
    model = add_flops_counting_methods(nn.Sequential(nn.Linear(8, 4), nn.ReLU()))
    with pytest.raises(hookcount.InputError, match="no forward"):
        print_model_with_flops(model, 36, 36)
    model.start_flops_count()
    model(torch.zeros(3, 8))
    out = io.StringIO()
    print_model_with_flops(model, 72.0, 36, units="KFLOPs", precision=4, ost=out)
    assert out.getvalue().splitlines() == [
        "Sequential(",
        "  0.0 M, 100.000% Params, 0.036 KFLOPs, 50.000% FLOPs, ",
        f"  (0): Linear(0.0 M, 100.000% Params, 0.032 KFLOPs, {32 / 72:.3%} FLOPs, "
        "in_features=8, out_features=4, bias=True)",
        f"  (1): ReLU(0.0 M, 0.000% Params, 0.004 KFLOPs, {4 / 72:.3%} FLOPs, )",
        ")",
    ]


class Scale(nn.Module):
    """A layer of one's own, with the attributes that hooks read."""

    affine = True

    def forward(self, x):
        return x


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("empty_flops_counter_hook", 0),
        ("norm_flops_counter_hook", 2 * 60),
        ("pool_flops_counter_hook", 60),
        ("relu_flops_counter_hook", 60),
        ("upsample_flops_counter_hook", 20),  # the first of 3 samples
        ("linear_flops_counter_hook", 60 * 5),
    ],
)
def test_the_hooks_add_to_a_module(name, figure):
    module, x = Scale(), torch.zeros(3, 4, 5)
    module.__flops__ = 7
    getattr(flops_counter, name)(module, (x,), x)
    assert module.__flops__ == 7 + figure


def test_the_mapping_has_each_class_that_counts():
    """A loop of one's own over it gives the figures of the door."""
    mapping, model, total = get_modules_mapping(), small(), 0
    assert get_modules_mapping() is not mapping
    for each in model:
        each.__flops__ = 0
        each.register_forward_hook(mapping[type(each)])
    model(torch.zeros(1, 3, 6, 6))
    for each in model:
        total += each.__flops__
    assert total == FLOPS


def _text(module, model, x):
    """The mean cost of a model, and the text of a module of the tool or of the door."""
    counted, out = module.add_flops_counting_methods(copy.deepcopy(model).eval()), io.StringIO()
    counted.start_flops_count()
    counted(x)
    cost = counted.compute_average_flops_cost()
    module.print_model_with_flops(counted, *cost, units="MFLOPs", precision=5, ost=out)
    counted.stop_flops_count()
    return cost, out.getvalue()


def _ask_mmcv():
    theirs = importlib.import_module("mmcv.cnn.utils.flops_counter")
    mapping, mine = theirs.get_modules_mapping(), get_modules_mapping()
    ours = {cls: hook for cls, hook in mapping.items() if not cls.__module__.startswith("mmcv")}
    assert {cls: _name(hook, theirs) for cls, hook in ours.items()} == {
        cls: _name(hook, flops_counter) for cls, hook in mine.items()
    }
    cases = [
        (small(), torch.zeros(2, 3, 6, 6)),
        (nn.Sequential(nn.Sequential(nn.Linear(8, 4)), nn.ELU(), Scale()), torch.zeros(3, 8)),
        (nn.Sequential(nn.ConvTranspose2d(3, 3, 2), nn.Upsample(scale_factor=2)), IMAGES),
    ]
    for model, x in cases:
        assert _text(flops_counter, model, x) == _text(theirs, model, x)
        for each in model:
            if type(each) in mine:
                out, found = each(x), []
                for hook in (mine[type(each)], mapping[type(each)]):
                    each.__flops__ = 3
                    hook(each, (x,), out)
                    found.append(each.__flops__)
                assert found[0] == found[1], each
            x = each(x)


IMAGES = torch.zeros(2, 3, 8, 8)


def _name(hook, module):
    return next(name for name, each in vars(module).items() if each is hook)


@pytest.mark.peers
def test_the_mapping_the_hooks_and_the_text_as_in_the_tool():
    apart.ask("mmcv-lite", __file__, _ask_mmcv, "mmcv/cnn/utils/flops_counter.py")
