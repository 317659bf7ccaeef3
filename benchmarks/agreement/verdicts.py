"""How far a convention agrees with its tool, and which difference has a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from lib.sheet import Sheet

from agreement.figures import HOOKCOUNT, TOOLS, Figures

_SIZES = (
    *("coat_*", "cpubone_*", "davit_small", "edgenext_small_rw", "efficientvit_*", "fastvit_sa12"),
    *("haloregnetz_b", "hiera_tiny_224", "lambda_resnet26t", "lowformer_b1", "mobilevit_xs"),
    *("mvitv2_base", "nest_tiny_jx", "sam2_hiera_small", "tf_efficientnet_es", "tiny_vit_21m_224"),
    *("tnt_s_patch16_224", "tresnet_v2_l", "vit_small_r26_s32_224", "volo_d1_384"),
)
"""Models of timm that multiply sizes. In the tool's graph there are as many products of scalars as
its figure is larger."""

BECAUSE: dict[str, dict[str, str]] = {
    "fvcore": {
        "x@y_bcast_lhs": "a product that repeats its left operand",
        **dict.fromkeys(("maxvit_t", "mvit_v2_s", "mvitv2_*"), "einsum: "),
    },
    "thop": {"coat_*": "a module with two places in the tree"},
    "torchprofile": {
        **dict.fromkeys(("mha_needw_true", "learned queries, *"), "work that reaches no output"),
        "retinanet_resnet50_fpn": "work in a scripted function",
        **dict.fromkeys(_SIZES, "arithmetic on sizes: "),
    },
    "calflops": {"coat_*": "a module inside of two others"},
    "calflops-flops": {"coat_*": "a module inside of two others"},
    "ptflops": {"encoder_layer_even": "nn.TransformerEncoderLayer that is the model"},
    "ptflops-pytorch": {
        **dict.fromkeys(("transformer, *", "transformer decoder, *"), "several positional"),
        "coat_*": "a module with two places in the tree",
    },
    "deepspeed-flops": dict.fromkeys(
        ("fcos_*", "retinanet_*"), "F.interpolate with recompute_scale_factor"
    ),
}
"""By convention and case that differs: how the line of ``differs`` with the reason begins."""


@dataclass(frozen=True)
class Verdict:
    """The result for one convention and its tool on one suite."""

    convention: str
    suite: str
    equal: tuple[str, ...]
    differ: dict[str, tuple[Any, Any]]
    """By case, hookcount's figure and the tool's."""
    failed: dict[str, str]
    """By case, the error for which the tool gave no figure."""


def verdicts(
    conventions: Sequence[str], suites: Sequence[str], figures: Figures
) -> Iterator[Verdict]:
    for convention in conventions:
        tool = TOOLS[convention]
        for suite in suites:
            ours = {
                name: figure
                for (who, where, name), figure in figures.items()
                if (who, where) == (HOOKCOUNT, suite)
            }
            theirs = {
                name: figures[tool, suite, name] for name in ours if (tool, suite, name) in figures
            }
            failed = {name: figure for name, figure in theirs.items() if isinstance(figure, str)}
            pairs = {
                name: (each if isinstance(each, str) else each[convention], theirs[name])
                for name, each in ours.items()
                if name in theirs and name not in failed
            }
            equal = tuple(name for name, (mine, other) in pairs.items() if mine == other)
            if theirs:
                yield Verdict(
                    convention,
                    suite,
                    equal,
                    {n: pair for n, pair in pairs.items() if n not in equal},
                    failed,
                )


def unexplained(verdict: Verdict, exact: bool, differs: Sequence[str]) -> list[str]:
    """The cases in which an exact convention differs from its tool without a reason."""
    reasons = {
        pattern: begins
        for pattern, begins in BECAUSE.get(verdict.convention, {}).items()
        if any(line.startswith(begins) for line in differs)
    }
    return [
        name
        for name in verdict.differ
        if exact and not any(fnmatch(name, pattern) for pattern in reasons)
    ]


def sheet(found: Sequence[Verdict], suites: Sequence[str]) -> Sheet:
    rows = []
    for convention in dict.fromkeys(each.convention for each in found):
        of = {each.suite: each for each in found if each.convention == convention}
        rows.append((convention, *(cell(of[suite]) if suite in of else "" for suite in suites)))
    remarks = []
    for each in found:
        if each.differ:
            pairs = "; ".join(
                f"{name} {shown(mine)} for {shown(theirs)}"
                for name, (mine, theirs) in each.differ.items()
            )
            remarks.append(f"{each.convention}, {each.suite}: {pairs}")
        for why in dict.fromkeys(each.failed.values()):
            where = ", ".join(name for name, error in each.failed.items() if error == why)
            remarks.append(f"{TOOLS[each.convention]} fails, {each.suite}: {where}: ``{why}``")
    title = "report.under(convention).headline against the tool's own figure: equal of counted"
    return Sheet(title, ("convention", *suites), tuple(rows), tuple(remarks))


def shown(figure: Any) -> str:
    return figure if isinstance(figure, str) else f"{figure:,}"


def cell(verdict: Verdict) -> str:
    count = len(verdict.equal) + len(verdict.differ)
    return f"{len(verdict.equal)} of {count}" + (
        f", {len(verdict.failed)} failed" if verdict.failed else ""
    )
