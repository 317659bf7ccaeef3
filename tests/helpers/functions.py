"""Functions as modules."""

from torch import Tensor, nn


class Fn(nn.Module):
    """A function of the module itself and of what it is called with.

    ``held``: by name, the tensors (each becomes a parameter), modules and parameters that it holds.
    """

    def __init__(self, function, **held):
        super().__init__()
        self.function = function
        for name, value in held.items():
            setattr(self, name, nn.Parameter(value) if type(value) is Tensor else value)

    def forward(self, *args, **kwargs):
        return self.function(self, *args, **kwargs)
