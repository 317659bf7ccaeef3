"""``from hookcount.compat.torchsummary import summary`` replaces that of ``torchsummary``.

torchsummary itself is not needed.

>>> from torch import nn
>>> summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), (3, 32, 32), device="cpu")
----------------------------------------------------------------
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1            [-1, 8, 30, 30]             224
              ReLU-2            [-1, 8, 30, 30]               0
================================================================
Total params: 224
Trainable params: 224
Non-trainable params: 0
----------------------------------------------------------------
Input size (MB): 0.01
Forward/backward pass size (MB): 0.11
Params size (MB): 0.00
Estimated Total Size (MB): 0.12
----------------------------------------------------------------
"""

from .torchsummary import summary

__all__ = ["summary"]
