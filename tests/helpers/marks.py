"""Which of a test's parameters the quick suite takes."""

from collections.abc import Collection, Iterable

import pytest
import torch

from hookcount.core.release import RELEASE

QUICK_MODELS = frozenset(
    [
        "resnet18",
        "mobilenet_v3_small",
        "squeezenet1_1",
        "shufflenet_v2_x0_5",
        "efficientnet_b0",
        "swin_t",
        "vit_b_32",
        "lraspp_mobilenet_v3_large",
        "r3d_18",
        "ssdlite320_mobilenet_v3_large",
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "quantized_shufflenet_v2_x0_5",
    ]
)
"""Models of torchvision, cheap ones of each kind."""


def slow_but(quick: Collection[str], names: Iterable[str]) -> list[object]:
    """The names, all but the quick ones marked slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


sees_higher_order_ops = pytest.mark.skipif(
    not hasattr(torch.utils._python_dispatch.TorchDispatchMode, "supports_higher_order_operators"),
    reason="in this torch a dispatch mode cannot see higher-order ops",
)

lists_are_of_this_torch = pytest.mark.skipif(
    RELEASE < (2, 14),
    reason="the lists of what is not mended yet are those of torch 2.14",
)
