#!/usr/bin/env python3
"""Detectors over 40 images of five sizes: FLOPs as mean, std, min and max, and FPS.

    python benchmarks/data_set/data_set.py [--tool FILE] [--rst]

Three things are compared, and the exit status is 1 if one differs:

- the counts of ``hookcount.over``, which counts each size once, with a count of each image;
- the same under the convention rfdetr with RF-DETR's own tool, on one image of each size;
- the mean, std, min and max of both.

``--tool`` is the file ``rfdetr/util/benchmark.py`` of a wheel of rfdetr 1.4.1, which needs numpy
and tqdm. Without it this comparison is left out. Models that need packages which are not installed
are named and left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from rich.console import Console
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the packages beside this one

from lib.sheet import Sheet

import hookcount

IMAGES = 40
SIZES = {
    "detr-resnet-50": ((320, 320), (320, 416), (416, 320), (352, 384), (480, 320)),
    "rf-detr-nano": ((384, 384), (320, 384), (384, 320), (448, 320), (320, 448)),
}


def detr() -> nn.Module:
    from transformers import DetrConfig, DetrForObjectDetection

    config = DetrConfig(use_pretrained_backbone=False)
    model: nn.Module = DetrForObjectDetection(config)
    return model


def rf_detr() -> nn.Module:
    from rfdetr import config
    from rfdetr.models import build_model_from_config

    logging.getLogger("rf-detr").setLevel(logging.ERROR)
    model: nn.Module = build_model_from_config(
        config.RFDETRNanoConfig(pretrain_weights=None, device="cpu")
    )
    return model


MODELS: dict[str, Callable[[], nn.Module]] = {"detr-resnet-50": detr, "rf-detr-nano": rf_detr}


def images(name: str) -> list[torch.Tensor]:
    sizes = SIZES[name]
    generator = torch.Generator().manual_seed(0)
    return [
        torch.rand(1, 3, *sizes[index * 7 % len(sizes)], generator=generator)
        for index in range(IMAGES)
    ]


def tool_at(path: Path) -> ModuleType:
    """RF-DETR's tool, as a module of its own."""
    spec = importlib.util.spec_from_file_location("rfdetr_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def statistics(figures: Sequence[float]) -> tuple[float, float, float, float]:
    found = np.array(figures, dtype=float)
    return found.mean(), found.std(), found.min(), found.max()


def billions(figures: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{each / 1e9:,.3f}" for each in figures)


def measured(name: str, tool: ModuleType | None) -> tuple[list[tuple[str, ...]], list[str]]:
    """The rows of a model, and what differs."""
    model, given = MODELS[name]().eval(), images(name)
    differs: list[str] = []
    with torch.no_grad():
        timer = hookcount.Timer(warmup=1, repeat=1, min_seconds=0, modules=False)
        found = timer.over(model, given)
        each = [hookcount.count(model, image).flops for image in given]
        if [item.report.flops for item in found.items] != each:
            differs.append(f"{name}: over and count")
        if found.distinct != len(SIZES[name]):
            differs.append(f"{name}: {found.distinct} counts for {len(SIZES[name])} sizes")
        rows = [(name, "hookcount, FLOPs", *billions(statistics(each)))]
        under = found.under("rfdetr")
        figures = [item.report.headline for item in under.items]
        rows.append((name, "rfdetr", *billions(statistics(figures))))
        if tool is not None:
            by_size: dict[torch.Size, float] = {}
            for image in given:
                if image.shape not in by_size:
                    kinds = tool.flop_count(model, (image,))
                    by_size[image.shape] = round(sum(kinds.values()) * 1e9)
            tools = [by_size[image.shape] for image in given]
            rows.append((name, "RF-DETR's tool", *billions(statistics(tools))))
            if tools != figures:
                differs.append(f"{name}: the convention rfdetr and the tool")
    seconds = found.seconds
    rows.append(
        (
            name,
            "seconds",
            *(f"{s:.3f}" for s in (seconds.mean, seconds.std, seconds.min, seconds.max)),
        )
    )
    rows.append((name, "FPS, 1 / mean", f"{1 / seconds.mean:.2f}", "", "", ""))
    return rows, differs


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tool", type=Path, metavar="FILE", help="RF-DETR's benchmark.py")
    parser.add_argument("--rst", action="store_true", help="print reStructuredText")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    tool = tool_at(options.tool) if options.tool is not None else None
    rows: list[tuple[str, ...]] = []
    differs: list[str] = []
    left_out = []
    for name in MODELS:
        try:
            more, others = measured(name, tool)
        except ImportError as error:
            left_out.append(f"{name} is left out: {error}")
            continue
        rows += more
        differs += others
    headings = ("model", "figure", "mean", "std", "min", "max")
    title = f"{IMAGES} images of five sizes; FLOPs in billions"
    sheet = Sheet(title, headings, tuple(rows), (*left_out, *(f"differs: {d}" for d in differs)))
    print(sheet.rst()) if options.rst else Console().print(sheet.rich())
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
