"""The directive ``conventions``: each convention, its tool, and where it differs from the tool."""

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from hookcount.conventions import CONVENTIONS

from .targets import escaped


def lines() -> Iterator[str]:
    """An entry for each convention that is another tool's, or a text's."""
    for convention in CONVENTIONS.values():
        if not convention.mirrors:
            continue
        equal = ", equal to the integer" if convention.exact else ""
        ending = ", except for:" if convention.differs and equal else ""
        ending = ". It differs in:" if convention.differs and not equal else ending
        yield f"``{convention.name}``"
        yield f"   {convention.unit} as {escaped(convention.mirrors)}{equal}{ending}"
        yield from ("", *(f"   - {escaped(' '.join(each.split()))}" for each in convention.differs))
        yield ""


class Conventions(SphinxDirective):
    """``.. conventions::`` is a list of definitions."""

    def run(self) -> list[nodes.Node]:
        """The list."""
        return self.parse_text_to_nodes("\n".join(lines()))


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the build."""
    app.add_directive("conventions", Conventions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
