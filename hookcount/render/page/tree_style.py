"""The rules for the rows of a tree, in a page and in a notebook. All are under one class."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence

from ..cells import TIMES

_WIDE = {"module": "minmax(160px,3fr)", "type": "minmax(0,2fr)", "output": "minmax(0,2fr)"}
_TEXTS = tuple(_WIDE)
_COUNTED = ("calls", "params", "MACs", "FLOPs")
_SHARES = ("190px", "120px", "100px")
"""The width of the share and its bar, from wide to narrow."""
_BELOW_1000 = ("output",)
_BELOW_760 = ("output", "calls", "params", "FLOPs", "% seconds", "FLOP/s")
"""The columns that a narrow window does not have."""
# --outer: how many rows are above. A browser cuts a very long chain of sums, so that the template
# starts the chain anew every 20 levels.
_RULES = """
.hookcount i:first-child{
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.93em}
.hookcount p,.hookcount summary{display:grid;gap:0 12px;align-items:baseline;margin:0;
padding:2px 12px;box-sizing:border-box;
min-height:var(--row,26px);border-bottom:1px solid var(--line)}
.hookcount i{font-style:normal;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;
font-variant-numeric:tabular-nums}
.hookcount details{--inner:calc(var(--outer,0) + 1)}
.hookcount details>div{--outer:var(--inner)}
.hookcount i:nth-child(-n+2){white-space:normal;overflow-wrap:anywhere}
.hookcount i:first-child{padding-left:calc(min(var(--outer,0)*var(--indent,16px),40%) + 18px);
position:relative}
.hookcount i:first-child b{color:var(--warn)}
.hookcount i:last-child{display:flex;gap:8px;align-items:center}
.hookcount i:last-child b{flex:0 0 52px;text-align:right;font-weight:400}
.hookcount i:last-child::after{content:"";height:10px;border-radius:2px;background:var(--bar);
width:calc((100% - 60px)*var(--share,0))}
.hookcount .head i{font-weight:600;white-space:normal;overflow-wrap:anywhere}
.hookcount summary{list-style:none;cursor:pointer}
.hookcount summary::-webkit-details-marker{display:none}
.hookcount summary i:first-child::before{content:"";position:absolute;
left:calc(min(var(--outer,0)*var(--indent,16px),40%) + 4px);top:50%;border:4px solid transparent;
border-left:6px solid var(--dim);transform:translateY(-50%)}
.hookcount details[open]>summary i:first-child::before{transform:translate(-2px,-25%) rotate(90deg)}
.hookcount summary:hover,.hookcount p:hover{background:var(--soft)}
.hookcount summary:focus-visible{outline:2px solid var(--link);outline-offset:-2px}
"""


def layout(titles: Sequence[str]) -> str:
    """The class of trees that have columns of these titles.

    A notebook may show several trees, and the rules for the columns of one must not be those of
    another.
    """
    return f"h{hashlib.sha256(repr(titles).encode()).hexdigest()[:7]}"


def tree_style(titles: Sequence[str]) -> str:
    """The rules for a tree with columns of these titles."""
    rules = "\n".join(_columns(titles)).replace(".hookcount", f".hookcount.{layout(titles)}")
    return f"{_RULES}\n{rules}"


def _columns(titles: Sequence[str]) -> Iterator[str]:
    numbers = [place for place, title in enumerate(titles, 1) if title not in _TEXTS][:-1]
    dim = [place for place, title in enumerate(titles, 1) if title in ("output", TIMES)]
    wide, narrow, least = _SHARES
    yield f"{_cells(numbers)}{{text-align:right}}"
    yield from _units(titles)
    if dim:
        yield f"{_cells(dim)}{{color:var(--dim)}}"
    yield _grid([*[_width(title) for title in titles[:-1]], wide])
    yield _narrow(titles, 1000, _BELOW_1000, narrow)
    yield _narrow(titles, 760, _hidden_in_narrow(titles), least, below="type")


def _units(titles: Sequence[str]) -> list[str]:
    """A unit after each figure, for a reader that says the cells aloud. It is not in view."""
    said = {
        f".hookcount :not(.head)>i:nth-child({place}):not(:empty)::after": unit
        for place, title in enumerate(titles, 1)
        for unit in [title.rpartition("(")[2].removesuffix(")")]  # a convention's: "thop (MACs)"
        if unit in _COUNTED
    }
    if not said:
        return []
    hidden = "position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden"
    texts = [f'{cells}{{content:" {unit}"}}' for cells, unit in said.items()]
    return [f"{','.join(said)}{{{hidden}}}", *texts]


def _cells(places: Sequence[int]) -> str:
    return ",".join([f".hookcount i:nth-child({place})" for place in places])


def _grid(widths: Sequence[str]) -> str:
    return f".hookcount p,.hookcount summary{{grid-template-columns:{' '.join(widths)}}}"


def _width(title: str) -> str:
    if title in _WIDE:
        return _WIDE[title]
    return "44px" if title in (TIMES, "calls") else "96px" if "(" in title else "68px"


def _hidden_in_narrow(titles: Sequence[str]) -> Collection[str]:
    """Of a convention's figure and MACs, the figure is shown, because shares are of it."""
    own = any(title.endswith(")") for title in titles)
    return (*_BELOW_760, *(["MACs"] if own else []))


def _narrow(
    titles: Sequence[str], width: int, hidden: Collection[str], share: str, below: str | None = None
) -> str:
    """The rules up to a width. ``below``: the column that is shown below the first."""
    places = [place for place, title in enumerate(titles, 1) if title in hidden]
    widths = [_width(title) for title in titles[1:-1] if title not in (*hidden, below)]
    name = "minmax(140px,3fr)" if below is None else "minmax(0,1fr)"
    rules = [_grid([name, *widths, share])]
    if places:
        rules.append(f"{_cells(places)}{{display:none}}")
    if below is not None:
        place = titles.index(below) + 1
        indent = "padding-left:calc(min(var(--outer,0)*var(--indent),15%) + 18px)"
        rules.append(
            f".hookcount i:nth-child({place}){{grid-area:2/1/3/-1;font-size:.86em;"
            f"color:var(--dim);{indent}}}"
            f".hookcount .head i:nth-child({place}){{display:none}}"
        )
    return f"@media (max-width:{width}px){{{''.join(rules)}}}"
