"""``DataSetReport``: the counts of the items of a data set, and their statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..analysis.frames import figures
from ..analysis.statistics import NAMES, Statistics
from ..analysis.uncounted import explain
from ..core.errors import InputError, error_text
from ..core.names import clean
from ..core.units import duration, si
from ..render.page.notebook import notebook_table
from ..render.page.tables import PageTable
from ..report import Report
from ..rules.convention import Convention, Unit
from ..tables.encoding import printable
from ..tables.exact import column
from ..tables.grid import grid, plain, stacked
from .items import Item

if TYPE_CHECKING:
    import pandas as pd

    from ..tables.grid import Renderable


@dataclass(frozen=True, repr=False)
class DataSetReport:
    """The counts of the items of a data set. It holds no tensor.

    Each figure is a ``Statistics`` over the items: ``result.macs.mean``, ``result.flops.std``.
    ``print(result)`` shows them, ``result.to_dataframe()`` has a row per item.
    """

    items: tuple[Item, ...]

    @property
    def macs(self) -> Statistics:
        """MACs of an item."""
        return Statistics.of([each.report.macs for each in self.items])

    @property
    def flops(self) -> Statistics:
        """FLOPs of an item."""
        return Statistics.of([each.report.flops for each in self.items])

    @property
    def headline(self) -> Statistics:
        """The one figure of the convention, in ``unit``."""
        return Statistics.of([each.report.headline for each in self.items])

    @property
    def unit(self) -> Unit:
        """The unit of ``headline``: ``"MACs"`` or ``"FLOPs"``."""
        return self.items[0].report.unit

    @property
    def convention(self) -> Convention:
        """The convention of the reports."""
        return self.items[0].report.convention

    @property
    def seconds(self) -> Statistics:
        """Seconds of a forward. Raises ``InputError`` if the items were not timed."""
        return Statistics.of(self._seconds())

    @property
    def fps(self) -> Statistics:
        """Forwards a second of an item. Raises ``InputError`` if the items were not timed.

        One forward a second over all items is ``1 / seconds.mean``, as papers give it.
        """
        return Statistics.of([1 / each for each in self._seconds()])

    @property
    def timed(self) -> bool:
        """Whether the items were timed."""
        return all(each.seconds is not None for each in self.items)

    @property
    def distinct(self) -> int:
        """The number of different counts among the items."""
        return len({id(each.report) for each in self.items})

    def __len__(self) -> int:
        return len(self.items)

    def under(self, convention: Convention | str) -> DataSetReport:
        """The same items under another convention. Raises ``InputError`` for an unknown name."""
        return self._with(lambda report: report.under(convention))

    @property
    def backward(self) -> DataSetReport:
        """The backward passes of ``Training.over``, as a result like this one."""
        return self._with(lambda report: report.backward)

    @property
    def recompute(self) -> DataSetReport:
        """Forwards that the backward passes of ``Training.over`` ran again."""
        return self._with(lambda report: report.recompute)

    @property
    def optimizer(self) -> DataSetReport:
        """The optimizer's steps of ``Training.over``."""
        return self._with(lambda report: report.optimizer)

    @property
    def step(self) -> DataSetReport:
        """The whole training steps of ``Training.over``."""
        return self._with(lambda report: report.step)

    def _with(self, change: Callable[[Report], Report]) -> DataSetReport:
        """The same items with other reports. Items that shared a report share one again."""
        made: dict[int, Report] = {}
        for each in self.items:
            if id(each.report) not in made:
                made[id(each.report)] = change(each.report)
        return DataSetReport(
            tuple([replace(each, report=made[id(each.report)]) for each in self.items])
        )

    def explain_uncounted(self) -> str:
        """What no formula prices, in any item. Empty if every count is complete."""
        reports = {id(each.report): each.report for each in self.items}.values()
        first = {each.target: each for report in reports for each in report.uncounted}
        runs = {each.run for each in reports}
        of_step = any(each.priced.step_seen for each in reports)
        return explain(first.values(), runs.pop() if len(runs) == 1 else "", of_step)

    def to_dataframe(self) -> pd.DataFrame:
        """One row per item.

        Columns: ``item``, ``inputs``, ``macs``, ``flops``, ``headline``, ``run``, ``count`` (the
        number of the count, from 0; equal inputs share one) and ``uncounted``. If the items were
        timed, also ``seconds``, ``fps`` and ``samples_per_second``. ``df.attrs`` has the convention
        and its unit.
        """
        import pandas as pd

        numbers: dict[int, int] = {}
        for each in self.items:
            numbers.setdefault(id(each.report), len(numbers))
        columns: dict[str, object] = {
            "item": [each.index for each in self.items],
            "inputs": [each.inputs for each in self.items],
            "macs": figures([each.report.macs for each in self.items]),
            "flops": figures([each.report.flops for each in self.items]),
            "headline": figures([each.report.headline for each in self.items]),
            "run": [each.report.run for each in self.items],
            "count": [numbers[id(each.report)] for each in self.items],
            "uncounted": [len(each.report.uncounted) for each in self.items],
        }
        if self.timed:
            columns |= {
                "seconds": [each.seconds for each in self.items],
                "fps": [each.fps for each in self.items],
                "samples_per_second": [each.samples_per_second for each in self.items],
            }
        frame = pd.DataFrame(columns)
        frame.attrs |= {"convention": self.convention.name, "unit": self.unit}
        return frame

    def statistics(self) -> pd.DataFrame:
        """One row per figure (``macs``, ``flops`` ...), with a column per statistic."""
        import pandas as pd

        rows = [{"figure": name, **each.to_dict()} for name, each in self._figures().items()]
        return pd.DataFrame(rows, columns=["figure", *NAMES])

    def by_module(self) -> pd.DataFrame:
        """One row per module, with the statistics of each figure over the items.

        Columns: ``path``, ``type``, ``macs_mean``, ``macs_std`` ... ``flops_median``, and
        ``seconds_mean`` ... if the items were timed. Figures include the modules beneath. A module
        that an item does not run has 0 there.
        """
        import pandas as pd

        frames = {id(each.report): each.report.to_dataframe() for each in self.items}
        types: dict[str, str] = {}
        for frame in frames.values():
            for path, kind in zip(frame["path"], frame["type"], strict=True):
                types.setdefault(path, kind)
        columns: dict[str, object] = {"path": column([*types]), "type": column([*types.values()])}
        for name in ("macs", "flops", *(["seconds"] if self.timed else [])):
            known = {
                key: dict(zip(frame["path"], frame[name].tolist(), strict=True))
                for key, frame in frames.items()
                if name != "seconds"
            }
            found = [known.get(id(each.report), each.module_seconds) for each in self.items]
            rows = [Statistics.of([each.get(path, 0) for each in found]) for path in types]
            for statistic in NAMES:
                columns[f"{name}_{statistic}"] = column([getattr(each, statistic) for each in rows])
        return pd.DataFrame(columns)

    def _figures(self) -> dict[str, Statistics]:
        found = {"macs": self.macs, "flops": self.flops}
        if self.convention.name != "default":
            found["headline"] = self.headline
        if self.timed:
            found |= {"seconds": self.seconds, "fps": self.fps}
        return found

    def _seconds(self) -> list[float]:
        seconds = [each.seconds for each in self.items if each.seconds is not None]
        if len(seconds) < len(self.items):
            fix = "time them: hookcount.Timer().over(model, batches)"
            raise InputError(error_text("a DataSetReport", "its items were not timed", fix))
        return seconds

    def _rows(self) -> Iterator[tuple[str, ...]]:
        """The title and the statistics of each figure, as text."""
        for name, each in self._figures().items():
            text = duration if name == "seconds" else si
            shown = f"{clean(self.convention.name)} ({self.unit})" if name == "headline" else name
            yield (shown, *[text(value) for value in each.to_dict().values()])

    def _head(self) -> str:
        items, counts = len(self.items), self.distinct
        return f"{items} item{'s' * (items != 1)}, {counts} different count{'s' * (counts != 1)}"

    def _notes(self) -> Iterator[str]:
        if self.timed:
            yield f"{1 / self.seconds.mean:,.1f} FPS = 1 / mean seconds"
        if uncounted := self.explain_uncounted():
            yield uncounted

    def _shown(self) -> Renderable:
        made = grid(("", *NAMES), NAMES)
        for row in self._rows():
            made.add_row(*row)
        return stacked(self._head(), made, *self._notes())

    def __str__(self) -> str:
        return printable(plain(self._shown()))

    def __repr__(self) -> str:
        return f"<hookcount.DataSetReport items={len(self.items)} distinct={self.distinct}>"

    def _repr_html_(self) -> str:
        table = PageTable("", ("", *NAMES), list(self._rows()))
        return notebook_table([self._head()], table, list(self._notes()))
