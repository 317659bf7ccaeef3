"""Limits and baselines on the command line: exit status 3, after the result is shown."""

import json

import pytest
from helpers.parsed import Page

from hookcount.cli import main

MACS, PARAMS = 1814073344, 11689512  # of resnet18, as torchvision and FlopCounterMode give them


@pytest.fixture
def run(capsys):
    def run(*words):
        status = main(list(words))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("--max-macs", "1.9G"),
        ("--max-macs", str(MACS), "--max-params", str(PARAMS), "--max-flops", "4G"),
        ("--max-macs", "2G", "--convention", "thop"),
        ("--max-flops", str(2 * MACS), "--convention", "torch"),
    ],
)
def test_within(run, words):
    status, out, err = run("resnet18", "--depth", "0", *words)
    assert (status, err) == (0, "")
    assert "ResNet" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-macs", "1.8G"), f"macs {MACS:,} (1.81 G) is over the limit 1,800,000,000"),
        (("--max-macs", str(MACS - 1)), "by 1 "),
        (("--max-params", "11M"), f"params {PARAMS:,}"),
        (("--max-flops", "3.6G", "--convention", "torch"), f"figure {2 * MACS:,}"),
    ],
)
def test_over(run, words, said):
    status, out, err = run("resnet18", "--depth", "0", *words)
    assert status == 3
    assert "ResNet" in out
    assert said in err
    assert "To fix it" in err


def test_several_limits_are_told_together(run):
    _, _, err = run("resnet18", "--depth", "0", "--max-macs", "1", "--max-params", "1")
    assert "macs 1,814" in err
    assert "params 11," in err


@pytest.mark.parametrize("words", [("--max-macs", "lots"), ("--max-macs", "-1")])
def test_no_limit(run, words):
    assert run("resnet18", *words)[0] == 2


def test_a_baseline(run, tmp_path):
    old = str(tmp_path / "old.json")
    assert run("resnet18", "--output", old)[0] == 0
    status, out, err = run("resnet18", "--baseline", old, "--depth", "0")
    assert (status, err) == (0, "")
    status, out, err = run("resnet34", "--baseline", old, "--depth", "0")
    assert status == 3
    assert "ResNet" in out
    assert "more than in the baseline" in err
    assert f"macs {MACS:,} -> " in err
    assert "'layer1.2.conv1' (Conv2d), a new module: macs 0 -> 115,605,504" in err  # 64*64*9*56*56
    assert run("squeezenet1_1", "--baseline", old, "--depth", "0")[0] == 0


def test_a_baseline_is_not_replaced_by_the_same_command(run, tmp_path):
    """A baseline that is replaced by a count over it would let the next count pass."""
    old = str(tmp_path / "old.json")
    run("resnet18", "--output", old)
    status, out, err = run("resnet34", "--baseline", old, "--output", old)
    assert (status, out) == (2, "")
    assert "write the result to another file" in err
    with open(old) as file:
        assert json.load(file)["macs"] == MACS


def test_a_baseline_of_another_convention(run, tmp_path):
    old = str(tmp_path / "old.json")
    run("resnet18", "--output", old, "--convention", "thop")
    status, out, err = run("resnet18", "--baseline", old)
    assert (status, out) == (2, "")
    assert "add --convention thop" in err
    assert run("resnet18", "--baseline", old, "--convention", "thop", "--depth", "0")[0] == 0


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema": 0}'])
def test_what_is_no_baseline_is_told_before_the_count(run, tmp_path, monkeypatch, content):
    monkeypatch.setattr("hookcount.cli.counting.build", None)  # not reached
    path = tmp_path / "old.json"
    if content is not None:
        path.write_text(content)
    status, out, err = run("resnet18", "--baseline", str(path))
    assert (status, out) == (2, "")
    assert str(path) in err
    assert "To fix it" in err


def test_several_conventions_have_no_limit(run):
    status, _, err = run("resnet18", "--convention", "all", "--max-macs", "1G")
    assert status == 2
    assert "a limit is for one convention" in err


def test_a_page_shows_what_changed_since_the_baseline(run, tmp_path):
    old, page = tmp_path / "old.json", tmp_path / "new.html"
    assert run("resnet34", "--output", str(old))[0] == 0
    status, _, _ = run("resnet18", "--baseline", str(old), "--output", str(page))
    assert status == 0  # it has less
    shown = Page(page.read_text(encoding="utf-8"))
    assert "changed" in shown.ids
    assert "11.7 M" in shown.text
    removed = [row[0] for row in shown.tables["Changed modules"][1:] if row[2] == "removed"]
    assert "layer3.5.conv1" in removed
    assert run("resnet18", "--output", str(page))[0] == 0
    assert "changed" not in Page(page.read_text(encoding="utf-8")).ids
