"""hookcount counts the MACs, FLOPs and parameters of any PyTorch model, module by module.

>>> import torch, hookcount
>>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU())
>>> report = hookcount.count(model, torch.zeros(2, 8))
>>> report.macs, report.params                   # 2 * 8 * 4; 8 * 4 + 4
(64, 36)
>>> report.flops                                 # two per MAC, 8 bias adds, 8 compares
144
>>> report.to_dataframe()[["path", "type", "macs"]].values.tolist()
[['', 'Sequential', 64], ['0', 'Linear', 64], ['1', 'ReLU', 0]]

Contents:

- counting: ``count``, ``Counter``, ``Watch``, ``compare``, ``scaling``, ``size``
- a training step: ``Training``
- a data set: ``over``, ``DataSetReport``, ``Statistics``
- formulas: ``register``, ``replace``, ``unregister``, ``Ops``, ``FREE``, ``OBSERVED``
- layers of formulas: ``Registry``, ``Entry``
- replacements for a ``forward`` that needs values: ``register_fake``, ``by_turns``
- conventions: ``Convention``
- a report: ``Report``, ``Node``, ``Record``, ``Charge``, ``Uncounted``, ``Reuse``
- coverage of a report: ``Coverage``, ``Source``, ``Free``
- roles: ``Split``, ``Share``
- two counts side by side: ``Difference``, ``Changed``
- conventions side by side: ``Reconciliation``, ``Line``, ``Match``
- rules of thumb: ``Estimate``
- counts by input size: ``Scaling``, ``Point``, ``Growth``, ``Polynomial``
- the size of a model: ``ModelSize``
- the peaks of a device: ``Device``, ``devices``
- a meter of a loop: ``Meter``, ``Metered``
- seconds: ``measure``, ``Timer``, ``Timing``, ``TimerWatch``, ``BlockTiming``,
  ``Spread``
- errors: ``HookcountError`` and its subclasses, ``UncountedWarning``, ``LeftBehindWarning``
"""

from .analysis.coverage import Coverage, Free, Source
from .analysis.devices import devices
from .analysis.difference import Changed
from .analysis.match import Match
from .analysis.reconcile import Line, Reconciliation
from .analysis.roles.roles import Share, Split
from .analysis.scaling.growth import Growth
from .analysis.scaling.point import Point
from .analysis.scaling.polynomial import Polynomial
from .analysis.scaling.scaling import Scaling
from .analysis.size import ModelSize
from .analysis.statistics import Statistics
from .analysis.thumb.rule import Estimate
from .comparison import compare
from .conventions import Convention
from .core.errors import (
    BudgetError,
    DataNeededError,
    FormulaError,
    HookcountError,
    InputError,
    ItemError,
    LeftBehindWarning,
    MissingPackageError,
    ModelError,
    OutputError,
    PickleError,
    RegistrationError,
    UncountedError,
    UncountedWarning,
    UnknownDeviceError,
    UnknownModelError,
    UnknownModuleError,
)
from .core.ops import Ops
from .core.version import VERSION
from .counter import (
    Counter,
    Watch,
    count,
    over,
    register,
    register_fake,
    replace,
    scaling,
    size,
    unregister,
)
from .dataset.report import DataSetReport
from .observe.shapes_run.experts import by_turns
from .pricing.price import Charge, Record, Uncounted
from .pricing.tree import Node
from .render.difference import Difference
from .report import Report, Reuse
from .rules.registry import FREE, OBSERVED, Entry, Registry
from .seconds.device import Device
from .seconds.meter import Meter, Metered
from .seconds.spread import Spread
from .seconds.timer import Timer, measure
from .seconds.timing import Timing
from .seconds.watch import BlockTiming, TimerWatch
from .training import Training

__version__ = VERSION

__all__ = [
    "FREE",
    "OBSERVED",
    "BlockTiming",
    "BudgetError",
    "Changed",
    "Charge",
    "Convention",
    "Counter",
    "Coverage",
    "DataNeededError",
    "DataSetReport",
    "Device",
    "Difference",
    "Entry",
    "Estimate",
    "FormulaError",
    "Free",
    "Growth",
    "HookcountError",
    "InputError",
    "ItemError",
    "LeftBehindWarning",
    "Line",
    "Match",
    "Meter",
    "Metered",
    "MissingPackageError",
    "ModelError",
    "ModelSize",
    "Node",
    "Ops",
    "OutputError",
    "PickleError",
    "Point",
    "Polynomial",
    "Reconciliation",
    "Record",
    "RegistrationError",
    "Registry",
    "Report",
    "Reuse",
    "Scaling",
    "Share",
    "Source",
    "Split",
    "Spread",
    "Statistics",
    "Timer",
    "TimerWatch",
    "Timing",
    "Training",
    "Uncounted",
    "UncountedError",
    "UncountedWarning",
    "UnknownDeviceError",
    "UnknownModelError",
    "UnknownModuleError",
    "Watch",
    "by_turns",
    "compare",
    "count",
    "devices",
    "measure",
    "over",
    "register",
    "register_fake",
    "replace",
    "scaling",
    "size",
    "unregister",
]
