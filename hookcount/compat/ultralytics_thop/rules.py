"""The rules of ultralytics-thop: a hook for each class of modules that it lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import nn

from ...conventions import Convention
from ...conventions.ultralytics import FORMULAS, ULTRALYTICS
from ...rules.registry import OBSERVED, Registry
from ...rules.table import Table
from ..hook_table import Hooks, HookTable
from ..shared import Handled, Handler, invoked_as_hook
from . import rnn_hooks
from .vision import basic_hooks

_padding, _pooling = nn.modules.padding, nn.modules.pooling

register_hooks: Hooks = {
    **dict.fromkeys(
        (
            *(_padding._ConstantPadNd, _padding._ReflectionPadNd),
            *(_padding._ReplicationPadNd, _padding._CircularPadNd),
            *(nn.modules.dropout._DropoutNd, nn.ReLU, nn.ReLU6, nn.LeakyReLU),
            *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, _pooling._MaxUnpoolNd),
            *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
            *(nn.FractionalMaxPool2d, nn.FractionalMaxPool3d),
            *(nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict),
            *(nn.Identity, nn.Flatten, nn.Unflatten, nn.Unfold),
            *(nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle),
        ),
        basic_hooks.zero_ops,
    ),
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), basic_hooks.count_convNd),
    **dict.fromkeys(
        (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), basic_hooks.count_convtNd
    ),
    **dict.fromkeys(
        (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm),
        basic_hooks.count_normalization,
    ),
    **dict.fromkeys(
        (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d), basic_hooks.count_softmax
    ),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), basic_hooks.count_avgpool),
    **dict.fromkeys(
        (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
        basic_hooks.count_adap_avgpool,
    ),
    **dict.fromkeys(
        (nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d), basic_hooks.count_upsample
    ),
    nn.PReLU: basic_hooks.count_prelu,
    nn.Linear: basic_hooks.count_linear,
    nn.Bilinear: basic_hooks.count_bilinear,
    nn.Embedding: basic_hooks.count_embedding,
    nn.MultiheadAttention: basic_hooks.count_multihead_attention,
    nn.RNN: rnn_hooks.count_rnn,
    nn.GRU: rnn_hooks.count_gru,
    nn.LSTM: rnn_hooks.count_lstm,
    nn.RNNCell: rnn_hooks.count_rnn_cell,
    nn.GRUCell: rnn_hooks.count_gru_cell,
    nn.LSTMCell: rnn_hooks.count_lstm_cell,
}
"""The hook for each class that the tool lists, and for its subclasses.

``profile`` goes by what is here when it is called. So add the modules of your own, or change a
hook.
"""

_FREE = frozenset(cls for cls, hook in register_hooks.items() if hook is basic_hooks.zero_ops)
_TABLE = HookTable("register_hooks", register_hooks)
_invoke = invoked_as_hook("total_ops", int)


def convention_with(custom_ops: Mapping[type[nn.Module], Handler]) -> Convention:
    """The convention of the tool with the rules of a call, and with changes of the table.

    A module has the rule of the nearest class in its MRO that has one in either. A class that is in
    both has that of ``custom_ops``.
    """
    rules = Registry(name="custom_ops of profile")
    rules.table = Table(rules.name, pairs=FORMULAS.table.pairs())
    added, removed = _TABLE.changes()
    given = {**added, **custom_ops}
    free = dict.fromkeys(_FREE - removed, basic_hooks.zero_ops)
    for cls, hook in {**free, **given}.items():
        price = OBSERVED if hook is basic_hooks.zero_ops else Handled(hook, _invoke)
        put = rules.replace if cls in rules else rules.register
        put(cls, price)
    for cls in removed - given.keys():
        if cls in rules:
            rules.unregister(cls)
    return replace(ULTRALYTICS, formulas=rules)
