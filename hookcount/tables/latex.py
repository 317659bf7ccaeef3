"""Rows as a LaTeX table with booktabs, through jinja2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..core.names import clean, shortened

if TYPE_CHECKING:
    import pandas as pd

_LONG = 48
"""Characters of a text."""
_ESCAPED = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "…": r"\dots{}",
        "-": "-{}",  # two of them are no dash
    }
)
_TEMPLATE = r"""
<% for line in comments %>
% << line >>
<% endfor %>
\begin{table}[t]
  \centering
<% if caption %>
  \caption{<< caption >>}
<% endif %>
  \begin{tabular}{<< columns >>}
    \toprule
    << titles | join(" & ") >> \\
    \midrule
<% for row in rows %>
    << row | join(" & ") >> \\
<% endfor %>
<% if last %>
    \midrule
    << last | join(" & ") >> \\
<% endif %>
    \bottomrule
  \end{tabular}
\end{table}
"""


def latex(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[str] = (),
    *,
    last: Sequence[str] = (),
    caption: str = "",
    comments: Iterable[str] = (),
) -> str:
    """A LaTeX table. It needs ``\\usepackage{booktabs}``. Columns in ``right`` hold numbers.

    ``rows`` and ``last``, the row below a rule, are LaTeX, see ``escaped``. Titles, caption and
    comments are plain text.
    """
    import jinja2

    marks = {"block_start_string": "<%", "block_end_string": "%>"}
    marks |= {"variable_start_string": "<<", "variable_end_string": ">>"}
    marks |= {"comment_start_string": "<#", "comment_end_string": "#>"}
    template = jinja2.Environment(
        trim_blocks=True, keep_trailing_newline=True, autoescape=False, **marks
    ).from_string(_TEMPLATE.lstrip())
    numbers = set(right)
    text: str = template.render(
        titles=[escaped(each) for each in titles],
        columns="".join(["r" if each in numbers else "l" for each in titles]),
        rows=list(rows),
        last=last,
        caption=escaped(caption, len(caption)),
        comments=[clean(each) for each in comments],
    )
    return text


def escaped(text: str, width: int = _LONG) -> str:
    """A plain text as LaTeX. A long one is cut in the middle.

    >>> escaped("layer_1"), escaped("100%")
    ('layer\\\\_1', '100\\\\%')
    """
    return shortened(clean(text), width).translate(_ESCAPED)


def of_frame(frame: pd.DataFrame) -> str:
    """Any frame as a LaTeX table. A missing value is empty."""
    numbers = [str(name) for name in frame.columns if frame[name].dtype.kind in "iuf"]
    absent = frame.isna().to_numpy()
    rows = [
        ["" if missing else _cell(value) for value, missing in zip(row, absent[index], strict=True)]
        for index, row in enumerate(frame.itertuples(index=False))
    ]
    return latex([str(name) for name in frame.columns], rows, numbers, comments=_said(frame))


def _cell(value: object) -> str:
    return f"{value:,}" if hasattr(value, "__index__") else escaped(str(value))


def _said(frame: pd.DataFrame) -> list[str]:
    return [f"{name}: {value}" for name, value in frame.attrs.items()]
