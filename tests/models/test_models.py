"""From a name to a model: what is built, what it is given, and what is said of a wrong name."""

from __future__ import annotations

import json
import sys
import threading
import types

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models._api import WeightsEnum

import hookcount
from hookcount.core.errors import ModelError, UnknownModelError, near
from hookcount.models import build


@pytest.fixture(autouse=True)
def no_download(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a download was started")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("resnet50", [(1, 3, 224, 224)]),  # the sizes of torchvision's own page of weights
        ("inception_v3", [(1, 3, 299, 299)]),
        ("efficientnet_b7", [(1, 3, 600, 600)]),
        ("vit_b_16@IMAGENET1K_SWAG_E2E_V1", [(1, 3, 384, 384)]),
        ("fcn_resnet50", [(1, 3, 520, 520)]),
        ("r3d_18", [(1, 3, 16, 112, 112)]),
        ("raft_small", [(1, 3, 512, 512), (1, 3, 512, 512)]),
    ],
)
def test_default_inputs_of_torchvision(name, shapes):
    built = build(name)
    assert [tuple(each.shape) for each in built.args] == shapes
    assert built.kwargs == {}


@pytest.mark.parametrize(
    ("name", "side"),
    [("ssdlite320_mobilenet_v3_large", 320), ("fasterrcnn_mobilenet_v3_large_320_fpn", 320)],
)
def test_detectors_take_a_list_of_images(name, side):
    built = build(name)
    assert [tuple(each.shape) for each in built.args[0]] == [(3, side, side)]
    other = built.with_inputs([torch.zeros(3, 64, 64), torch.zeros(3, 32, 32)], {})
    assert [tuple(each.shape) for each in other.args[0]] == [(3, 64, 64), (3, 32, 32)]


def test_models_are_built_in_eval_mode_and_without_memory():
    built = build("vgg19")
    assert not any(each.training for each in built.model.modules())
    assert all(
        each.is_meta for each in [*built.model.parameters(), *built.model.buffers(), *built.args]
    )


def test_a_device_gives_the_model_values():
    built = build("squeezenet1_1", device="cpu")
    assert all(each.device.type == "cpu" for each in [*built.model.parameters(), *built.args])
    assert built.model(*built.args).isfinite().all()


def test_meta_that_is_asked_for_is_given_also_where_values_are_needed():
    def on_meta(device):
        return {
            each.is_meta
            for each in build("ssdlite320_mobilenet_v3_large", device).model.parameters()
        }

    assert on_meta("meta") == {True}
    assert on_meta(None) == {False}  # which boxes survive is in its values


def test_a_constructor_that_reads_values_is_built_all_the_same():
    # regnet takes its widths out of tensors with tolist(), which plain meta construction cannot do
    assert all(each.is_meta for each in build("regnet_y_128gf").model.parameters())


def test_the_model_is_the_one_that_its_weights_belong_to():
    def layers(name):
        return {type(each).__name__ for each in build(name).model.modules()}

    # with weights=None these are built with norms that train, and without the auxiliary head
    assert "FrozenBatchNorm2d" in layers("fcos_resnet50_fpn")
    assert "BatchNorm2d" not in layers("fcos_resnet50_fpn")
    assert build("fcn_resnet50").model.aux_classifier is not None


def test_no_warning_is_printed(recwarn, capfd):
    for name in ("googlenet", "inception_v3", "quantized_shufflenet_v2_x0_5"):
        build(name)
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


def test_loading_and_downloading_are_as_before_afterwards():
    load, download = nn.Module.load_state_dict, WeightsEnum.get_state_dict
    build("resnet18")
    with pytest.raises(UnknownModelError):
        build("resnet18@NONE")
    assert nn.Module.load_state_dict is load
    assert WeightsEnum.get_state_dict is download


def test_another_thread_loads_its_weights_meanwhile(monkeypatch):
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    made = models.get_model

    def slow(*args, **kwargs):
        thread = threading.Thread(target=target.load_state_dict, args=(source.state_dict(),))
        thread.start()
        thread.join()
        return made(*args, **kwargs)

    monkeypatch.setattr(models, "get_model", slow)
    build("squeezenet1_1")
    assert torch.equal(target.weight, source.weight)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("resnet5O", "resnet50"),
        ("ResNet50", "resnet50"),
        ("swin", "swin_t"),
        ("resnet18@IMAGENET1K_V2", "IMAGENET1K_V1"),
        ("torch.nn:Rellu", "ReLU"),
    ],
)
def test_a_wrong_name_suggests_near_ones(name, meant):
    with pytest.raises(UnknownModelError, match=meant) as caught:
        build(name)
    assert repr(name) in str(caught.value)
    assert "To fix it" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "zzzzzzzz",
        ":factory",
        "module:",
        "no_such_package.module:factory",
        "no/such/file.py:factory",
    ],
)
def test_a_name_that_is_like_no_other_says_what_there_is(name):
    with pytest.raises(UnknownModelError, match="To fix it: "):
        build(name)


def test_near_names():
    assert near("resnet5O", ["alexnet", "resnet50", "vgg16"]) == ["resnet50"]
    assert near("b_16", ["vit_b_16", "vit_l_32"]) == ["vit_b_16"]
    assert near("", ["vit_b_16"]) == []


# -- timm


def test_timm_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UnknownModelError, match=r"pip install 'hookcount\[timm\]'"):
        build("timm:resnet18")


@pytest.fixture
def timm(monkeypatch):
    """A package that is called as timm is."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.pretrained_cfg = {"input_size": (3, 160, 160)}
            self.conv = nn.Conv2d(3, 8, 16)

        def forward(self, x):
            return self.conv(x)

    def create_model(name, pretrained):
        assert pretrained is False
        return Net()

    fake = types.SimpleNamespace(
        list_models=lambda: ["net_tiny", "net_large"], create_model=create_model
    )
    monkeypatch.setitem(sys.modules, "timm", fake)


def test_timm_with_the_input_size_of_its_settings(timm):
    built = build("timm:net_tiny")
    assert built.args[0].shape == (1, 3, 160, 160)
    assert hookcount.count(built.model, *built.args).macs == 8 * 3 * 16 * 16 * 145 * 145
    assert build("timm:net_tiny.a_tag").args[0].shape == (1, 3, 160, 160)
    with pytest.raises(UnknownModelError, match="did you mean net_large, net_tiny"):
        build("timm:net")


@pytest.mark.zoo
def test_timm_itself():
    pytest.importorskip("timm")
    assert build("timm:vit_tiny_patch16_224").args[0].shape == (1, 3, 224, 224)


@pytest.mark.zoo
@pytest.mark.parametrize(
    "name",
    [
        "vit_giant_patch14_224",
        "vit_base_r50_s16_384",
    ],  # the second runs a part of itself when it is built
)
def test_the_largest_take_no_memory(name):
    pytest.importorskip("timm")
    built = build(f"timm:{name}")
    held = [*built.model.parameters(), *built.model.buffers(), *built.args]
    assert all(each.is_meta for each in held)
    assert sum(each.numel() for each in built.model.parameters()) > (
        10**9 if "giant" in name else 10**7
    )


# -- transformers

THIN = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("settings", "inputs"),
    [
        ({"model_type": "bert", **THIN}, {"input_ids": (1, 128)}),
        (
            {"model_type": "gpt2", "n_embd": 16, "n_head": 2, "n_layer": 1, "n_positions": 40},
            {"input_ids": (1, 40)},
        ),
        (
            {"model_type": "vit", **THIN, "image_size": 48, "num_channels": 1},
            {"pixel_values": (1, 1, 48, 48)},
        ),
        ({"model_type": "yolos", **THIN, "image_size": [32, 64]}, {"pixel_values": (1, 3, 32, 64)}),
        (
            {"model_type": "videomae", **THIN, "image_size": 32, "num_frames": 4},
            {"pixel_values": (1, 4, 3, 32, 32)},
        ),
        (
            {
                "model_type": "clip",
                "vision_config": {**THIN, "image_size": 64},
                "text_config": {**THIN, "vocab_size": 60},
            },
            {
                "input_ids": (1, 77),
                "pixel_values": (1, 3, 64, 64),
            },  # CLIP's texts have 77 positions
        ),
        (
            {
                "model_type": "t5",
                "d_model": 16,
                "d_ff": 24,
                "d_kv": 8,
                "num_heads": 2,
                "num_layers": 1,
            },
            {"input_ids": (1, 128), "decoder_input_ids": (1, 128)},
        ),
        (
            {
                "model_type": "whisper",
                "d_model": 16,
                "encoder_layers": 1,
                "decoder_layers": 1,
                "num_mel_bins": 8,
            }
            | {
                "encoder_attention_heads": 2,
                "decoder_attention_heads": 2,
                "max_source_positions": 30,
            },
            {
                "input_features": (1, 8, 60),
                "decoder_input_ids": (1, 128),
            },  # a position is two frames
        ),
    ],
)
def test_default_inputs_of_transformers(tmp_path, settings, inputs):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(json.dumps(settings))
    built = build(f"hf:{tmp_path}")
    assert {name: tuple(each.shape) for name, each in built.kwargs.items()} == inputs
    assert all(each.is_meta for each in [*built.model.parameters(), *built.model.buffers()])
    assert hookcount.count(built.model, **built.kwargs).require_complete().run == "shapes"
    real = build(f"hf:{tmp_path}", real=True)
    assert hookcount.Counter(run="real").count(real.model, **real.kwargs).macs > 0


@pytest.mark.zoo
@pytest.mark.parametrize(
    "settings",
    [
        {
            "model_type": "detr",
            "use_timm_backbone": False,
            "backbone": None,
            "backbone_config": {"model_type": "resnet"},
        },
        {"model_type": "wav2vec2", **THIN},
        {
            "model_type": "llava",
            "architectures": ["LlavaForConditionalGeneration"],
            "text_config": {"model_type": "llama", **THIN},
        },
    ],
)
def test_transformers_that_do_not_tell_their_input(tmp_path, settings):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(json.dumps(settings))
    built = build(f"hf:{tmp_path}")
    assert built.kwargs == {}
    assert built.missing_inputs()


# -- Python code


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "neighbour_of_nets.py").write_text("WIDTH = 5\n")
    (tmp_path / "nets_in_a_file.py").write_text(
        """
import torch, sys
from torch import nn
from neighbour_of_nets import WIDTH

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, WIDTH)
    def forward(self, x, scale=1.0):
        return self.lin(x) * scale
    @classmethod
    def made(cls):
        return cls()

net = Net()
number = 3
def wide(width): return nn.Linear(width, width)
def broken(): raise KeyError("no such part")
def leaves(): sys.exit(3)
def nothing(): return None
"""
    )
    (tmp_path / "broken_file.py").write_text("import no_such_dependency\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("nets_in_a_file", "neighbour_of_nets", "_hookcount_nets_in_a_file"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("source", ["nets_in_a_file", "nets_in_a_file.py", "./nets_in_a_file.py"])
@pytest.mark.parametrize("attribute", ["Net", "net", "Net.made"])
def test_a_class_an_instance_and_a_factory(folder, source, attribute):
    built = build(f"{source}:{attribute}")
    assert hookcount.count(built.model, torch.zeros(2, 3)).macs == 2 * 3 * 5
    assert not built.model.training
    assert built.args is None
    assert built.missing_inputs() == ["x"]


def test_a_factory_s_model_is_where_the_factory_puts_it_unless_it_is_told(folder):
    def places(**options):
        return {
            each.device.type
            for each in build("nets_in_a_file.py:Net", **options).model.parameters()
        }

    assert places() == places(real=True) == places(device="cpu") == {"cpu"}
    assert places(device="meta") == {"meta"}


def test_a_file_never_takes_the_place_of_another_module(tmp_path):
    (tmp_path / "random.py").write_text("from torch import nn\nnet = nn.Identity()\n")
    import random

    build(f"{tmp_path}/random.py:net")
    assert sys.modules["random"] is random
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("wide", "missing 1 required positional argument"),
        ("broken", "KeyError: 'no such part'"),
        ("leaves", "SystemExit: 3"),
        ("nothing", "returned an object of type NoneType"),
    ],
)
def test_a_factory_that_fails_is_told_with_its_reason(folder, attribute, said):
    with pytest.raises(ModelError, match=said) as caught:
        build(f"nets_in_a_file.py:{attribute}")
    assert not isinstance(caught.value, UnknownModelError)
    assert "To fix it" in str(caught.value)


def test_code_that_cannot_be_imported_is_told_with_its_reason(folder):
    for name in ("broken_file.py:net", "broken_file:net"):
        with pytest.raises(ModelError, match="No module named 'no_such_dependency'") as caught:
            build(name)
        assert not isinstance(caught.value, UnknownModelError)
    assert "broken_file" not in sys.modules


def test_what_is_no_model(folder):
    with pytest.raises(UnknownModelError, match="an object of type int"):
        build("nets_in_a_file.py:number")
    with pytest.raises(UnknownModelError, match="nets_in_a_file.py:FACTORY"):
        build("nets_in_a_file.py")
