"""Module classes with no arithmetic of their own to price: those that only move data, and those that only call others."""

from __future__ import annotations

from torch import nn

from .builtin import free, observed

free(
    [
        nn.ChannelShuffle,
        nn.CircularPad1d,
        nn.CircularPad2d,
        nn.CircularPad3d,
        nn.ConstantPad1d,
        nn.ConstantPad2d,
        nn.ConstantPad3d,
        nn.Flatten,
        nn.Identity,
        nn.PixelShuffle,
        nn.PixelUnshuffle,
        nn.ReflectionPad1d,
        nn.ReflectionPad2d,
        nn.ReflectionPad3d,
        nn.ReplicationPad1d,
        nn.ReplicationPad2d,
        nn.ReplicationPad3d,
        nn.Unflatten,
        nn.ZeroPad1d,
        nn.ZeroPad2d,
        nn.ZeroPad3d,
    ]
)

# In eval a dropout runs nothing; in training its ops tell, and each way that torch runs it costs a division and a mul per
# element (native_dropout, or bernoulli_, div_ and mul). Dropout2d and its like divide their smaller mask only.
observed(
    [nn.AlphaDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout]
)

# Looking up is free; with max_norm an embedding renormalises first, and a bag adds up.
observed([nn.Embedding, nn.EmbeddingBag], kind="embedding")

observed(
    [nn.Container, nn.ModuleDict, nn.ModuleList, nn.ParameterDict, nn.ParameterList, nn.Sequential]
)

# They hand on to what they hold.
observed(
    [
        "torch.nn.parallel.data_parallel.DataParallel",
        "torch.nn.utils.parametrize.ParametrizationList",
    ]
)
