"""LaTeX tables: every text is escaped, every row has its columns."""

import re

import pandas as pd
import pytest

from hookcount.tables.latex import escaped, latex, of_frame


@pytest.mark.parametrize("letter", list('\\{}$&#%_^~<>|"'))
def test_no_letter_of_a_text_is_markup(letter):
    """Outside of commands and their braces, nothing that LaTeX acts on is left."""
    found = escaped(f"a{letter}b")
    rest = re.sub(
        r"\\(textbackslash|textascii\w+|textless|textgreater|textbar|textquotedbl)\{\}", "", found
    )
    rest = re.sub(r"\\[{}$&#%_]", "", rest)
    assert rest == "ab"


def test_two_hyphens_are_no_dash_and_a_long_text_is_cut():
    assert escaped("a--b") == "a-{}-{}b"
    assert len(escaped("x" * 3000)) < 60
    assert escaped("\x1b") == r"\textbackslash{}x1b"


def test_the_table():
    text = latex(
        ["Module", "MACs"],
        [["a", "1"], [escaped("b_c"), "2"]],
        ["MACs"],
        last=["Total", "3"],
        caption="50% of all",
        comments=["one\ntwo"],
    )
    assert (
        text
        == r"""% one\ntwo
\begin{table}[t]
  \centering
  \caption{50\% of all}
  \begin{tabular}{lr}
    \toprule
    Module & MACs \\
    \midrule
    a & 1 \\
    b\_c & 2 \\
    \midrule
    Total & 3 \\
    \bottomrule
  \end{tabular}
\end{table}
"""
    )


def test_any_frame():
    frame = pd.DataFrame({"model": ["a_b", "c"], "n": [1234567, 2], "x": ["", None]})
    rows = [line for line in of_frame(frame).splitlines() if line.endswith(r"\\")]
    assert rows == [r"    model & n & x \\", r"    a\_b & 1,234,567 &  \\", r"    c & 2 &  \\"]
