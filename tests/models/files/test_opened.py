"""Files of torch: what is counted, and that nothing of a file runs without trust."""

from __future__ import annotations

import io
import os
import sys
import warnings
import zipfile

import pytest
import torch
from torch import nn

import hookcount
from hookcount.core.errors import ModelError, UnknownModelError
from hookcount.models import build

MACS = 2 * 4 * 6 * 6 * 3 * 3 * 3 + 2 * 4 * 5  # two images of 8 x 8: a 3 x 3 convolution, a head
SOURCE = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)
    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))
"""


class Writes:
    """A pickle of it writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def net(tmp_path, monkeypatch):
    """A model whose class is in a file beside its own."""
    (tmp_path / "nets_of_files.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    import nets_of_files

    yield nets_of_files.Net()
    sys.modules.pop("nets_of_files", None)


@pytest.fixture
def scripted(net):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(net)


def counted(path, *args, **options):
    built = build(str(path), **options)
    return hookcount.count(built.model, *(args or built.args), **built.kwargs)


IMAGES = torch.zeros(2, 3, 8, 8)


# -- torch.export


def test_a_program_has_its_own_inputs(net, tmp_path):
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(net.eval(), (IMAGES,)), path)
    report = counted(path)
    assert (report.macs, report.params) == (MACS, 4 * 3 * 9 + 4 + 4 * 5 + 5)
    assert build(str(path)).missing_inputs() == []
    assert counted(path, device="meta").macs == MACS
    renamed = path.rename(tmp_path / "net.bin")  # the content decides, not the name
    assert counted(renamed).macs == MACS


def test_a_program_with_named_inputs(net, tmp_path):
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(net.eval(), (), {"x": IMAGES}), path)
    built = build(str(path))
    assert (built.args, list(built.kwargs)) == ((), ["x"])
    assert hookcount.count(built.model, **built.kwargs).macs == MACS


def rewritten(source, target, changed):
    """A copy of an archive, with other content for the entries of these endings."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for each in old.namelist():
            content = old.read(each)
            for ending, change in changed.items():
                content = change(content) if each.endswith(ending) else content
            new.writestr(each, content)


def test_example_inputs_that_are_no_tensors_need_trust(net, tmp_path):
    path, bad, trace = tmp_path / "net.pt2", tmp_path / "bad.pt2", tmp_path / "written"
    torch.export.save(torch.export.export(net.eval(), (IMAGES,)), path)
    held = io.BytesIO()
    torch.save(((Writes(trace),), {}), held)
    endings = ("sample_inputs/model.pt", "serialized_example_inputs.pt")
    rewritten(path, bad, dict.fromkeys(endings, lambda _: held.getvalue()))
    before = dict(os.environ)
    with pytest.raises(UnknownModelError, match="--trust"):
        build(str(bad))
    assert not trace.exists()
    assert dict(os.environ) == before
    with pytest.raises((ModelError, AttributeError)):
        build(str(bad), trust=True)
    assert trace.exists()


@pytest.mark.parametrize("code", ["__import__('os').mkdir('made')", "exec(chr(49))", "s0.real"])
def test_a_size_that_is_code_needs_trust(net, tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(net.eval(), (IMAGES,), dynamic_shapes=({0: batch},))
    torch.export.save(program, "net.pt2")
    assert counted("net.pt2").macs == MACS
    text = b'"expr_str": "' + code.encode()
    endings = ("models/model.json", "serialized_exported_program.json")

    def change(content):
        before, found, after = content.partition(b'"expr_str": "')
        assert found, content[:200]
        return before + text + after[after.index(b'"') :]

    rewritten("net.pt2", "bad.pt2", dict.fromkeys(endings, change))
    with pytest.raises(UnknownModelError, match="no arithmetic"):
        build("bad.pt2")
    assert not (tmp_path / "made").exists()


def test_a_package_of_aotinductor(tmp_path):
    path = tmp_path / "net.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data/aotinductor/model/code.so", b"")
        archive.writestr("net/archive_format", b"pt2")
    with pytest.raises(UnknownModelError, match="machine code"):
        build(str(path))


# -- TorchScript


def test_a_script(scripted, tmp_path):
    path = tmp_path / "net.pt"
    scripted.save(path)
    built = build(str(path))
    assert built.missing_inputs() == ["x"]
    assert not built.model.training
    assert counted(path, IMAGES).macs == MACS
    assert counted(path, IMAGES.to("meta"), device="meta").macs == MACS


@pytest.mark.parametrize("ending", ["/data.pkl", "/constants.pkl"])
def test_a_pickle_inside_a_script_is_not_unpickled(scripted, tmp_path, ending):
    path, bad, trace = tmp_path / "net.pt", tmp_path / "bad.pt", tmp_path / "written"
    scripted.save(path)
    held = io.BytesIO()
    torch.save(Writes(trace), held)
    with zipfile.ZipFile(held) as archive:
        pickled = next(archive.read(each) for each in archive.namelist() if "data.pkl" in each)
    rewritten(path, bad, {ending: lambda _: pickled})
    for trust in (False, True):
        with pytest.raises(ModelError):
            build(str(bad), trust=trust)
        assert not trace.exists()


# -- torch.save


@pytest.fixture(params=[True, False], ids=["zip", "old format"])
def save(request, tmp_path):
    def save(value, name="net.pt"):
        torch.save(value, tmp_path / name, _use_new_zipfile_serialization=request.param)
        return tmp_path / name

    return save


def test_a_whole_model_needs_trust(net, save):
    path = save(net)
    with pytest.raises(UnknownModelError, match=r"nets_of_files\.Net") as caught:
        build(str(path))
    assert "add --trust (in Python: trust=True)" in str(caught.value)
    assert counted(path, IMAGES, trust=True).macs == MACS
    assert build(str(path), trust=True).missing_inputs() == ["x"]


def test_a_model_whose_class_is_beside_its_file(net, save, monkeypatch):
    path = save(net)
    sys.modules.pop("nets_of_files")
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(path.parent)])
    assert counted(path, IMAGES, trust=True).macs == MACS
    assert str(path.parent) not in sys.path


def test_nothing_is_unpickled_without_trust(save, tmp_path):
    trace = tmp_path / "written"
    for held in (Writes(trace), {"state_dict": {}, "model": Writes(trace)}):
        path = save(held)
        with pytest.raises(UnknownModelError, match="--trust"):
            build(str(path))
        assert not trace.exists()
    with pytest.raises(ModelError, match="no model"):  # the test's pickle does write
        build(str(path), trust=True)
    assert trace.exists()


def test_weights_are_no_model(net, save):
    state = net.state_dict()
    for held in (state, dict(state), {"state_dict": state, "epoch": 3}, state["conv.weight"]):
        path = save(held)
        for trust in (False, True):
            with pytest.raises(ModelError, match="the file holds weights") as caught:
                build(str(path), trust=trust)
            assert not isinstance(caught.value, UnknownModelError)
            assert "path/to/file.py:factory" in str(caught.value)


def test_a_checkpoint_with_a_model_in_it(net, save):
    """As ultralytics saves it. Of several models, the one called ``model`` is counted."""
    path = save({"model": net, "ema": None, "epoch": 3})
    assert counted(path, IMAGES, trust=True).macs == MACS
    path = save({"model": net, "teacher": nn.Conv2d(3, 4, 1)})
    assert counted(path, IMAGES, trust=True).macs == MACS
    path = save({"student": net, "teacher": net})
    with pytest.raises(ModelError, match="several models: 'student', 'teacher'"):
        build(str(path), trust=True)


def test_a_class_that_is_gone(net, save, monkeypatch):
    path = save(net)
    (path.parent / "nets_of_files.py").unlink()
    sys.modules.pop("nets_of_files")
    with pytest.raises(ModelError, match="No module named 'nets_of_files'"):
        build(str(path), trust=True)


# -- what is damaged, or of another format


def test_a_file_that_is_cut_off(net, scripted, save, tmp_path):
    scripted.save(tmp_path / "script.pt")
    torch.export.save(torch.export.export(net.eval(), (IMAGES,)), tmp_path / "net.pt2")
    for path in (save(net), tmp_path / "script.pt", tmp_path / "net.pt2"):
        whole = path.read_bytes()
        for size in (5, 200, len(whole) // 2):
            path.write_bytes(whole[:size])
            with pytest.raises(ModelError, match="damaged or not complete|none of torch"):
                build(str(path))


def test_a_file_of_something_else(tmp_path):
    import pickle

    other = tmp_path / "other.pt"
    for content in (b"hello", pickle.dumps({"a": 1}), b"\x00" * 100):
        other.write_bytes(content)
        with pytest.raises(ModelError, match="none of torch"):
            build(str(other))
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("notes.txt", b"hello")
    with pytest.raises(ModelError, match="none of torch"):
        build(str(other))
