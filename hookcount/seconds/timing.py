"""``Timing``: the face of a measurement. It forwards to the readers and renderers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..tables.files import text_or_file
from ..tables.grid import plain
from . import data, frame, text
from .measured import Measured
from .notebook import notebook

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Timing(Measured):
    """How long a model takes. ``print(timing)`` shows the tree, with seconds.

    A timing holds no tensor of the model. It can be pickled.
    """

    # -- tables ------------------------------------------------------------------------------------

    def to_dataframe(self) -> pd.DataFrame:
        """The rows of ``report.to_dataframe()`` with seconds.

        ``own_seconds`` sum to ``timing.seconds`` exactly. ``seconds`` and ``seconds_share`` include
        the modules beneath. ``flops_per_second`` and ``own_flops_per_second`` are FLOPs over these
        seconds, and empty where a module with FLOPs took no time of its own: compiled code.

        If modules were not timed, only the first row has seconds. If the count failed, the rows
        have path, type, depth and calls besides the seconds.
        """
        return frame.modules(self)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """``to_dataframe()`` as CSV. It is written to ``path``, or returned if there is no path.

        Raises ``OutputError``, an ``OSError``, if the file cannot be written.
        """
        return text_or_file(data.csv(self), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Seconds, spread, machine, notes, totals of the count, and all rows, as JSON.

        The text is written to ``path``, or returned if there is no path. Raises ``OutputError``, an
        ``OSError``, if the file cannot be written.
        """
        return text_or_file(data.json(self), path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """A Markdown table of the columns that people read.

        The text is written to ``path``, or returned if there is no path. Raises ``OutputError``, an
        ``OSError``, if the file cannot be written.
        """
        return text_or_file(data.markdown(self), path)

    # -- text --------------------------------------------------------------------------------------

    def headline(self, name: str | None = None) -> str:
        """One line: layers, parameters, gradients, FLOPs, seconds, FPS, and where.

        ``name``: what to call the model, by default its class.
        """
        return text.headline(self, name or self.type)

    def __str__(self) -> str:
        return plain(text.tree(self))

    def __repr__(self) -> str:
        return (
            f"<hookcount.Timing {text.duration(self.seconds)}, {text.rate(self.fps)} FPS, "
            f"{self.runs} run{'s' * (self.runs != 1)} on {self.machine}>"
        )

    def _repr_html_(self) -> str:
        return notebook(self)
