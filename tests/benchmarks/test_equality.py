"""``benchmarks/agreement/equality.py`` on a part of its models, and ``benchmarks/lib/collection/``.

All of its models are run by hand.
"""

from __future__ import annotations

import contextlib
import json
import warnings

import pytest
import torch
from agreement import equality, subjects
from agreement.comparing import Subject
from helpers.marks import slow_but
from lib.collection import models as collection
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import hookcount


def equal(subject):
    result = equality.compared(subject)
    assert not result.skipped
    assert [text for text in result.differences if not equality.explained(result.name, text)] == []
    assert result.rows > 0
    return result


def subject_of(source, name):
    return next(each for each in source if each.name.endswith(f":{name}"))


# -- models

CONSTANTS_READ = "deformable-detr-r50 d-fine-l grounding-dino-t mask2former-swin-t qwen2.5-vl-3b"
ATTENTION = "owlv2-b16 sam-b t5-base whisper-small gemma-3-4b llava-1.5-7b"
MIXTURES_AND_STATES = "mixtral-8x7b deepseek-v3 qwen3.5-9b mamba-130m mamba2-7b"

# FlopCounterMode leaves out torch's grouped product on the CPU, and a matrix times a vector
UNSEEN = {
    "mixtral-8x7b": 2
    * 20
    * 2
    * (16 * 2 * 24 + 24 * 16),  # layers, tokens, experts of a token, its three products
    "deepseek-v3": 1 * 20 * 2 * (16 * 2 * 12 + 12 * 16),
    "d-fine-l": 2 * 7 * 4 * 33,  # layers, queries, sides of a box, bins
}


@pytest.mark.zoo
@pytest.mark.parametrize(
    "name", [*CONSTANTS_READ.split(), *ATTENTION.split(), *MIXTURES_AND_STATES.split()]
)
def test_small_models_of_transformers(name):
    pytest.importorskip("transformers")
    if name == "mask2former-swin-t":
        pytest.importorskip("scipy")
    result = equal(subject_of(equality.transformers_subjects(), name))
    model, inputs = collection.build(name, "small", "cpu")
    # written out, since FlopCounterMode knows fused attention on the CPU only from torch 2.15 on
    written_out = sdpa_kernel(SDPBackend.MATH)
    with warnings.catch_warnings(), written_out, FlopCounterMode(display=False) as counter:
        warnings.simplefilter("ignore")
        model(**inputs)
    assert result.macs == counter.get_total_flops() / 2 + UNSEEN.get(name, 0)


@pytest.mark.parametrize(
    "name",
    slow_but(
        ["mc3_18"],
        ["raft_small", "fcn_resnet50", "mc3_18", "fasterrcnn_mobilenet_v3_large_320_fpn"],
    ),
)
def test_models_of_torchvision(name):
    equal(subject_of(equality.torchvision_subjects(), name))


@pytest.mark.zoo
@pytest.mark.parametrize("name", ["levit_128s", "crossvit_tiny_240", "pvt_v2_b0"])
def test_models_of_timm(name):
    pytest.importorskip("timm")
    equal(subjects.timm_subject(name, 10**8))


# -- the collection

PUBLISHED = {  # the parameters of the checkpoints that these configurations are of
    "gpt2": 124_439_808,
    "bert-base": 109_514_298,
    "t5-base": 222_903_552,
    "clip-b32": 151_277_313,
    "whisper-small": 241_734_912,
    "llama-3.1-8b": 8_030_261_248,
    "qwen3-8b": 8_190_735_360,
    "qwen3-30b-a3b": 30_532_122_624,
    "gemma-3-4b": 3_880_263_168,
    "mixtral-8x7b": 46_702_792_704,
    "deepseek-v3": 671_026_419_200
    - 58 * 256,  # without the biases of its routers, which are buffers here
    "mamba-130m": 129_135_360,
    "llava-1.5-7b": 7_063_427_072,
    "qwen2.5-vl-3b": 3_754_622_976,
    "swin-t": 28_288_354,
}


@pytest.mark.zoo
@pytest.mark.parametrize("name", PUBLISHED)
def test_full_models_are_the_published_ones(name):
    pytest.importorskip("transformers")
    model, _ = collection.build(name, "full")
    assert all(each.is_meta for each in model.parameters())
    assert hookcount.size(model).parameters == PUBLISHED[name]


@pytest.mark.zoo
def test_a_full_model_is_counted_without_memory():
    pytest.importorskip("transformers")
    model, inputs = collection.build("yolos-s", "full")
    with FlopCounterMode(display=False) as counter:
        model(**inputs)
    assert hookcount.count(model, **inputs).require_complete().macs == counter.get_total_flops() / 2


# -- the comparison itself


class AsksForTheDevice(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x):
        y = self.lin(x)
        return y.relu() if y.is_meta else y


class NeedsValues(AsksForTheDevice):
    def forward(self, x):
        return self.lin(x[x > 0].reshape(-1, 1).expand(-1, 4))


class Warns(AsksForTheDevice):
    def forward(self, x):
        return torch.ops.equalitytest.secret(self.lin(x))


class Raises(AsksForTheDevice):
    def forward(self, x):
        raise ValueError("it cannot be run")


class NotOnMeta(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, int(torch.linspace(1, 3, 3).sum()))

    def forward(self, x):
        return self.lin(x)


@torch.library.custom_op("equalitytest::secret", mutates_args=())
def secret(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


secret.register_fake(torch.empty_like)


def subject(kind):
    def make(device):
        with torch.device(device):
            return kind().eval()

    return Subject(f"test:{kind.__name__}", make, lambda model: ((torch.ones(2, 4),), {}))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            AsksForTheDevice,
            [
                "as shapes: 1 paths: (model): 1 aten::relu",
                "on meta: 1 paths: (model): 1 aten::relu",
            ],
        ),
        (NeedsValues, ["as shapes: needs values", "on meta: needs values"]),
        (Warns, ["warned: some work is uncounted", "warned: some work is uncounted"]),
        (NotOnMeta, ["on meta: raised: RuntimeError"]),
    ],
)
def test_a_difference_is_told(kind, said):
    differences = equality.compared(subject(kind)).differences
    assert len(differences) == len(said)
    for text, start in zip(differences, said, strict=True):
        assert text.startswith(start)
        assert not equality.explained(f"test:{kind.__name__}", text)


def test_a_model_that_cannot_run_is_skipped():
    assert equality.compared(subject(Raises)).skipped == "ValueError: it cannot be run"


def test_results_are_kept_and_the_status_tells(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        equality, "timm_subjects", lambda *_: [subject(AsksForTheDevice), subject(Raises)]
    )
    threads, file = torch.get_num_threads(), tmp_path / "results.jsonl"
    try:
        for _ in range(2):
            assert equality.main(["--only", "timm", "--results", str(file)]) == 1
            assert "2 differences unexplained; 1 models not run" in capsys.readouterr().out
            assert [json.loads(line)["name"] for line in file.read_text().splitlines()] == [
                "test:AsksForTheDevice",
                "test:Raises",
            ]
        monkeypatch.setattr(equality, "compared", None)  # what has a result is not counted again
        monkeypatch.setitem(
            equality.KNOWN, "test:AsksForTheDevice *: * paths: *relu*", "it asks for the device"
        )
        assert equality.main(["--only", "timm", "--results", str(file)]) == 0
        assert "it asks for the device" in capsys.readouterr().out
    finally:
        torch.set_num_threads(threads)


def test_each_family_has_its_share():
    families = [[f"a{i}" for i in range(10)], ["b0"], ["c0", "c1", "c2"]]
    drawn = subjects.drawn(families, 7)
    assert [sum(name.startswith(letter) for name in drawn) for letter in "abc"] == [3, 1, 3]
    assert {"a0", "a9", "b0", "c0", "c2"} <= drawn
    assert len(subjects.drawn(families, 100)) == 14


with contextlib.suppress(
    ImportError
):  # it patches torch when it is first imported: before the snapshots of conftest.py
    import transformers

    transformers.logging.set_verbosity_error()
