"""Two counts side by side: what was added, removed and changed, and what the totals are made of."""

import pickle

import pytest
import torch
from torch import nn

import hookcount

FIGURES = ("macs", "flops", "figure", "params")


def net(wide=4, more=False, norm=False):
    layers = {"a": nn.Linear(8, wide, bias=False), "b": nn.Linear(wide, 2, bias=False)}
    if norm:
        layers["b"] = nn.Sequential(nn.LayerNorm(wide), nn.Linear(wide, 2, bias=False))
    if more:
        layers["c"] = nn.Linear(2, 3, bias=False)
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model


def count(rows=1, **options):
    return hookcount.count(net(**options), torch.zeros(rows, 8))


def by_path(found):
    return {row.path: row for row in found.rows}


def test_a_wider_layer_and_a_new_one():
    found = count(wide=6, more=True).diff(count())
    rows = by_path(found)
    assert {path: row.change for path, row in rows.items()} == {
        "a": "changed",
        "b": "changed",
        "c": "added",
    }
    assert (rows["a"].before["macs"], rows["a"].now["macs"]) == (8 * 4, 8 * 6)
    assert (rows["c"].before["macs"], rows["c"].now["macs"]) == (0, 2 * 3)
    assert found.macs == (8 * 6 + 6 * 2 + 2 * 3) - (8 * 4 + 4 * 2)
    assert found.params == found.macs  # no layer has a bias, and there is one row
    assert found.total("macs") == (8 * 4 + 4 * 2, 8 * 6 + 6 * 2 + 2 * 3)
    assert [row.path for row in found.rows] == ["a", "c", "b"]  # by the growth of MACs: 16, 6, 4


def test_a_removed_layer_and_another_type():
    found = count().diff(count(more=True, norm=True))
    rows = by_path(found)
    assert rows["c"].change == "removed"
    assert rows["c"].grown("macs") == -2 * 3
    assert rows["b"].type == "Sequential -> Linear"
    assert rows["b.0"].change == rows["b.1"].change == "removed"
    assert rows["b"].now["macs"] == 4 * 2


@pytest.mark.parametrize("convention", ["default", "torch", "thop"])
@pytest.mark.parametrize("options", [{"wide": 9}, {"more": True}, {"norm": True}, {"rows": 3}])
def test_the_growth_of_the_rows_is_that_of_the_total(options, convention):
    found = count(**options).under(convention).diff(count().under(convention))
    frame = found.to_dataframe()
    assert len(frame)
    for figure in FIGURES:
        before, now = found.total(figure)
        assert sum(row.grown(figure) for row in found.rows) == now - before
        assert frame[f"own_{figure}_growth"].sum() == now - before
    assert frame.attrs["convention"] == convention
    assert frame.attrs["unit"] == count().under(convention).unit


def test_equal_counts():
    found = count().diff(count())
    assert not found
    assert found.rows == ()
    assert str(found) == "Sequential: nothing differs"
    assert list(found.to_dataframe()["path"]) == []


def test_text():
    lines = str(count(wide=6, rows=2).diff(count(rows=1))).splitlines()
    assert lines[0] == (
        "Sequential: MACs 40 -> 120 (+80), FLOPs 80 -> 240 (+160), params 40 -> 60 (+20)"
    )
    assert lines[1] == "input (1, 8) -> (2, 8)"
    assert lines[3].split() == [
        "a",
        "Linear",
        "changed",
        *["96", "+64", "192", "+128", "48", "+16"],
    ]
    assert "nothing" not in "".join(lines)
    under = count(wide=6).under("torch").diff(count().under("torch"))
    assert "torch (FLOPs) 80 -> 120 (+40)" in str(under).splitlines()[0]
    assert "Linear" in under._repr_html_()


def test_many_rows_are_cut_and_the_frame_has_all():
    def wide(width):
        return hookcount.count(
            nn.Sequential(*[nn.Linear(width, width) for _ in range(30)]), torch.zeros(1, width)
        )

    found = wide(9).diff(wide(8))
    assert len(found.rows) == len(found.to_dataframe()) == 30
    assert str(found).splitlines()[-1] == "and 10 more rows"


def test_a_report_from_a_file(tmp_path):
    path = tmp_path / "old.json"
    count().to_json(path)
    old = hookcount.Report.from_json(path)
    assert count(wide=6).diff(old).macs == (8 * 6 + 6 * 2) - (8 * 4 + 4 * 2)


def test_it_can_be_pickled():
    found = count(wide=6).diff(count())
    again = pickle.loads(pickle.dumps(found))
    assert again.rows == found.rows
    assert str(again) == str(found)


def test_figures_beyond_64_bits():
    def large(rows):
        with torch.device("meta"):
            return hookcount.count(nn.Linear(2**20, 2**20, bias=False), torch.zeros(rows, 2**20))

    frame = large(2**26).diff(large(2**25)).to_dataframe()
    assert frame["own_macs_growth"].tolist() == [2**66 - 2**65]


def test_hostile_names():
    def named(name, width):
        model = nn.Sequential()
        model.add_module(name, nn.Linear(8, width))
        return hookcount.count(model, torch.zeros(1, 8))

    name = "\x1b[31mred\n"
    text = str(named(name, 4).diff(named(name, 5)))
    assert "\x1b" not in text
    assert "red\\n" in text


def test_bad_input():
    with pytest.raises(
        hookcount.InputError, match="conventions are 'default' and 'torch'"
    ) as raised:
        count().under("torch").diff(count())
    assert "To fix it" in str(raised.value)
    with pytest.raises(hookcount.InputError, match="of type int"):
        count().diff(3)
    with pytest.raises(hookcount.InputError, match="no figure 'mac'"):
        count(wide=6).diff(count()).total("mac")


def test_long_names_are_cut_in_the_text_and_whole_in_the_table():
    model = nn.Sequential()
    for name in ("n" * 3000, "n" * 2999 + "m", "\x1b[31mred"):
        model.add_module(name, nn.Linear(8, 8))
    found = hookcount.count(model, torch.zeros(1, 8)).diff(
        hookcount.count(nn.Sequential(), torch.zeros(1, 8))
    )
    lines = str(found).splitlines()
    assert max(map(len, lines)) < 250
    assert "\x1b" not in str(found)
    assert len(set(lines)) == len(lines)
    assert "n" * 3000 in set(found.to_dataframe()["path"])


def test_the_table_says_convention_unit_and_versions():
    one = hookcount.count(nn.Linear(8, 8), torch.zeros(1, 8)).under("torch")
    old = hookcount.Report.from_json(one.to_json().replace(hookcount.__version__, "0.0.1"))
    attrs = one.diff(old).to_dataframe().attrs
    assert (attrs["convention"], attrs["unit"]) == ("torch", "FLOPs")
    assert attrs["versions"]["hookcount"] == hookcount.__version__
    assert attrs["versions_before"]["hookcount"] == "0.0.1"
