"""The rules for the pictures of a page: cells at places in percent, in rows of 23 pixels."""

from __future__ import annotations

from .colours import MIXED

RULES = f"""
.cells{{position:relative;left:0;width:100%;height:calc(var(--levels)*23px);
transition:width .25s,left .25s}}
.icicle{{container-type:inline-size;overflow:clip;
border:1px solid var(--line);border-radius:6px;
background:var(--soft)}}
.cells a{{position:absolute;left:calc(var(--x)*1%);width:calc(var(--w)*1%);
top:calc(var(--d)*23px);height:23px;font-size:12px;line-height:22px;
text-indent:calc(var(--gone,0)*1cqw + 4px);overflow:hidden;white-space:nowrap;
text-overflow:ellipsis;color:var(--fg);text-decoration:none;background:var(--fill,var(--bg));
box-shadow:inset 0 0 0 1px var(--edge)}}
.cells .up{{background:color-mix(in srgb,var(--fill,var(--bg)) {MIXED}%,var(--bg))}}
.cells a:hover,.cells a:focus-visible{{outline:2px solid var(--fg);outline-offset:-2px;z-index:2}}
.icicle p{{margin:0;padding:0 8px;overflow-wrap:anywhere}}
@media (prefers-reduced-motion:reduce){{.cells{{transition:none}}}}
"""
