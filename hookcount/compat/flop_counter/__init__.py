"""``from hookcount.compat.flop_counter import FlopCounterMode`` replaces torch's class.

torch's own is ``torch.utils.flop_counter.FlopCounterMode``. ``register_flop_formula`` is torch's:
what it registers counts in both.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
>>> with FlopCounterMode(display=False) as mode:
...     model(torch.zeros(3, 8)).sum().backward()
>>> mode.get_total_flops()      # forward 2 * 3 * (8 * 4 + 4 * 2), backward 2 * 3 * (32 + 8 + 8)
528
>>> print(mode.get_table())
Module            FLOP    % Total
--------------  ------  ---------
Sequential         528    100.00%
 - aten.addmm      240     45.45%
 - aten.mm         288     54.55%
 Sequential.0      384     72.73%
  - aten.addmm     192     36.36%
  - aten.mm        192     36.36%
 Sequential.2      144     27.27%
  - aten.addmm      48      9.09%
  - aten.mm         96     18.18%
"""

from torch.utils.flop_counter import register_flop_formula

from .mode import FlopCounterMode

__all__ = ["FlopCounterMode", "register_flop_formula"]
