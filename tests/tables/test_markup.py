"""Values in a template are text, never tags."""

import jinja2
import pytest

from hookcount.tables.markup import markup


@pytest.mark.parametrize("value", ["<b>", "'", '"', "&lt;", "{{ 1 + 1 }}", "</title>"])
def test_a_value_is_text(value):
    found = markup('<i title="{{ x }}">{{ x }}</i>', x=value)
    inside = found.removeprefix('<i title="').removesuffix("</i>")
    assert not set("<\"'") & set(inside.replace('">', "", 1))
    assert "2" not in found


def test_a_name_without_a_value_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="missing"):
        markup("{{ missing }}")
