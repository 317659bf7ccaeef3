"""Every published figure of torchvision: MACs and parameters of all weights that carry them, and
FlopCounterMode's own.

``_ops`` is in giga-MACs with three decimals, made by torchvision on its own inputs (a random image
through the weights'
own transforms; 16 frames of video; 512 x 512 for optical flow; a square per detector), which are
``build``'s defaults.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytest
import torch
from helpers.marks import QUICK_MODELS, slow_but
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

import hookcount
from hookcount.models import Built, build

UNTRAINED = (
    "how many proposals survive, and so how often the heads run, depends on trained weights, and "
    "these are random: "
    "compared with FlopCounterMode on the same weights and image instead"
)
PACKED = (
    "a quantized model holds its weights packed, not as parameters, and num_params is copied "
    "from the float model: "
    "compared on the float build"
)
EXCEPTIONS = {
    **dict.fromkeys(
        [
            "fasterrcnn_mobilenet_v3_large_320_fpn",
            "fasterrcnn_mobilenet_v3_large_fpn",
            "fasterrcnn_resnet50_fpn",
            "fasterrcnn_resnet50_fpn_v2",
            "keypointrcnn_resnet50_fpn",
            "maskrcnn_resnet50_fpn",
            "maskrcnn_resnet50_fpn_v2",
        ],
        UNTRAINED,
    ),
    **dict.fromkeys(
        [name for name in models.list_models() if name.startswith("quantized_")], PACKED
    ),
}
"""Where the table's own figure is not the one to meet, and why. Each model here has a test of its
own below.
"""


def group_of(name: str) -> str:
    inner = (
        models.get_model_builder(name).__module__.removeprefix("torchvision.models.").partition(".")
    )
    return inner[0] if inner[2] else "classification"


NAMES = sorted(models.list_models())
GROUPS = {name: group_of(name) for name in NAMES}
CLASSIFIERS = [name for name in NAMES if GROUPS[name] == "classification"]
DETECTORS = [name for name in NAMES if GROUPS[name] == "detection"]
QUANTIZED = [name for name in NAMES if GROUPS[name] == "quantization"]
TWO_STAGE = [name for name in DETECTORS if name in EXCEPTIONS]


def shapes(inputs: Any) -> Any:
    return (
        [shapes(each) for each in inputs]
        if isinstance(inputs, (list, tuple))
        else tuple(inputs.shape)
    )


class Subject:
    """A model as each of its weights has it: one build, and one count, for all weights that share
    an input.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries = list(models.get_model_weights(name))
        by_input: dict[str, tuple[Built, list[Any]]] = {}
        for entry in self.entries:
            built = build(f"{name}@{entry.name}")
            by_input.setdefault(str(shapes(built.args)), (built, []))[1].append(entry)
        self.builds = list(by_input.values())

    @functools.cached_property
    def counted(self) -> list[tuple[Built, list[Any], hookcount.Report]]:
        return [
            (built, entries, hookcount.count(built.model, *built.args))
            for built, entries in self.builds
        ]


@pytest.fixture(scope="module")
def subject(request: pytest.FixtureRequest) -> Subject:
    backend = models.get_model_weights(request.param).DEFAULT.meta.get("backend")
    if backend and backend not in torch.backends.quantized.supported_engines:
        pytest.skip(f"this torch cannot quantize for {backend}")
    return Subject(request.param)


def each(names: list[str]) -> pytest.MarkDecorator:
    """One test per model; those of one model run one after the other and share its builds and
    counts.
    """
    return pytest.mark.parametrize(
        "subject", slow_but(QUICK_MODELS, names), indirect=True, scope="module"
    )


def flop_counter_macs(built: Built) -> int:
    with FlopCounterMode(display=False) as counter:
        built.model(*built.args)
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


def published(entry: Any) -> Any:
    """The published giga-MACs: within 0.5 %, or within the rounding of its three decimals."""
    return pytest.approx(entry.meta["_ops"], rel=0.005, abs=0.0005)


def test_the_table_has_what_is_claimed_of_it():
    entries = [entry for name in NAMES for entry in models.get_model_weights(name)]
    assert len(NAMES) == 121
    assert len(entries) == 166
    assert all("_ops" in entry.meta and "num_params" in entry.meta for entry in entries)
    assert len(CLASSIFIERS) == 80
    assert len(TWO_STAGE) == 7
    assert set(EXCEPTIONS) == {*TWO_STAGE, *QUANTIZED}


@each([name for name in NAMES if name not in EXCEPTIONS])
def test_macs_and_params_are_the_published_ones(subject: Subject):
    for _, entries, report in subject.counted:
        report.require_complete()
        for entry in entries:
            assert report.macs / 1e9 == published(entry), entry.name
            assert report.params == entry.meta["num_params"], entry.name


@each(CLASSIFIERS)
def test_classifiers_equal_flop_counter_to_the_integer(subject: Subject):
    for built, _, report in subject.counted:
        assert report.macs == flop_counter_macs(built)


@each([name for name in CLASSIFIERS if name.startswith("vit_")])
def test_the_fused_attention_costs_what_its_parts_cost(subject: Subject):
    # without grad, nn.MultiheadAttention is one op that FlopCounterMode does not see
    for built, _, report in subject.counted:
        with torch.no_grad():
            fused = hookcount.count(built.model, *built.args)
        assert fused.total == report.total


@each([name for name in DETECTORS if name not in TWO_STAGE])
def test_one_stage_detectors_equal_flop_counter_to_the_integer(subject: Subject):
    for built, _, report in subject.counted:
        assert report.macs == flop_counter_macs(built)


@pytest.mark.parametrize("name", slow_but(QUICK_MODELS, TWO_STAGE))
def test_two_stage_detectors_equal_flop_counter_on_the_same_weights(name: str):
    torch.manual_seed(0)
    built = build(name)
    # smaller than the default: what is compared holds for any image
    built.model.transform.min_size, built.model.transform.max_size = (256,), 256
    with torch.no_grad():
        report = hookcount.count(built.model, *built.args).require_complete()
        assert report.macs == flop_counter_macs(built)
    for entry in models.get_model_weights(name):
        assert report.params == entry.meta["num_params"], entry.name


@each(QUANTIZED)
def test_quantized_models_do_the_macs_of_the_float_model(subject: Subject):
    for _, entries, report in subject.counted:
        report.require_complete()
        for entry in entries:
            assert report.macs / 1e9 == published(entry), entry.name


@pytest.mark.parametrize("name", slow_but(QUICK_MODELS, QUANTIZED))
def test_the_float_model_of_a_quantized_one_has_its_params(name: str):
    options: dict[str, Any] = {"weights": None, "quantize": False}
    if "googlenet" in name:
        options.update(
            aux_logits=False, init_weights=False
        )  # its weights come without the auxiliary heads
    if "inception" in name:
        options.update(init_weights=False)
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        model = models.get_model(name, **options)
    for entry in models.get_model_weights(name):
        assert hookcount.size(model).parameters == entry.meta["num_params"], entry.name
