"""``from hookcount.compat.mmcv import get_model_complexity_info`` replaces that of ``mmcv.cnn``.

``hookcount.compat.mmcv.utils.flops_counter`` replaces ``mmcv.cnn.utils.flops_counter``. mmcv itself
is not needed.

>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
>>> get_model_complexity_info(model, (3, 8, 8), as_strings=False, print_per_layer_stat=False)
(4176.0, 112)
>>> get_model_complexity_info(model, (3, 224, 224), print_per_layer_stat=False)
('0.01 GFLOPs', '112')

The tool says FLOPs and means MACs: 4 * 36 outputs times 3 * 9 products. It adds 1 for each bias and
for each ReLU: 2 * 4 * 36. The parameters are 4 * 3 * 9 + 4.
"""

from .utils import get_model_complexity_info

__all__ = ["get_model_complexity_info"]
