"""Parts of pages as jinja2 macros. Each value but the style and the script is escaped."""

from __future__ import annotations

HEAD = """\
{% macro head(title) -%}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {{ allowed }}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>
{{ style|safe }}
</style>
</head>
{%- endmacro %}
{% macro top(title, kind, said) %}
<div class="title">
<h1>{{ title }}{% if kind %} <small>{{ kind }}</small>{% endif %}</h1>
<p class="dim">{{ said }}
<button type="button" class="needs-script" data-do="theme" hidden>light / dark</button></p>
</div>
{% endmacro %}
{% macro shown_cards(cards) %}
<ul class="cards">
{% for card in cards %}
<li><b>{{ card.figure }}</b> {{ card.name }} <small>{{ card.exact }}</small></li>
{% endfor %}
</ul>
{% endmacro %}
{% macro scripted() %}
<script>{{ script|safe }}</script>
{% endmacro %}
"""

TABLE = """\
{% macro side(table, at) -%}
{{ ' class="text"'|safe if at <= table.texts or at > table.head|length - table.end }}
{%- endmacro %}
{% macro cells_of(table, caption="") %}
<table>{% if caption %}<caption>{{ caption }}</caption>{% endif %}<thead><tr>
{% for each in table.head %}
<th scope="col"{{ side(table, loop.index) }}>{{ each }}</th>
{% endfor %}
</tr></thead><tbody>
{% for row in table.rows %}
<tr>{% for each in row %}
<td{{ side(table, loop.index) }}>{{ each }}</td>
{%- endfor %}</tr>
{% endfor %}
</tbody></table>
{% endmacro %}
{% macro shown_table(table) %}
<div class="table">
{% if table.rows %}
{{ cells_of(table, table.title) }}
{% endif %}
{% if table.note %}
<p class="dim">{{ table.note }}</p>
{% endif %}
</div>
{% endmacro %}
"""

BARS = """\
{% macro shown_bars(groups) %}
<div class="tabs">
{% for group in groups %}
<input type="radio" name="bars" id="bars{{ loop.index }}"{% if loop.first %} checked{% endif %}>
<label for="bars{{ loop.index }}">{{ group.title }}</label>
<div class="bars">
{% for name, part, text in group.rows %}
<p>{{ name }} <i style="--share:{{ part|round(4) }}"></i> <b>{{ text }}</b></p>
{% endfor %}
</div>
{% endfor %}
</div>
{% endmacro %}
"""

TREE = """\
{% macro shown_tree(tree, linked=None) %}
{% set whole = linked is not none %}
<p class="head">{% for each in tree.titles -%}
<i{% if whole and each in tree.sorts %} data-by="{{ tree.sorts[each] }}"{% endif %}>{{ each }}</i>
{%- endfor %}</p>
{% for row in tree.rows %}
{% set tag = "summary" if row.has_rows else "p" %}
{% if row.has_rows %}
<details{% if row.is_open %} open{% endif %}>
{%- endif %}
<{{ tag }}
{%- if whole and loop.index0 in linked %} id="r{{ loop.index0 }}"{% endif %}
{%- if whole %} data-of="{{ row.figures|join(" ") }}"{% endif %}>
{#- #}<i>{{ row.cells[0] }}{% if row.mark %}<b title="uncounted"> {{ row.mark }}</b>{% endif %}</i>
{%- for each in row.cells[1:-1] %}<i>{{ each }}</i>{% endfor %}
<i{% if row.part >= 0.0005 %} style="--share:{{ row.part|round(4) }}"{% endif %}>
{%- if row.cells[-1] %}<b>{{ row.cells[-1] }}</b>{% endif %}</i>
{%- if row.has_rows %}</summary><div
{%- if row.depth % 20 == 19 %} style="--outer:{{ row.depth + 1 }}"{% endif %}>
{%- else %}</p>{% endif %}

{{ "</div></details>"|safe * row.ends }}
{% endfor %}
{% endmacro %}
"""

ICICLE = """\
{% macro shown_icicles(views) %}
<div class="tabs">
{% for view in views %}
{% set at = loop.index %}
<input type="radio" name="figure" id="figure{{ at }}"{% if loop.first %} checked{% endif %}>
<label for="figure{{ at }}">{{ view.title }}</label>
<div class="icicle">
<div class="cells" style="--levels:{{ view.levels }}">
{% for cell in view.cells %}
<a{% if not loop.first %} tabindex="-1"{% endif %} href="#r{{ cell.place }}" class="
{%- if cell.role is not none %}role{{ cell.role }}{% endif %}{% if cell.has_more %} up{% endif %}"
{#- #} style="--d:{{ cell.depth }};--x:{{ cell.left|round(3) }};--w:{{ cell.width|round(3) }}"
{#- #} title="{{ cell.said }}">{{ cell.name }}</a>
{% endfor %}
</div>
<p class="dim" data-is="said" role="status"></p>
</div>
{% endfor %}
</div>
{% endmacro %}
"""
