"""Values as HTML, through a jinja2 template."""

from __future__ import annotations


def markup(template: str, **values: object) -> str:
    """The template with the values. Each value is escaped, also within an attribute.

    >>> markup("<b title='{{ name }}'>{{ name }}</b>", name="<'>")
    "<b title='&lt;&#39;&gt;'>&lt;&#39;&gt;</b>"
    """
    import jinja2

    made = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text: str = made.from_string(template).render(values)
    return text
