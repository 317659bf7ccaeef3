"""A report as a file and back: what it holds is the same, and all else is refused."""

import copy
import json
import pickle

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Convention, InputError, Report


class Odd(nn.Module):
    """A shared layer, work between layers, a module that never runs, and an uncounted op."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.again = self.first[0]
        self.never = nn.Linear(4, 5)

    def forward(self, x):
        x = self.again(self.first(x))
        return torch.linalg.eigvals(x @ x)


@pytest.fixture
def report():
    with pytest.warns(hookcount.UncountedWarning):
        return hookcount.count(Odd(), torch.zeros(4, 4))


def back(report):
    return Report.from_json(report.to_json())


@pytest.mark.parametrize("convention", ["default", "thop", "torch"])
def test_what_the_file_holds_is_the_same(report, convention):
    given = report.under(convention)
    found = back(given)
    assert (found.macs, found.flops, found.params, found.param_bytes) == (
        given.macs,
        given.flops,
        given.params,
        given.param_bytes,
    )
    assert (found.headline, found.unit, found.run) == (given.headline, given.unit, given.run)
    assert found.total == given.total
    assert found.convention == given.convention
    assert found.uncounted == given.uncounted
    assert found.records == given.records
    for table in ("to_dataframe", "by_type", "by_op", "top"):
        one, other = getattr(found, table)(), getattr(given, table)()
        assert one.equals(other)
        assert one.attrs == other.attrs
    assert str(found).splitlines()[1:] == str(given).splitlines()[1:]
    for text in ("to_json", "to_csv", "to_markdown", "to_latex"):
        assert getattr(found, text)() == getattr(given, text)()
    assert found.explain_uncounted() == given.explain_uncounted()


def test_the_text_says_where_it_is_from(report):
    whole = json.loads(report.to_json())
    whole["versions"] = {"hookcount": "0.0.9", "torch": "2.6.0"}
    found = Report.from_json(json.dumps(whole))
    assert found.summary().endswith("from a file of hookcount 0.0.9, torch 2.6.0")
    assert found.to_dataframe().attrs["versions"] == {"hookcount": "0.0.9", "torch": "2.6.0"}
    assert "from a file" not in report.summary()


def test_the_file_names_model_input_schema_and_versions(report):
    whole = json.loads(report.to_json())
    assert (whole["schema"], whole["model"], whole["input"]) == (1, "Odd", ["(4, 4)"])
    assert whole["versions"] == {"hookcount": hookcount.__version__, "torch": torch.__version__}


def test_a_path_or_a_text(report, tmp_path):
    report.to_json(tmp_path / "a.json")
    for source in (tmp_path / "a.json", str(tmp_path / "a.json"), report.to_json()):
        assert Report.from_json(source).macs == report.macs


def test_its_own_convention_is_all_that_it_holds(report):
    found = back(report.under("thop"))
    assert found.under("thop").headline == found.headline
    compared = hookcount.compare({"old": found}, "thop")
    assert compared["thop"].tolist() == [found.headline]
    with pytest.raises(InputError, match=r"no figures of 'torch', only those of 'thop'\n.*fix"):
        found.under("torch")


@pytest.mark.parametrize(
    "ask",
    [
        lambda found: found.coverage(),
        lambda found: found.by_role(),
        lambda found: found.by_convention(),
        lambda found: found.reconcile("torch"),
        lambda found: found.match(3.0),
        lambda found: list(found.charges()),
        lambda found: found.reuse,
    ],
)
def test_what_needs_the_calls_is_refused(report, ask):
    with pytest.raises(InputError, match="as a file, it holds no"):
        ask(back(report))


def test_scaling_has_no_model(report):
    with pytest.raises(hookcount.ModelError):
        back(report).scaling(lambda n: torch.zeros(n, 4))


def test_a_convention_of_the_user(report):
    mine = Convention("mine", "FLOPs", weights={"macs": 3, "adds": 1})
    given = report.under(mine)
    found = back(given)
    assert (found.headline, found.unit, str(found.convention)) == (
        given.headline,
        "FLOPs",
        str(mine),
    )
    assert found.under(mine).headline == given.headline
    with pytest.raises(InputError):
        found.under(Convention("mine", "FLOPs", weights={"macs": 2}))


def test_figures_beyond_64_bits():
    with torch.device("meta"):
        report = hookcount.count(nn.Linear(2**20, 2**20), torch.empty(2**30, 2**20))
    assert back(report).macs == 2**70


@pytest.mark.parametrize(
    "change", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_it_can_be_copied_and_pickled(report, change):
    found = back(report)
    assert str(change(found)) == str(found)
    assert change(found).to_dataframe().equals(found.to_dataframe())


# -- what is no report


def changed(report, **values):
    whole = json.loads(report.to_json())
    for name, value in values.items():
        if value is None:
            del whole[name]
        else:
            whole[name] = value
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"schema": 2}, "its schema is 2"),
        ({"schema": None}, "its schema is None"),
        ({"macs": 1}, "'macs' does not fit"),
        ({"figure": 1}, "'figure' does not fit"),
        ({"params": 1}, "'params' does not fit"),
        ({"records": []}, "does not fit"),
        ({"records": None}, "damaged"),
        ({"records": [3]}, "damaged"),
        ({"unit": "bananas"}, "damaged"),
        ({"weights": {"bananas": 1}}, "damaged"),
        ({"modules": []}, "not have all modules"),
        ({"modules": None}, "not have all modules"),
        ({"versions": None}, "damaged"),
        ({"versions": {"hookcount": {}}}, "damaged"),
        ({"run": "fast"}, "damaged"),
        ({"backward_seen": "no"}, "damaged"),
        ({"model": "Other"}, "'model' does not fit"),
        ({"input": 3}, "'input' does not fit"),
    ],
)
def test_a_file_that_is_changed_is_refused(report, values, said):
    with pytest.raises(InputError, match=f"{said}[^\n]*\n  To fix it"):
        Report.from_json(changed(report, **values))


def test_a_row_that_is_changed_is_refused(report):
    for name in (
        *("own_macs", "own_flops", "own_figure", "macs", "flops", "figure", "own_params"),
        *("macs_share", "trainable_params", "param_bytes"),
    ):
        whole = json.loads(report.to_json())
        whole["modules"][1][name] += 10**6
        with pytest.raises(InputError, match="does not fit") as raised:
            Report.from_json(json.dumps(whole))
        assert name in str(raised.value)


def test_a_depth_that_is_changed_is_refused(report):
    for place, change in ((1, 1), (1, -1), (-1, 1)):
        whole = json.loads(report.to_json())
        whole["modules"][place]["depth"] += change
        with pytest.raises(InputError, match="damaged|'depth' of the row"):
            Report.from_json(json.dumps(whole))


def test_rows_in_another_order_are_refused(report):
    whole = json.loads(report.to_json())
    whole["modules"].reverse()
    with pytest.raises(InputError, match="the order of the rows"):
        Report.from_json(json.dumps(whole))


def test_a_mark_of_the_byte_order_does_no_harm(report, tmp_path):
    path = tmp_path / "marked.json"
    path.write_text("\ufeff" + report.to_json(), encoding="utf-8")
    for source in (path, str(path), path.read_text(encoding="utf-8")):
        assert str(Report.from_json(source)) == str(back(report))


@pytest.mark.parametrize("source", ["", "[" * 100_000, "a\0b", "no such\nfile.json"])
def test_what_is_no_file_is_named_in_a_short_line(source):
    with pytest.raises(InputError, match="cannot read the file") as raised:
        Report.from_json(source)
    first, *others = str(raised.value).splitlines()
    assert len(first) < 250
    assert len(others) == 1


@pytest.mark.parametrize("text", ["{", "{}", '{"schema": 1}'])
def test_a_text_that_is_no_report(text):
    with pytest.raises(InputError, match="To fix it"):
        Report.from_json(text)


def test_a_file_that_is_no_report(tmp_path):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "image.json").write_bytes(b"\x89PNG\xff")
    for name in ("list.json", "image.json", "missing.json", "."):
        with pytest.raises(InputError, match="To fix it"):
            Report.from_json(tmp_path / name)
    with pytest.raises(InputError, match="no path"):
        Report.from_json(3)


def test_some_of_the_rows_are_no_report(tmp_path):
    from hookcount.cli import main

    path = str(tmp_path / "a.json")
    assert main(["squeezenet1_1", "--depth", "1", "--output", path]) == 0
    with pytest.raises(InputError, match="without --depth and --top"):
        Report.from_json(path)
    assert main(["squeezenet1_1", "--output", path]) == 0
    assert Report.from_json(path).tree.type == "SqueezeNet"


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole["modules"][1].update(type=None),
        lambda whole: whole["modules"][1].update(calls="x"),
        lambda whole: whole["modules"][1].update(params=-1),
        lambda whole: whole["modules"][1].update(own_params=None),
        lambda whole: whole["records"][0].update(calls="x"),
        lambda whole: whole.update(run={}),
    ],
)
def test_a_value_of_another_type_is_refused(report, change):
    whole = json.loads(report.to_json())
    change(whole)
    with pytest.raises(InputError, match="is damaged"):
        hookcount.Report.from_json(json.dumps(whole))


@pytest.mark.parametrize("text", ['{"a":' * 100_000, "\0"])
def test_odd_texts_are_refused(text):
    with pytest.raises(InputError, match="To fix it"):
        hookcount.Report.from_json(text)
