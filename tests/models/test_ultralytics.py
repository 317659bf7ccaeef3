"""Models of ultralytics: quick tests with a package that is called as it is, and the package."""

from __future__ import annotations

import logging
import os
import sys
import types

import pytest
import torch
from torch import nn

import hookcount
from hookcount.cli import main
from hookcount.core.errors import MissingPackageError, ModelError, UnknownModelError
from hookcount.models import build

FILES = {
    "yolo11": ("scales:\n  n: [0.5]\n  s: [0.5]\n", "Detect"),
    "yolo11-cls": ("scales:\n  n: [0.5]\n", "Classify"),
    "rtdetr-l": ("", "RTDETRDecoder"),
}


class Net(nn.Module):
    def __init__(self, settings, verbose):
        super().__init__()
        assert verbose is False
        self.settings = settings
        self.conv = nn.Conv2d(settings.get("channels", 3), 8, 2)

    def forward(self, x):
        return self.conv(x)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that is called as ultralytics is. The last names that it was asked for."""
    asked = []
    folder = tmp_path / "ultralytics" / "cfg" / "models" / "11"
    folder.mkdir(parents=True)
    for stem, (text, _) in FILES.items():
        (folder / f"{stem}.yaml").write_text(f"# a comment\nnc: 80\n{text}")

    def yaml_model_load(path):
        assert os.environ["YOLO_AUTOINSTALL"] == "False"
        logging.getLogger("ultralytics").info("a word of the library's own")
        asked.append(path)
        stem = path.removesuffix(".yaml").replace("11n", "11").replace("11s", "11")
        if stem not in FILES:
            return {"head": [[-1, 1, "Detect", []]], "channels": 5}
        return {"head": [[-1, 1, FILES[stem][1], []]]}

    def guess_model_task(settings):
        return {"Detect": "detect", "Classify": "classify"}.get(settings["head"][-1][-2])

    kinds = ("DetectionModel", "ClassificationModel", "RTDETRDetectionModel")
    tasks = types.ModuleType("ultralytics.nn.tasks")
    vars(tasks).update(
        {each: type(each, (Net,), {}) for each in kinds},
        yaml_model_load=yaml_model_load,
        guess_model_task=guess_model_task,
    )
    made = types.ModuleType("ultralytics")
    made.__file__ = str(tmp_path / "ultralytics" / "__init__.py")
    made.__version__ = "8.4.0"
    monkeypatch.setitem(sys.modules, "ultralytics", made)
    monkeypatch.setitem(sys.modules, "ultralytics.nn.tasks", tasks)
    return asked


@pytest.mark.parametrize(
    ("name", "kind", "side"),
    [
        ("yolo11n", "DetectionModel", 640),
        ("yolo11n.yaml", "DetectionModel", 640),
        ("yolo11", "DetectionModel", 640),
        ("yolo11n-cls", "ClassificationModel", 224),
        ("rtdetr-l", "RTDETRDetectionModel", 640),
    ],
)
def test_a_name_of_the_library(package, name, kind, side):
    built = build(f"ultralytics:{name}")
    assert type(built.model).__name__ == kind
    assert [tuple(each.shape) for each in built.args] == [(1, 3, side, side)]
    assert package == [f"{name.removesuffix('.yaml')}.yaml"]
    assert not built.model.training
    report = hookcount.count(built.model, *built.args)
    assert report.macs == 8 * 3 * 2 * 2 * (side - 1) ** 2


def test_a_file_of_the_user_with_its_channels(package, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("nc: 3\n")
    assert build(f"ultralytics:{path}").args[0].shape == (1, 5, 640, 640)
    scaled = tmp_path / "yolo11n-mine.yaml"  # the file is yolo11-mine.yaml, its scale n
    (tmp_path / "yolo11-mine.yaml").write_text("nc: 3\n")
    build(f"ultralytics:{scaled}")
    assert package == [str(path), str(scaled)]


def test_the_device(package):
    assert build("ultralytics:yolo11n").device().type == "meta"
    assert build("ultralytics:yolo11n", real=True).device().type == "cpu"
    assert build("ultralytics:yolo11n", "cpu").args[0].device.type == "cpu"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("yolo1ln-cls", "yolo11n-cls"),
        ("yolo11n.pt", "does not download"),
        ("no/such.yaml", "there is no file no/such.yaml"),
    ],
)
def test_what_it_does_not_have(package, name, said):
    with pytest.raises(UnknownModelError, match=said) as caught:
        build(f"ultralytics:{name}")
    assert "To fix it" in str(caught.value)
    assert package == []


def test_what_the_library_cannot_build(package, monkeypatch):
    def fails(settings, verbose):
        raise KeyError("no such layer")

    monkeypatch.setattr(sys.modules["ultralytics.nn.tasks"], "DetectionModel", fails)
    with pytest.raises(ModelError, match=r"ultralytics 8\.4\.0 cannot build it: KeyError"):
        build("ultralytics:yolo11n")


def test_the_surroundings_are_as_before(package, caplog):
    before = dict(os.environ)
    with caplog.at_level(logging.INFO, logger="ultralytics"):
        build("ultralytics:yolo11n")
    assert caplog.records == []
    assert dict(os.environ) == before
    assert not logging.getLogger("ultralytics").filters


def test_without_the_package(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'hookcount\[ultralytics\]'"):
        build("ultralytics:yolo11n")
    assert main(["ultralytics:yolo11n"]) == 1
    assert "pip install 'hookcount[ultralytics]'" in capsys.readouterr().err


# -- the package itself


@pytest.fixture(scope="module")
def ultralytics():
    """The package, imported before the surroundings are noted: it replaces ``torch.save``."""
    return pytest.importorskip("ultralytics")


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("name", "gflops", "params"),
    [  # of the tables of ultralytics, for 640 x 640 pixels (224 x 224 for -cls) without fusing
        ("yolo11n", 6.5, 2.6e6),
        ("yolov8n", 8.7, 3.2e6),
        ("rtdetr-l", 110, 32.97e6),
    ],
)
def test_published_figures(ultralytics, name, gflops, params):
    built = build(f"ultralytics:{name}")
    report = hookcount.count(built.model, *built.args).require_complete()
    assert 2 * report.macs / 1e9 == pytest.approx(gflops, rel=0.01)
    assert report.params == pytest.approx(params, rel=0.02)


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("name", "kind", "side"),
    [
        ("yolo11n-seg", "SegmentationModel", 640),
        ("yolo11n-cls", "ClassificationModel", 224),
        ("yolo11n-pose", "PoseModel", 640),
        ("yolo11n-obb", "OBBModel", 640),
    ],
)
def test_the_tasks(ultralytics, name, kind, side, capfd):
    built = build(f"ultralytics:{name}")
    assert type(built.model).__name__ == kind
    assert built.args[0].shape == (1, 3, side, side)
    capfd.readouterr()
    assert main([f"ultralytics:{name}", "--depth", "0"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith(f"ultralytics:{name}: ")
    assert err == ""


@pytest.mark.zoo
def test_an_own_file_of_the_package(ultralytics, tmp_path):
    from ultralytics.utils import ROOT

    own = tmp_path / "yolo11-own.yaml"
    own.write_text((ROOT / "cfg" / "models" / "11" / "yolo11.yaml").read_text())
    same = build("ultralytics:yolo11s").model
    found = build(f"ultralytics:{tmp_path / 'yolo11s-own.yaml'}").model
    shapes = [each.shape for each in same.parameters()]
    assert [each.shape for each in found.parameters()] == shapes
    with pytest.raises(UnknownModelError, match="did you mean"):
        build("ultralytics:yolo11n-segg")
    assert isinstance(same.stride, torch.Tensor)
