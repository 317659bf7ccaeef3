"""A detector of transformers over images of several sizes: each size is counted once."""

import pytest
import torch

import hookcount

transformers = pytest.importorskip("transformers")
pytest.importorskip("timm")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SIZES = ((320, 320), (320, 416), (416, 320), (352, 384), (480, 320))


def test_detr_over_forty_images_of_five_sizes():
    model = transformers.DetrForObjectDetection(
        transformers.DetrConfig(use_pretrained_backbone=False)
    ).eval()
    images = [torch.rand(1, 3, *SIZES[index * 7 % 5]) for index in range(40)]
    with torch.no_grad():
        found = hookcount.over(model, images)
        by_size = {size: hookcount.count(model, torch.rand(1, 3, *size)).macs for size in SIZES}
    assert found.distinct == 5
    assert [each.report.macs for each in found.items] == [
        by_size[tuple(image.shape[2:])] for image in images
    ]
    assert found.macs.mean == sum(by_size.values()) / 5
    assert (found.macs.min, found.macs.max) == (min(by_size.values()), max(by_size.values()))
