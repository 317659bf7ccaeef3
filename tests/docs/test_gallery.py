"""``docs/_scripts/gallery.py``: 30 models, and their figures are those that others publish."""

import dataclasses

import pytest
from _scripts import gallery
from helpers.marks import slow_but

QUICK = {"resnet18", "vit_b_16", "squeezenet1_1"}
MODELS = {model.name: model for model in gallery.models()}


def test_there_are_thirty():
    assert (
        len(gallery.models()) == len(MODELS) == len({each.page for each in MODELS.values()}) == 30
    )


@pytest.mark.parametrize("name", slow_but(QUICK, gallery.TORCHVISION))
def test_a_model_of_torchvision_has_the_figure_that_torchvision_publishes(name):
    _, report = gallery.counted(MODELS[name])
    assert report.macs / 1e6 == pytest.approx(gallery.published(name), abs=0.5)
    assert not report.uncounted


@pytest.mark.slow
@pytest.mark.parametrize("name", gallery.TRANSFORMERS)
def test_a_language_model_has_its_parameters(name):
    pytest.importorskip("transformers")
    published = {  # in millions, as their papers and model cards say
        "BERT base": 110,
        "GPT-2": 124,
        "T5 small": 60,
        "Llama 7B": 6740,
        "Mixtral 8x7B": 46700,
    }
    _, report = gallery.counted(MODELS[name])
    assert report.params / 1e6 == pytest.approx(published[name], rel=0.02)


def test_a_page_has_the_figures_of_the_report():
    model = MODELS["resnet18"]
    given, report = gallery.counted(model)
    page = "\n".join(gallery.page_of(model, given, report))
    assert given == "1x3x224x224"
    for each in (report.macs, report.flops, report.params, report.under("thop").headline):
        assert f"{each:,}" in page
    assert "$ hookcount resnet18" in page
    assert "1.814 G MACs" in page  # as torchvision publishes it
    assert max(map(len, gallery._fitted(report))) <= gallery.WIDTH


def test_the_pages_are_written_once_and_a_missing_library_is_named(tmp_path, monkeypatch):
    there, gone = (
        MODELS["resnet18"],
        dataclasses.replace(MODELS["GPT-2"], library="no_such_library"),
    )
    monkeypatch.setattr(gallery, "models", lambda: [there, gone])
    gallery.write(tmp_path / "gallery")
    assert {path.name for path in (tmp_path / "gallery").rglob("*.*")} == {
        *("index.rst", "resnet18.rst", "resnet18.html"),
    }
    contents = (tmp_path / "gallery" / "index.rst").read_text(encoding="utf-8")
    assert "library is not installed: GPT-2" in contents
    assert ":doc:`resnet18 <resnet18>`" in contents

    monkeypatch.setattr(gallery, "models", lambda: [there])
    monkeypatch.setattr(gallery, "counted", lambda model: pytest.fail("it is counted again"))
    gallery.write(tmp_path / "gallery")
