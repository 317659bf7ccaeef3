"""hookcount counts the MACs, FLOPs and parameters of any PyTorch model, module by module.

>>> import torch, hookcount
>>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU())
>>> report = hookcount.count(model, torch.zeros(2, 8))
>>> report.macs, report.flops, report.params     # 2 * 8 * 4; twice that, 8 bias adds, 8 compares; 8 * 4 + 4
(64, 144, 36)
>>> report.to_dataframe()[["path", "type", "macs"]].values.tolist()
[['', 'Sequential', 64], ['0', 'Linear', 64], ['1', 'ReLU', 0]]
"""

from .comparison import compare
from .conventions import Convention
from .core.errors import (
    FormulaError,
    HookcountError,
    InputError,
    ModelError,
    RegistrationError,
    UncountedError,
    UncountedWarning,
)
from .core.ops import Ops
from .counter import (
    Counter,
    Watch,
    count,
    register,
    register_fake,
    replace,
    scaling,
    size,
    unregister,
)
from .report import Report
from .rules.registry import FREE, OBSERVED, Registry

__version__ = "0.1.0"

__all__ = [
    "FREE",
    "OBSERVED",
    "Convention",
    "Counter",
    "FormulaError",
    "HookcountError",
    "InputError",
    "ModelError",
    "Ops",
    "RegistrationError",
    "Registry",
    "Report",
    "UncountedError",
    "UncountedWarning",
    "Watch",
    "compare",
    "count",
    "register",
    "register_fake",
    "replace",
    "scaling",
    "size",
    "unregister",
]
