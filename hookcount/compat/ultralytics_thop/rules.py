"""Which hook of ultralytics-thop, or of the user, counts the calls of a module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from torch import nn

from ...conventions.ultralytics import ULTRALYTICS
from ...rules.registry import OBSERVED, Registry
from ..hook_table import HookTable
from ..shared import Handled, Handler, invoked_as_hook
from . import rnn_hooks
from .vision import basic_hooks

Rules = Mapping[type[nn.Module], Handler | None]

_FREE_BASES = (
    (nn.modules.padding, "_ConstantPadNd _ReflectionPadNd _ReplicationPadNd _CircularPadNd"),
    (nn.modules.dropout, "_DropoutNd"),
    (nn.modules.pooling, "_MaxUnpoolNd"),
)
_FREE = """
    ReLU ReLU6 LeakyReLU MaxPool1d MaxPool2d MaxPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
    AdaptiveMaxPool3d FractionalMaxPool2d FractionalMaxPool3d Sequential ModuleList ModuleDict
    ParameterList ParameterDict Identity Flatten Unflatten Unfold PixelShuffle PixelUnshuffle
    ChannelShuffle"""
_COUNTED = {
    basic_hooks.count_convNd: "Conv1d Conv2d Conv3d",
    basic_hooks.count_convtNd: "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    basic_hooks.count_normalization: "LayerNorm GroupNorm RMSNorm",
    basic_hooks.count_prelu: "PReLU",
    basic_hooks.count_softmax: "Softmax LogSoftmax Softmin Softmax2d",
    basic_hooks.count_avgpool: "AvgPool1d AvgPool2d AvgPool3d",
    basic_hooks.count_adap_avgpool: "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d",
    basic_hooks.count_linear: "Linear",
    basic_hooks.count_bilinear: "Bilinear",
    basic_hooks.count_upsample: "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
    basic_hooks.count_embedding: "Embedding",
    basic_hooks.count_multihead_attention: "MultiheadAttention",
    rnn_hooks.count_rnn: "RNN",
    rnn_hooks.count_gru: "GRU",
    rnn_hooks.count_lstm: "LSTM",
    rnn_hooks.count_rnn_cell: "RNNCell",
    rnn_hooks.count_gru_cell: "GRUCell",
    rnn_hooks.count_lstm_cell: "LSTMCell",
}


def _classes(owner: ModuleType, names: str) -> Iterator[type[nn.Module]]:
    """The classes of these names that the installed version of torch has."""
    for name in names.split():
        if hasattr(owner, name):
            yield getattr(owner, name)


register_hooks: dict[type[nn.Module], Handler] = {
    **dict.fromkeys(_classes(nn, _FREE), basic_hooks.zero_ops),
    **{cls: hook for hook, names in _COUNTED.items() for cls in _classes(nn, names)},
    nn.modules.batchnorm._NormBase: basic_hooks.count_normalization,
}
"""The tool's hook for each class that it lists; its subclasses have it too.

``profile`` goes by what is here when it is called.
"""
for _owner, _names in _FREE_BASES:
    register_hooks.update(dict.fromkeys(_classes(_owner, _names), basic_hooks.zero_ops))

_TABLE = HookTable("register_hooks", register_hooks)
_LISTED = dict(register_hooks)
_invoke = invoked_as_hook("total_ops", int)


def in_force(given: Rules) -> Rules:
    """The hooks of a call: those of the table as it is now, and ``given``, which comes first.

    Raises ``InputError`` for a wrong entry of the table.
    """
    return {**_TABLE.now(), **given}


def hook_for(cls: type, rules: Rules) -> Handler | None:
    """The hook of the nearest class in the MRO of ``cls`` that has one."""
    return next((rules[base] for base in cls.__mro__ if base in rules), None)


def layer_of(modules: Iterable[nn.Module], rules: Rules) -> Registry:
    """What differs between ``rules`` and the convention of the tool, for the modules' classes."""
    layer = Registry(name="custom_ops of profile")
    if rules == _LISTED:
        return layer
    convention = ULTRALYTICS.resolver(Registry())
    for cls, module in {type(each): each for each in modules}.items():
        hook = hook_for(cls, rules)
        entry = convention.module(module)
        if hook is None or hook is basic_hooks.zero_ops:
            layer.register(cls, OBSERVED)
        elif hook in _LISTED.values() and entry is not None and entry.price is not None:
            layer.register(cls, entry.price)
        else:
            layer.register(cls, Handled(hook, _invoke))
    return layer
