"""The style sheet of a page. It takes its colours by name, and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence

from .colours import declared
from .icicle_style import RULES as ICICLE
from .tree_style import tree_style

_RULES = """
*{box-sizing:border-box}
[hidden]{display:none!important}
html{font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;
background:var(--bg);color:var(--fg);scroll-padding-top:40px}
body{max-width:1320px;margin:0 auto;padding:18px 24px 60px}
h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:28px 0 8px}
p{margin:4px 0}
a{color:var(--link)}
code,.table td:first-child{
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.93em}
.dim,small{color:var(--dim)}
small{font-weight:400}
.top{overflow-wrap:anywhere}
.title{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;gap:4px 16px}
.tools,.tools span{display:flex;flex-wrap:wrap;gap:6px;align-items:center}
.tools{margin:0 0 8px}
button,[type=search]{font:inherit;color:inherit;background:var(--soft);
border:1px solid var(--line);border-radius:6px;padding:2px 10px;max-width:100%}
button{cursor:pointer}
:focus-visible{outline:2px solid var(--link);outline-offset:1px}
::placeholder{color:var(--dim);opacity:1}
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
.bar,.bars i,.key i,.cards li,.hookcount i,.cells a{print-color-adjust:exact;
-webkit-print-color-adjust:exact}
.hookcount{border:1px solid var(--line);border-radius:8px;overflow:clip}
.hookcount p:not(.head),.hookcount summary{content-visibility:auto;
contain-intrinsic-height:auto 21px}
.hookcount .head{position:sticky;top:0;z-index:1;background:var(--soft)}
.hookcount button{border:0;background:none;padding:0;font-weight:600}
.hookcount [aria-pressed=true]{text-decoration:underline 2px}
.hookcount .at,.hookcount :target{background:color-mix(in srgb,var(--link) 18%,var(--bg))}
.tabs>input:focus-visible+label{outline:2px solid var(--link);outline-offset:-2px}
.tabs{display:flex;flex-wrap:wrap;gap:4px 6px}
.tabs>input{position:absolute;opacity:0}
.tabs>label{border:1px solid var(--line);border-radius:6px;padding:2px 11px;cursor:pointer;
background:var(--soft)}
.tabs>input:checked+label{background:var(--fg);color:var(--bg)}
.tabs>div{display:none;order:1;flex:0 0 100%;max-width:100%}
.tabs>input:checked+label+div{display:block}
.table{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;position:absolute;clip-path:inset(50%);
width:1px;height:1px;overflow:hidden}
th,td{text-align:right;padding:3px 10px;border-bottom:1px solid var(--line);
vertical-align:baseline;white-space:nowrap}
th{background:var(--soft)}
.text{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:9em}
td.text:last-child{min-width:20em}
.bars{padding:6px 0}
.bars p{display:grid;grid-template-columns:minmax(6em,16em) 1fr 8em;gap:0 12px;
align-items:center;overflow-wrap:anywhere}
.bars i{height:14px;border-radius:3px;background:var(--bar);width:calc(100%*var(--share,0))}
.bars b{font-weight:400;font-variant-numeric:tabular-nums}
dl{display:grid;grid-template-columns:auto 1fr;gap:2px 14px;margin:0}
dt{font-weight:600}
dd{margin:0;overflow-wrap:anywhere}
"""
_NARROW = """\
@media (max-width:760px){
body{padding:12px}
.cards li{min-width:0;flex:1 1 40%;padding:6px 10px}
.cards b{font-size:1.2rem}
th,td{padding:3px 6px}
.bars p{grid-template-columns:1fr auto}
.bars i{grid-area:2/1/3/-1}
.hookcount{--indent:9px}
.hookcount p,.hookcount summary{padding:3px 8px;gap:0 8px}
}
@media print{
html{font-size:10px}
@page{size:A4 landscape;margin:12mm}
.hookcount .head{position:static}
.hookcount p:not(.head),.hookcount summary{break-inside:avoid;min-height:0;
content-visibility:visible}
h2{break-after:avoid}
.tabs>input,.tabs>label,.tools,nav,.needs-script{display:none!important}
.tabs>:not([name=tab]):checked+label{display:block!important}
.tabs>.table{display:block;margin-bottom:12px}
.icicle{overflow:hidden}
caption{position:static;clip-path:none;width:auto;height:auto}
}
"""


def style(titles: Sequence[str] = ()) -> str:
    """The style sheet of a page. ``titles``: those of the columns of its tree, if it has one."""
    tree = [tree_style(titles)] if titles else []
    return "\n".join([declared(), _RULES, *([ICICLE, *tree] if tree else []), _NARROW])
