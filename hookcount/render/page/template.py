"""The jinja2 templates of a page and of a notebook's view. Each value but the style is escaped."""

from __future__ import annotations

_HEAD = """\
{% macro head(title) -%}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>
{{ style|safe }}
</style>
</head>
{%- endmacro %}
"""

_PAGE = """\
{{ head(title ~ ": " ~ cards[0].figure ~ " " ~ cards[0].name) }}
<body>
<header class="top">
<h1>{{ title }} <small>{{ kind }}</small></h1>
<p class="dim">{% if inputs %}input <code>{{ inputs|join("; ") }}</code> · {% endif %}
{{ said }}</p>
{% for doubt in doubts %}
<p class="warn" role="note">{{ doubt }}</p>
{% endfor %}
<ul class="cards">
{% for card in cards %}
<li><b>{{ card.figure }}</b> {{ card.name }} <small>{{ card.exact }}</small></li>
{% endfor %}
</ul>
<nav class="dim" aria-label="Parts of this page"><a href="#modules">Modules</a> ·
<a href="#tables">By role, type and op</a> · <a href="#uncounted">Uncounted</a> ·
<a href="#figures">What the figures are</a></nav>
</header>
<main>
{% if roles %}
<h2>Roles <small>{{ share_of }}</small></h2>
<div class="bar" aria-hidden="true">
{% for role in roles %}
<i class="role{{ role.place }}" style="width:{{ role.per_cent|round(2) }}%"></i>
{% endfor %}
</div>
<ul class="key">
{% for role in roles %}
<li><i class="role{{ role.place }}" aria-hidden="true"></i>{{ role.name }}
<span class="dim">{{ role.text }}</span></li>
{% endfor %}
</ul>
{% endif %}
<h2 id="modules">Modules <small>{{ "{:,}".format(tree.modules) }} in
{{ "{:,}".format(tree.rows|length) }} rows. {{ tree.notes|join(" ") }}</small></h2>
<div class="hookcount">
{{ shown_tree(tree, true) }}</div>
<h2 id="tables">By role, type and op</h2>
<div class="tabs">
{% for table in tables %}
<input type="radio" name="tab" id="tab{{ loop.index }}"{% if loop.first %} checked{% endif %}>
<label for="tab{{ loop.index }}">{{ table.title }}</label>
{{ shown_table(table) }}
{% endfor %}
</div>
<h2 id="uncounted">Uncounted</h2>
{% if uncounted.rows %}
{{ shown_table(uncounted) }}
{% else %}
<p>Nothing that ran is uncounted.</p>
{% endif %}
<h2 id="figures">What the figures are</h2>
<dl>
{% for term, text in facts %}
<dt>{{ term }}</dt><dd>{{ text }}</dd>
{% endfor %}
</dl>
</main>
</body>
</html>
"""

_TABLE = """\
{% macro shown_table(table) %}
<div class="table">
{% if table.rows %}
<table><caption>{{ table.title }}</caption><thead><tr>
{% for each in table.head %}
<th scope="col"{% if loop.index <= table.texts %} class="text"{% endif %}>{{ each }}</th>
{% endfor %}
</tr></thead><tbody>
{% for row in table.rows %}
<tr>{% for each in row %}
<td{% if loop.index <= table.texts %} class="text"{% endif %}>{{ each }}</td>
{%- endfor %}</tr>
{% endfor %}
</tbody></table>
{% endif %}
{% if table.note %}
<p class="dim">{{ table.note }}</p>
{% endif %}
</div>
{% endmacro %}
"""

_TREE = """\
{% macro shown_tree(tree, own) %}
<p class="head">{% for each in tree.titles %}<i>{{ each }}</i>{% endfor %}</p>
{% for row in tree.rows %}
{% if row.has_rows %}
<details{% if row.is_open %} open{% endif %}>
{%- if own %}<summary data-own="{{ row.own_flops }}">{% else %}<summary>{% endif %}
{%- elif own %}
<p data-own="{{ row.own_flops }}">
{%- else %}
<p>
{%- endif %}
<i>{{ row.cells[0] }}{% if row.mark %}<b title="uncounted"> {{ row.mark }}</b>{% endif %}</i>
{%- for each in row.cells[1:-1] %}<i>{{ each }}</i>{% endfor %}
<i{% if row.part >= 0.0005 %} style="--share:{{ row.part|round(4) }}"{% endif %}>
{%- if row.cells[-1] %}<b>{{ row.cells[-1] }}</b>{% endif %}</i>
{%- if row.has_rows %}</summary><div>{% else %}</p>{% endif %}
{{ "</div></details>"|safe * row.ends }}
{% endfor %}
{% endmacro %}
"""

_NOTEBOOK = """\
<div class="hookcount">
<style>
{{ style|safe }}
</style>
<div><strong>{{ summary }}</strong></div>
{% for doubt in doubts %}
<div><strong>{{ doubt }}</strong></div>
{% endfor %}
{{ shown_tree(tree, false) -}}
{% if tree.notes %}
<div><small>{{ tree.notes|join(" ") }}</small></div>
{% endif %}
</div>
"""

_COMPARED = """\
{{ head(title) }}
<body>
<h1>{{ title }}</h1>
<p class="dim">{{ said }}</p>
<main>
{{ shown_table(table) }}
</main>
</body>
</html>
"""

PAGE = _HEAD + _TABLE + _TREE + _PAGE
COMPARED = _HEAD + _TABLE + _COMPARED
NOTEBOOK = _TREE + _NOTEBOOK
