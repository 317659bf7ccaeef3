"""The directive ``targets``: each module and op with a built-in price, read from the registry."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from inspect import getdoc
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import hookcount
from hookcount.formulas import BUILTIN
from hookcount.rules.registry import Entry

ROOT = Path(hookcount.__file__).parent


def lines() -> Iterator[str]:
    """A section for each kind of work, then what is free and what is priced op by op."""
    kinds: dict[str, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    states: dict[object, list[str]] = defaultdict(list)
    for entry in map(BUILTIN.get, BUILTIN):
        if callable(entry.price):
            kinds[entry.kind or "other"][_shown(entry)].append(entry.target)
        else:
            states[entry.price].append(entry.target)
    for kind in sorted(kinds):
        yield from _titled(kind.capitalize())
        yield from (".. list-table::", "   :header-rows: 1", "   :widths: 40 60")
        yield from ("   :class: targets", "")
        yield from _row("module or op", "its call and price; the file in hookcount/")
        for (call, source), targets in sorted(kinds[kind].items(), key=lambda each: each[1]):
            yield from _row(_literals(targets), f"{escaped(call)} ``{source}``")
        yield ""
    for state, title in ((hookcount.FREE, "Free"), (hookcount.OBSERVED, "Priced op by op")):
        yield from (*_titled(title), state.__doc__, "", _literals(states[state]), "")


def _shown(entry: Entry) -> tuple[str, str]:
    """The first sentence of a formula, and its file and line."""
    path, _, line = entry.source.rpartition(":")
    call = (getdoc(entry.price) or "").partition("\n\n")[0]
    return " ".join(call.split()), f"{Path(path).relative_to(ROOT)}:{line}"


def _titled(text: str) -> tuple[str, ...]:
    return text, "-" * len(text), ""


def _row(*cells: str) -> Iterator[str]:
    for index, cell in enumerate(cells):
        yield f"   {'  -' if index else '* -'} {cell}"


def escaped(text: str) -> str:
    """A text in which only the double backticks are markup."""
    parts = text.split("``")
    return "``".join(
        part if place % 2 else re.sub(r"([*_|\\`])", r"\\\1", part)
        for place, part in enumerate(parts)
    )


def _literals(targets: Iterable[str]) -> str:
    return ", ".join(f"``{each}``" for each in sorted(targets))


class Targets(SphinxDirective):
    """``.. targets::`` is all sections."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        return self.parse_text_to_nodes("\n".join(lines()), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the build."""
    app.add_directive("targets", Targets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
