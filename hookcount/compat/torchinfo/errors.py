"""The errors of the door of torchinfo that are also those which torchinfo raises."""

from __future__ import annotations

from ...core.errors import HookcountError, InputError


class NoSizeError(InputError, TypeError):
    """``input_size`` is no size and no list of sizes."""


class TwoInputsError(InputError, RuntimeError):
    """Both ``input_size`` and ``input_data`` are given."""


class FailedRunError(HookcountError, RuntimeError):
    """The model raised an exception, or a module has an output without a size.

    ``__cause__`` is the exception of the model.
    """
