"""The tables of the zoo."""

from __future__ import annotations

from collections.abc import Sequence

from lib.sheet import Sheet

from zoo.measuring import Result


def sheets(results: Sequence[Result]) -> list[Sheet]:
    ran = [each for each in results if not each.failed]
    return [
        _counts(results, ran),
        *([_published(ran)] if any(each.readings for each in ran) else []),
    ]


def _counts(results: Sequence[Result], ran: Sequence[Result]) -> Sheet:
    cells = tuple(
        (
            each.name,
            each.given,
            f"{each.params / 1e6:.2f}",
            f"{each.macs / 1e9:.3f}",
            f"{each.flops / 1e9:.3f}",
            _beside(each),
            str(len(each.uncounted)),
            str(len(each.warnings)),
            each.run,
            f"{each.seconds:.2f}",
        )
        if not each.failed
        else (each.name, "failed", *[""] * 8)
        for each in results
    )
    compared = [each for each in ran if each.equal is not None]
    whys = dict.fromkeys(each.unseen_why for each in ran if each.unseen)
    remarks = [
        f"{len(ran)} of {len(results)} models ran; {sum(not each.uncounted for each in ran)} are "
        f"complete; {sum(not each.warnings for each in ran)} ran without any warning.",
        "Equal to: to the integer. FCM: ``FlopCounterMode`` / 2, on meta or for real. FCM + hand: "
        "plus the work that it does not see, worked out by hand. By hand: all MACs. A figure here "
        f"differs. {sum(bool(each.equal) for each in compared)} of {len(compared)} are equal.",
        *(f"Not seen by FCM: {why} ({_unseen(ran, why)})." for why in whys),
        *(f"{each.name} failed: ``{each.failed}``" for each in results if each.failed),
        *(f"{each.name}, no FCM: ``{each.theirs_how}``" for each in ran if each.theirs is None),
        *(f"{each.name}, uncounted: {', '.join(each.uncounted)}" for each in ran if each.uncounted),
        *(f"{each.name}, warned: {text}" for each in ran for text in each.warnings),
    ]
    headings = (
        "model",
        "input",
        "params (M)",
        "MACs (G)",
        "FLOPs (G)",
        "equal to",
        "uncounted",
        "warnings",
        "run",
        "seconds",
    )
    return Sheet(f"{len(results)} models", headings, cells, tuple(remarks))


def _unseen(ran: Sequence[Result], why: str) -> str:
    return ", ".join(
        f"{each.name} {each.unseen / 1e9:.5g} G" for each in ran if each.unseen_why == why
    )


def _beside(result: Result) -> str:
    """The source that the MACs equal, or its MACs if they differ."""
    if result.equal is False:
        other = result.worked if result.theirs is None else result.theirs + result.unseen
        return f"{other / 1e9:.3f}"
    if result.theirs is None:
        return "by hand" if result.equal else "-"
    return "FCM + hand" if result.unseen else "FCM"


def _published(ran: Sequence[Result]) -> Sheet:
    pairs = [(each, reading) for each in ran for reading in each.readings]
    sources, rules = (
        list(dict.fromkeys(getattr(reading, name) for _, reading in pairs))
        for name in ("source", "rule")
    )
    cells = tuple(
        (
            each.name,
            reading.published,
            f"[{sources.index(reading.source) + 1}]",
            f"{reading.whole:.3f}",
            f"({chr(ord('a') + rules.index(reading.rule))})",
            f"{reading.read:.3f}",
            f"{100 * (reading.read / float(reading.published.split()[0]) - 1):+.2f} %",
            "yes" if reading.agrees else "no",
        )
        for each, reading in pairs
    )
    remarks = [
        "all MACs, as counted: the count in the unit of the published figure.",
        "agrees: up to one in the last digit of the published figure.",
        *(f"({chr(ord('a') + index)}) {rule}" for index, rule in enumerate(rules)),
        *(f"[{index}] {source}" for index, source in enumerate(sources, 1)),
        *(
            f"{each.name}, {reading.published}: {reading.why}"
            for each, reading in pairs
            if reading.why
        ),
    ]
    headings = (
        "model",
        "published",
        "source",
        "all MACs",
        "counts",
        "as counted",
        "difference",
        "agrees",
    )
    return Sheet("Against published figures", headings, cells, tuple(remarks))
