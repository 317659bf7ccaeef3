"""The jinja2 templates of pages and of a notebook's view. Each value but the style and the script
is escaped.
"""

from __future__ import annotations

from .macros import BARS, HEAD, ICICLE, TABLE, TREE

_PAGE = """\
{{ head(title ~ ": " ~ cards[0].figure ~ " " ~ cards[0].name) }}
<body>
<header class="top">
{{ top(title, kind, said) }}
{% if inputs %}
<p class="dim">input <code>{{ inputs|join("; ") }}</code></p>
{% endif %}
{% if step %}
<p>{{ step }}</p>
{% endif %}
{% for doubt in doubts %}
<p class="warn" role="note">{{ doubt }}</p>
{% endfor %}
{{ shown_cards(cards) }}
<nav class="dim" aria-label="Parts of this page">{% for name, text in parts -%}
<a href="#{{ name }}">{{ text }}</a>{% if not loop.last %} · {% endif %}{% endfor %}</nav>
</header>
<main>
{% if roles %}
<h2>What the work is for <small>{{ share_of }}</small></h2>
<div class="bar" aria-hidden="true">
{% for role in roles if role.per_cent %}
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
{% if icicles %}
<h2>Where it is <small>Width is the share. The order is that of execution.
{{ "A colour is a role with at least 75% of the work." if roles }}
<span class="needs-script" hidden>A click fills the width with a part, and a second click goes back.
Arrow keys move.</span></small></h2>
{{ shown_icicles(icicles) }}
{% endif %}
<h2 id="modules">Modules <small>{{ "{:,}".format(tree.modules) }} in
{{ "{:,}".format(tree.rows|length) }} row{{ "s" if tree.rows|length != 1 }}.
{{ tree.notes|join(" ") }}</small></h2>
<div class="tools">
<span class="needs-script" hidden>
<button type="button" data-do="first">First view</button>
<button type="button" data-do="open">Open all</button>
<button type="button" data-do="close">Close all</button>
<input type="search" placeholder="name or type" aria-label="Filter the rows by name or type">
<button type="button" data-do="copy">Copy the rows in view</button>
</span>
{% if csv %}
<a download="{{ file }}.csv" href="{{ csv }}">All modules as CSV</a>
{% endif %}
<span class="dim" data-is="found" role="status"></span>
</div>
<div class="hookcount {{ tree.layout }}">
{{ shown_tree(tree, linked) }}</div>
{% if changed %}
<h2 id="changed">Against the baseline <small>{{ changed.heading }}</small></h2>
{{ shown_table(changed.table) }}
{% endif %}
<h2 id="between">Work between modules <small>Ops that no formula of a module paid for, by the line
that called them.</small></h2>
{{ shown_table(between) }}
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
<h2 id="conventions">The same run under other conventions</h2>
{{ shown_table(conventions) }}
<h2 id="words">What the words mean</h2>
<dl>
{% for term, text in words %}
<dt>{{ term }}</dt><dd>{{ text }}</dd>
{% endfor %}
</dl>
</main>
{{ scripted() }}
</body>
</html>
"""

_NOTEBOOK = """\
<div class="hookcount{{ " " ~ tree.layout if tree }}">
<style>
{{ style|safe }}
</style>
{% for text in heads %}
<div><strong>{{ text }}</strong></div>
{% endfor %}
{{ shown_tree(tree) if tree }}
{{- cells_of(table) if table }}
{% for note in notes %}
<div><small>{{ note }}</small></div>
{% endfor %}
</div>
"""

_TABLES = """\
{{ head(title) }}
<body>
<header class="top">
{{ top(title, "", said) }}
{% for line in lines %}
<p class="dim">{{ line }}</p>
{% endfor %}
{% if cards %}
{{ shown_cards(cards) }}
{% endif %}
</header>
<main>
{% if bars %}
<h2>Bars</h2>
{{ shown_bars(bars) }}
{% endif %}
{% if table %}
<h2>{{ table.title }}</h2>
{{ shown_table(table) }}
{% endif %}
</main>
{{ scripted() }}
</body>
</html>
"""

PAGE = HEAD + TABLE + TREE + ICICLE + _PAGE
TABLES = HEAD + TABLE + BARS + _TABLES
NOTEBOOK = TABLE + TREE + _NOTEBOOK
