"""Published figures for the models of ``rows.py``.

Each has its source, and the rule by which it counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import hookcount


@dataclass(frozen=True)
class Rule:
    """What a published figure counts. ``macs`` computes it from a report."""

    words: str
    macs: Callable[[hookcount.Report], int] = lambda report: report.macs


@dataclass(frozen=True)
class Figure:
    """A published figure.

    ``unit`` is GMACs, or GFLOPs where a MAC is two. ``value`` is text, so that it keeps the digits
    that were published.
    """

    value: str
    unit: str
    source: str
    rule: Rule
    why: str = ""
    """The reason for a difference that the rule does not explain."""

    def read(self, report: hookcount.Report) -> float:
        """The count by the rule of this figure, in its unit."""
        return self.rule.macs(report) * PER_MAC[self.unit] / 1e9

    def whole(self, report: hookcount.Report) -> float:
        """All MACs of the report, in the unit of this figure."""
        return report.macs * PER_MAC[self.unit] / 1e9

    def agrees(self, report: hookcount.Report) -> bool:
        """Whether ``read`` equals the published figure, up to one in its last digit."""
        digits = len(self.value.partition(".")[2])
        return abs(self.read(report) - float(self.value)) < 1.001 * 10**-digits


PER_MAC = {"GMACs": 1, "GFLOPs": 2}


def by_modules(report: hookcount.Report) -> int:
    return sum(each.ops.macs for each in report.records if each.by == "module")


def at(report: hookcount.Report, pattern: str) -> int:
    """The MACs at the paths in which ``pattern`` is found."""
    return sum(each.ops.macs for each in report.records if re.search(pattern, each.path))


def in_projections(report: hookcount.Report) -> int:
    """The MACs of the projections to queries, keys and values.

    In ``nn.MultiheadAttention`` these have no module of their own.
    """
    return at(report, r"self_attn\.[qkv]_proj$")


def second_branches(report: hookcount.Report) -> int:
    """The MACs of the 1 x 1 convolutions that deployment folds into the 3 x 3 ones beside them."""
    return at(report, r"bottlenecks\.\d+\.conv2\b")


ALL = Rule("all MACs")
MODULES = Rule("modules only, no products of attention", by_modules)
PACKED = Rule(
    "modules only, the packed in-projections of attention not among them",
    lambda report: by_modules(report) - in_projections(report),
)
MEAN = Rule("all MACs, the mean over images of COCO val2017; beside it our count of one image")
WITH_SEMANTICS = Rule(
    "also masks x classes: 100 * 150 * 512 * 512, done outside of the model here",
    lambda report: report.macs + 100 * 150 * 512 * 512,
)


def deployed(anchors: int) -> Rule:
    """The rule for a model that is folded for deployment.

    In transformers the box head of the encoder sees all ``anchors``. The authors' code first
    chooses 300 of them.
    """

    def macs(report: hookcount.Report) -> int:
        return (
            by_modules(report)
            - second_branches(report)
            - at(report, r"enc_bbox_head\b") * (anchors - 300) // anchors
        )

    return Rule(
        "modules only, branches folded as in deployment, the encoder's box head at 300 anchors "
        "instead of all",
        macs,
    )


def two_labels(layers: int) -> Rule:
    """The rule for a figure with 2 classes instead of 80.

    There are class heads at 8400 anchors and, ``layers`` times, at 300 queries.
    """
    extra = (80 - 2) * 256 * (8400 + 300 * layers)
    return Rule(
        f"all MACs, 2 classes: less 78 * 256 * (8400 + {300 * layers})",
        lambda report: report.macs - extra,
    )


def all_proposals(report: hookcount.Report) -> int:
    """The MACs if all 1000 proposals went through the box head."""
    each = 256 * 7 * 7 * 1024 + 1024 * 1024 + 1024 * (91 + 4 * 91)
    found = at(report, r"box_head\.fc6$") // (256 * 7 * 7 * 1024)
    return report.macs + (1000 - found) * each


ONE_EMBEDDING = Rule(
    "all MACs, the time step embedded once: here each of the 28 blocks does, and the end once more",
    lambda report: report.macs - at(report, r"norm1\.emb\b") * 28 // 29,
)
PROPOSALS = Rule("all MACs, 1000 proposals", all_proposals)

ELSEWHERE = "measured independently of hookcount: random weights, eval, batch 1"
DETR = "https://arxiv.org/abs/2005.12872, table 1"
RT_DETR = "https://arxiv.org/abs/2304.08069, table 2"
D_FINE = "https://github.com/Peterande/D-FINE"
OPEN_CLIP = "https://github.com/mlfoundations/open_clip/blob/main/docs/model_profile.csv"
TORCHVISION = "the ``_ops`` of torchvision's weights"
YOLO11 = "https://docs.ultralytics.com/models/yolo11"
LARGER = "an image of 3:2, 800 x 1199, takes {} G: the mean lies between"


def measured(value: str, rule: Rule = ALL) -> Figure:
    return Figure(value, "GMACs", ELSEWHERE, rule)


def torchvision(value: str, rule: Rule = ALL, why: str = "") -> Figure:
    return Figure(value, "GMACs", TORCHVISION, rule, why)


def paper(value: str, arxiv: str, unit: str = "GMACs", rule: Rule = ALL, why: str = "") -> Figure:
    return Figure(value, unit, f"https://arxiv.org/abs/{arxiv}", rule, why)


FIGURES: dict[str, tuple[Figure, ...]] = {
    "detr-r50": (measured("81.167"), Figure("86", "GMACs", DETR, MEAN, LARGER.format("91.070"))),
    "conditional-detr-r50": (
        measured("85.012"),
        paper("90", "2108.06152", rule=MEAN, why=LARGER.format("95.062")),
    ),
    "deformable-detr-r50": (
        measured("163.960"),
        paper("173", "2010.04159", rule=MEAN, why=LARGER.format("183.301")),
    ),
    "dab-detr-r50": (paper("94", "2201.12329", rule=MEAN, why=LARGER.format("96.698")),),
    "rt-detr-r18": (measured("30.570", two_labels(3)), Figure("60", "GFLOPs", RT_DETR, PACKED)),
    "rt-detr-r34": (Figure("92", "GFLOPs", RT_DETR, PACKED),),
    "rt-detr-r50": (measured("68.717", two_labels(6)), Figure("136", "GFLOPs", RT_DETR, PACKED)),
    "rt-detr-r101": (Figure("259", "GFLOPs", RT_DETR, PACKED),),
    "d-fine-n": (Figure("7", "GFLOPs", D_FINE, deployed(2000)),),
    "d-fine-s": (Figure("25", "GFLOPs", D_FINE, deployed(8400)),),
    "d-fine-m": (Figure("57", "GFLOPs", D_FINE, deployed(8400)),),
    "d-fine-l": (measured("47.681", two_labels(1)), Figure("91", "GFLOPs", D_FINE, deployed(8400))),
    "d-fine-x": (Figure("202", "GFLOPs", D_FINE, deployed(8400)),),
    "grounding-dino-t": (measured("330.637"),),
    "yolos-s": (measured("263.110"),),
    "owlv2-b16": (measured("558.132"),),
    "sam-b": (measured("487.851"),),
    "segformer-b0": (paper("8.4", "2105.15203"),),
    "maskformer-swin-t": (paper("55", "2107.06278", rule=WITH_SEMANTICS),),
    "mask2former-swin-t": (paper("74", "2112.01527", rule=WITH_SEMANTICS),),
    "swin-t": (paper("4.5", "2103.14030"),),
    "clip-b32": (Figure("14.78", "GFLOPs", OPEN_CLIP, ALL),),
    "siglip-b16": (Figure("46.44", "GFLOPs", OPEN_CLIP, ALL),),
    "rf-detr-nano": (measured("15.930"),),
    "rf-detr-small": (measured("29.804"),),
    "rf-detr-medium": (measured("39.281"),),
    "rf-detr-large": (measured("62.567"),),
    "yolo11n": (Figure("6.5", "GFLOPs", YOLO11, MODULES),),
    "yolo11s": (Figure("21.5", "GFLOPs", YOLO11, MODULES),),
    "yolo11m": (Figure("68.0", "GFLOPs", YOLO11, MODULES),),
    "yolo11l": (Figure("86.9", "GFLOPs", YOLO11, MODULES),),
    "yolo11x": (Figure("194.9", "GFLOPs", YOLO11, MODULES),),
    "ultralytics:rtdetr-l": (Figure("110", "GFLOPs", RT_DETR, ALL),),
    "ultralytics:rtdetr-x": (Figure("234", "GFLOPs", RT_DETR, ALL),),
    "stable-diffusion-1.5-unet": (paper("339", "2305.15798", rule=MODULES),),
    "dit-xl-2": (
        paper("118.64", "2212.09748", rule=ONE_EMBEDDING, why="0.02 G are not explained"),
    ),
    "torchvision:resnet50": (torchvision("4.089"),),
    "torchvision:vit_b_16": (torchvision("17.564"),),
    "torchvision:swin_t": (torchvision("4.491"),),
    "torchvision:mobilenet_v3_large": (torchvision("0.217"),),
    "torchvision:deeplabv3_resnet50": (torchvision("178.722"),),
    "torchvision:raft_small": (torchvision("47.655"),),
    "torchvision:swin3d_t": (torchvision("43.882"),),
    "torchvision:fasterrcnn_resnet50_fpn": (torchvision("134.38", PROPOSALS),),
    "torchvision:fcos_resnet50_fpn": (torchvision("128.207"),),
    "torchvision:ssd300_vgg16": (torchvision("34.858"),),
    "timm:convnext_tiny": (paper("4.5", "2201.03545"),),
    "timm:swin_tiny_patch4_window7_224": (paper("4.5", "2103.14030"),),
    "timm:deit_base_patch16_224": (paper("17.6", "2201.03545"),),
    "timm:efficientnet_b0": (paper("0.39", "1905.11946"),),
    "timm:regnety_040": (paper("4.0", "2003.13678"),),
    "timm:maxvit_tiny_tf_224": (paper("5.6", "2204.01697"),),
    "timm:levit_256": (paper("1.12", "2104.01136"),),
    "timm:pvt_v2_b2": (paper("4.0", "2106.13797"),),
    "timm:mobilenetv4_conv_small": (paper("0.2", "2404.10518"),),
    "timm:dm_nfnet_f0": (paper("12.38", "2102.06171"),),
    "timm:mambaout_tiny": (paper("4.5", "2405.07992"),),
    "timm:edgenext_small": (paper("1.26", "2206.10589"),),
}
