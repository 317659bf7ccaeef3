"""``Drawn``: the method of a report that draws it."""

from __future__ import annotations

from ...pricing.priced import Priced
from ...tables.figures.figure import Figure
from .plot import Kind, plot


class Drawn:
    """A count that can be drawn."""

    priced: Priced

    def plot(
        self,
        kind: Kind = "icicle",
        figure: str | None = None,
        depth: int | None = None,
        *,
        fold: bool = True,
        title: str = "",
    ) -> Figure:
        """A figure of plotly: ``report.plot().show()``, ``report.plot().write_html(FILE)``.

        ``kind``:

        - ``"icicle"``: each module below its parent, in order, as wide as its share
        - ``"treemap"``: each module within its parent, as large as its share
        - ``"bars"``: the modules that have most themselves, the largest first
        - ``"roles"``: attention, feed-forward, convolution ... as in ``by_role``

        ``figure``: ``"macs"``, ``"flops"``, ``"params"``, or ``"figure"``, that of the convention.
        The default is MACs, and under another convention its figure. ``depth``: so many levels of
        modules. Equal modules are one piece, unless ``fold`` is False. At most some hundred pieces
        are drawn, and the small ones as one. ``title``: the name of the model.

        Needs ``pip install 'hookcount[plot]'``, else raises ``MissingPackageError``. Raises
        ``InputError`` for an unknown kind or figure, and for a model that has nothing of the
        figure.
        """
        return plot(self.priced, kind, figure, depth, fold=fold, title=title)
