"""Links from a type in a signature to the page that documents it.

A signature says ``hookcount.pricing.tree.Node``, and the reference has ``hookcount.Node``. A type
of another library is plain text, because there is no network to look up its page.
"""

import builtins

from docutils.nodes import Element, Node, Text, document
from sphinx.addnodes import desc, desc_signature, pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def without_builtins(app: Sphinx, tree: document) -> None:
    """Make plain text of Python's own types: ``type`` is no link to ``Node.type``."""
    for asked in list(tree.findall(pending_xref)):
        if asked.get("refdomain") == "py" and hasattr(builtins, asked["reftarget"]):
            asked.replace_self(Text(asked["reftarget"]))


def public_name(
    app: Sphinx, env: BuildEnvironment, asked: pending_xref, shown: Element
) -> Node | None:
    """The link to the documented name, or the text itself."""
    if asked.get("refdomain") != "py":
        return None
    target = asked["reftarget"]
    python = env.get_domain("py")
    known = f"hookcount.{target.rpartition('.')[2]}"
    if known in python.objects:
        kind = python.objects[known].objtype
        return python.resolve_xref(env, asked["refdoc"], app.builder, kind, known, asked, shown)
    return shown if _in_a_signature(asked) else None


def _in_a_signature(asked: Element) -> bool:
    """Whether autodoc made the link. One that a page writes must lead somewhere."""
    while asked is not None and not isinstance(asked, desc_signature | desc):
        asked = asked.parent
    return asked is not None


def setup(app: Sphinx) -> dict[str, bool]:
    """Join the build."""
    app.connect("doctree-read", without_builtins)
    app.connect("missing-reference", public_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
