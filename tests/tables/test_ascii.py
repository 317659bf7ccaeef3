"""A table drawn with ``+``, ``-`` and ``|``."""

from hookcount.tables.ascii import ascii_table


def test_cells_keep_the_spaces_before_them_and_their_brackets():
    table = ascii_table(("name", "n"), [("a", "1"), (" b", " [bold]x[/bold]"), (":smile:", "")])
    assert table.splitlines() == [
        "+---------+-----------------+",
        "| name    | n               |",
        "+---------+-----------------+",
        "| a       | 1               |",
        "|  b      |  [bold]x[/bold] |",
        "| :smile: |                 |",
        "+---------+-----------------+",
    ]
    assert table.endswith("+\n")


def test_it_is_as_wide_as_the_terminal_at_most(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    lines = ascii_table(("name",), [("one two three four five six",)]).splitlines()
    assert {len(line) for line in lines} == {20}
    words = " ".join(line.strip("| ") for line in lines[3:-1])
    assert words == "one two three four five six"


def test_a_title_stands_above():
    assert ascii_table(("name",), [("a",)], "t").splitlines()[0].strip() == "t"
