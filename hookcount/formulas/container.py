"""Module classes without arithmetic of their own: they move data, or call modules and ops."""

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

# In eval mode a dropout runs nothing. In training mode its ops are priced: native_dropout, or
# bernoulli_, div_ and mul. Either way it costs a division and a mul per element. Dropout2d and its
# relatives divide only their mask, which is smaller.
observed(
    [nn.AlphaDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout]
)

# A lookup is free. With max_norm an embedding renormalises rows first, and a bag adds rows up.
observed([nn.Embedding, nn.EmbeddingBag], kind="embedding")

observed(
    [nn.Container, nn.ModuleDict, nn.ModuleList, nn.ParameterDict, nn.ParameterList, nn.Sequential]
)

# These call the modules that they hold.
observed(
    [
        "torch.nn.parallel.data_parallel.DataParallel",
        "torch.nn.utils.parametrize.ParametrizationList",
    ]
)
