"""The directive ``commands``: each command with its options, read from the parsers.

So a new command or option is in the reference as soon as ``--help`` has it.
"""

import argparse
import pkgutil
from collections.abc import Iterator
from importlib import import_module

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from hookcount import cli


def parsers() -> list[argparse.ArgumentParser]:
    """The parser of each command, that of ``hookcount MODEL`` first."""
    rooms = (
        import_module(f"hookcount.cli.{each.name}") for each in pkgutil.iter_modules(cli.__path__)
    )
    made = [room.arguments() for room in rooms if hasattr(room, "arguments")]
    return sorted(made, key=lambda parser: parser.prog)


def lines_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The section of one command, as reStructuredText."""
    yield from (parser.prog, "~" * len(parser.prog), "")
    yield from _as_it_is(parser.format_usage())
    yield from _as_it_is(parser.description)
    yield from (f".. program:: {parser.prog}", "")
    for typed, meaning in _arguments(parser):
        yield from (f".. option:: {typed}", "", *(f"    {line}" for line in _escaped(meaning)), "")
    yield from _as_it_is(parser.epilog)


def _as_it_is(text: str | None) -> Iterator[str]:
    if text:
        yield from (".. code-block:: text", "", *(f"    {line}" for line in text.splitlines()), "")


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Each argument as it is typed, and its help."""
    layout = parser._get_formatter()
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        typed = layout._format_action_invocation(action)
        yield typed, layout._expand_help(action)


def _escaped(text: str) -> list[str]:
    return [f"{line}".replace("\\", "\\\\").replace("*", "\\*") for line in text.splitlines()]


class Commands(SphinxDirective):
    """``.. commands::`` is a section for each command."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        text = "\n".join(line for parser in parsers() for line in lines_of(parser))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the build."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
