"""The style sheet of a page. It takes its colours by name, and loads nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..cells import TIMES
from .colours import declared

_WIDE = {"module": "minmax(160px,3fr)", "type": "minmax(0,2fr)", "output": "minmax(0,2fr)"}
_NUMBER = "minmax(68px,auto)"
_SHARE = "190px"
_TEXTS = ("module", "type", "output")
_HIDDEN_BELOW_1000 = ("output",)
_HIDDEN_BELOW_760 = ("output", "calls", "params", "FLOPs")

_RULES = """
*{box-sizing:border-box}
html{font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;
background:var(--bg);color:var(--fg)}
body{max-width:1320px;margin:0 auto;padding:18px 24px 60px}
h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:28px 0 8px}
p{margin:4px 0}
a{color:var(--link)}
code,.tree i:first-child,.table td:first-child{
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.93em}
.dim,small{color:var(--dim)}
small{font-weight:400}
.top{overflow-wrap:anywhere}
.cards{display:flex;flex-wrap:wrap;gap:10px;margin:14px 0 4px;padding:0;list-style:none}
.cards li{background:var(--soft);border:1px solid var(--line);border-radius:8px;
padding:8px 14px;min-width:136px;overflow-wrap:anywhere}
.cards b{display:block;font-size:1.45rem;font-variant-numeric:tabular-nums}
.cards small{display:block;font-variant-numeric:tabular-nums}
.warn{background:var(--warn-bg);color:var(--warn);border-left:4px solid;padding:8px 12px;
border-radius:4px;margin:12px 0;overflow-wrap:anywhere}
.bar{display:flex;height:22px;border-radius:5px;overflow:hidden;border:1px solid var(--line)}
.key{display:flex;flex-wrap:wrap;gap:3px 18px;margin:6px 0;padding:0;list-style:none}
.key i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px;
border:1px solid var(--line)}
.bar,.key i,.cards li,.tree i{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.tree{border:1px solid var(--line);border-radius:8px;overflow:clip}
.tree p,.tree summary{display:grid;gap:0 12px;align-items:center;margin:0;padding:2px 12px;
min-height:26px;border-bottom:1px solid var(--line)}
.tree i{font-style:normal;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;
font-variant-numeric:tabular-nums}
.tree details{--inner:calc(var(--outer,0) + 1)}
.tree details>div{--outer:var(--inner)}
.tree i:nth-child(-n+2){white-space:normal;overflow-wrap:anywhere}
.tree i:first-child{padding-left:calc(var(--outer,0)*var(--indent,16px) + 18px);
position:relative}
.tree i:first-child b{color:var(--warn)}
.tree i:last-child{display:flex;gap:8px;align-items:center}
.tree i:last-child b{flex:0 0 52px;text-align:right;font-weight:400}
.tree i:last-child::after{content:"";height:10px;border-radius:2px;background:var(--bar);
width:calc((100% - 60px)*var(--share,0))}
.tree .head{position:sticky;top:0;z-index:1;background:var(--soft)}
.tree .head i{font-weight:600}
summary{list-style:none;cursor:pointer}
summary::-webkit-details-marker{display:none}
summary i:first-child::before{content:"";position:absolute;
left:calc(var(--outer,0)*var(--indent,16px) + 4px);top:50%;border:4px solid transparent;
border-left:6px solid var(--dim);transform:translateY(-50%)}
details[open]>summary i:first-child::before{transform:translate(-2px,-25%) rotate(90deg)}
summary:hover,.tree p:hover{background:var(--soft)}
summary:focus-visible,.tabs input:focus-visible+label{outline:2px solid var(--link);
outline-offset:-2px}
.tabs{display:flex;flex-wrap:wrap;gap:4px 6px}
.tabs>input{position:absolute;opacity:0}
.tabs>label{border:1px solid var(--line);border-radius:6px;padding:2px 11px;cursor:pointer;
background:var(--soft)}
.tabs>input:checked+label{background:var(--fg);color:var(--bg)}
.tabs>.table{display:none;order:1;flex:0 0 100%}
.tabs>input:checked+label+.table{display:block}
.table{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;position:absolute;clip-path:inset(50%);
width:1px;height:1px;overflow:hidden}
th,td{text-align:right;padding:3px 10px;border-bottom:1px solid var(--line);
vertical-align:top;white-space:nowrap}
th{background:var(--soft)}
.text{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:9em}
dl{display:grid;grid-template-columns:auto 1fr;gap:2px 14px;margin:0}
dt{font-weight:600}
dd{margin:0;overflow-wrap:anywhere}
@media (max-width:760px){
body{padding:12px}
.cards li{min-width:0;flex:1 1 40%;padding:6px 10px}
.cards b{font-size:1.2rem}
th,td{padding:3px 6px}
.tree{--indent:9px}
.tree p,.tree summary{padding:3px 8px;gap:0 8px}
}
@media print{
html{font-size:10px}
@page{size:A4 landscape;margin:12mm}
.tree .head{position:static}
.tree p,.tree summary{break-inside:avoid;min-height:0}
h2{break-after:avoid}
.tabs>input,.tabs>label{display:none}
.tabs>.table{display:block;margin-bottom:12px}
caption{position:static;clip-path:none;width:auto;height:auto}
}
"""


def style(titles: Sequence[str]) -> str:
    """The style sheet for a tree with columns of these titles."""
    numbers = [place for place, title in enumerate(titles, 1) if title not in _TEXTS][:-1]
    right = ",".join([f".tree i:nth-child({place})" for place in numbers])
    dim = "".join(
        [
            f".tree i:nth-child({place}){{color:var(--dim)}}"
            for place, title in enumerate(titles, 1)
            if title in ("output", TIMES)
        ]
    )
    wide = " ".join([*[_width(title) for title in titles[:-1]], _SHARE])
    return "\n".join(
        [
            declared(),
            _RULES,
            f"{right}{{text-align:right}}{dim}",
            f".tree p,.tree summary{{grid-template-columns:{wide}}}",
            _narrow(titles, 1000, _HIDDEN_BELOW_1000, "120px"),
            _narrow(titles, 760, _hidden_in_narrow(titles), "100px", below="type"),
        ]
    )


def _width(title: str) -> str:
    if title in _WIDE:
        return _WIDE[title]
    return "44px" if title in (TIMES, "calls") else "96px" if "(" in title else "68px"


def _hidden_in_narrow(titles: Sequence[str]) -> Collection[str]:
    """Of a convention's figure and MACs, the figure is shown, because shares are of it."""
    own = any(title.endswith(")") for title in titles)
    return (*_HIDDEN_BELOW_760, *(["MACs"] if own else []))


def _narrow(
    titles: Sequence[str], width: int, hidden: Collection[str], share: str, below: str = ""
) -> str:
    """The rules up to a width. ``below``: the column that is shown below the first."""
    places = [place for place, title in enumerate(titles, 1) if title in hidden]
    widths = [_width(title) for title in titles[1:-1] if title not in (*hidden, below)]
    rules = [
        f".tree p,.tree summary{{grid-template-columns:minmax(0,1fr) {' '.join(widths)} {share}}}"
    ]
    if places:
        rules.append(",".join([f".tree i:nth-child({each})" for each in places]) + "{display:none}")
    if below:
        place = titles.index(below) + 1
        indent = "padding-left:calc(var(--outer,0)*var(--indent) + 18px)"
        rules.append(
            f".tree i:nth-child({place}){{grid-area:2/1/3/-1;font-size:.86em;"
            f"color:var(--dim);{indent}}}"
            f".tree .head i:nth-child({place}){{display:none}}"
        )
    return f"@media (max-width:{width}px){{{''.join(rules)}}}"
