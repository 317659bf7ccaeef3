"""``hookcount.compat.mmcv.utils``: the entrance of ``mmcv.cnn.utils``."""

from .flops_counter import get_model_complexity_info

__all__ = ["get_model_complexity_info"]
