"""Which names are files, and what is said of a file that is none of torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from hookcount.core.errors import UnknownModelError
from hookcount.models import build
from hookcount.models.files.names import REFUSED, file_of


@pytest.mark.parametrize(
    "name",
    ["m.pt", "a/b/m.pth", "m.PT2", "m.ts", "last.ckpt", "C:\\nets\\m.pt", "m.onnx", "a/b", "./net"],
)
def test_a_file(name):
    assert file_of(name) == Path(name)


@pytest.mark.parametrize(
    "name",
    [
        "resnet50",
        "timm:vit.pt",
        "hf:path/to/config.json",
        "ultralytics:own.yaml",
        "package.module:factory",
        "path/to/file.py:factory",
        "C:\\nets\\file.py:factory",
    ],
)
def test_another_name(name):
    assert file_of(name) is None


@pytest.mark.parametrize("suffix", REFUSED)
def test_a_format_that_is_not_read_says_what_to_give(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"something")
    with pytest.raises(UnknownModelError) as caught:
        build(str(path))
    assert repr(str(path)) in str(caught.value)
    assert str(caught.value).count("To fix it: ") == 1
    assert "{name}" not in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        (".onnx", "torch.export.save"),
        (".safetensors", "weights do not change a count"),
        (".yaml", "ultralytics:"),
        (".json", "hf:"),
        (".py", ".py:FACTORY"),
    ],
)
def test_the_way_from_a_format_to_a_count(tmp_path, suffix, said):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"something")
    with pytest.raises(UnknownModelError, match=said):
        build(str(path))


def test_no_file_a_folder_and_an_empty_file(tmp_path):
    (tmp_path / "folder.pt").mkdir()
    (tmp_path / "empty.pt").touch()
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "config.json").write_text("{}")
    for name, said in (
        ("no.pt", "there is no file"),
        ("no.onnx", "there is no file"),
        ("folder.pt", "this is a folder"),
        ("empty.pt", "the file is empty"),
        ("hub", "give hf:"),
        ("a" * 5000 + ".pt", "there is no file"),
        ("a/" * 3000, "there is no file"),
    ):
        with pytest.raises(UnknownModelError, match=said):
            build(f"{tmp_path}/{name}")


def test_a_bare_name_of_a_file_or_a_folder(tmp_path, monkeypatch):
    """A folder does not hide a model of the same name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resnet18").mkdir()
    (tmp_path / "weights").touch()
    assert type(build("resnet18").model).__name__ == "ResNet"
    with pytest.raises(UnknownModelError, match="a file or a folder"):
        build("weights")
