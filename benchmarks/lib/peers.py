"""The other counters: where each is installed, and how it counts a model.

A counter has a folder of its own, ``DIR/<distribution>``, or is in the running environment.
``thop`` and ``ultralytics-thop`` have the same import name, so only their folders are searched.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any


@dataclass(frozen=True)
class Peer:
    """Another counter.

    ``count`` takes a model and its positional arguments, and returns the tool's own total.
    """

    name: str
    distribution: str
    count: Callable[[Any, tuple[Any, ...]], Any]
    shares_its_import_name: bool = False
    device: str = "cpu"

    def folder(self, peers_dir: str | None) -> str | None:
        own = os.path.join(peers_dir, self.distribution) if peers_dir else None
        return own if own and os.path.isdir(own) else None

    def version(self, peers_dir: str | None) -> str | None:
        """The installed version, or None."""
        own = self.folder(peers_dir)
        path = [own] if own else [] if self.shares_its_import_name else sys.path
        return next(
            (each.version for each in metadata.distributions(name=self.distribution, path=path)),
            None,
        )


def _thop(model: Any, args: tuple[Any, ...]) -> Any:
    from thop import profile

    return profile(model, inputs=args, verbose=False)[0]


Count = Callable[[Any, tuple[Any, ...]], Any]


def _ptflops(backend: str) -> Count:
    def count(model: Any, args: tuple[Any, ...]) -> Any:
        from ptflops import get_model_complexity_info

        given = (
            args[0]
            if len(args) == 1
            else dict(zip(inspect.signature(model.forward).parameters, args, strict=False))
        )
        macs, _ = get_model_complexity_info(
            model,
            (1,),
            input_constructor=lambda _: given,
            as_strings=False,
            print_per_layer_stat=False,
            verbose=False,
            backend=backend,
        )
        if macs is None:
            raise RuntimeError("it printed an exception and returned None")
        return macs

    return count


def _mmcv(model: Any, args: tuple[Any, ...]) -> Any:
    """By the methods that the tool adds to a model.

    Its function can pass tensors only by name, and then takes them for one sample.
    """
    from mmcv.cnn.utils.flops_counter import add_flops_counting_methods

    counting = add_flops_counting_methods(model).eval()
    counting.start_flops_count()
    counting(*args)
    flops, _ = counting.compute_average_flops_cost()
    counting.stop_flops_count()
    return flops


def _fvcore(model: Any, args: tuple[Any, ...]) -> Any:
    from fvcore.nn import FlopCountAnalysis

    return (
        FlopCountAnalysis(model, args)
        .unsupported_ops_warnings(False)
        .uncalled_modules_warnings(False)
        .total()
    )


def _torchinfo(model: Any, args: tuple[Any, ...]) -> Any:
    import torchinfo

    return torchinfo.summary(model, input_data=list(args), device="cpu", verbose=0).total_mult_adds


def _torchprofile(model: Any, args: tuple[Any, ...]) -> Any:
    from torchprofile import profile_macs

    return profile_macs(model, args)


def _calflops(figure: int) -> Count:
    """``figure``: which of the results, 0 for FLOPs or 1 for MACs."""

    def count(model: Any, args: tuple[Any, ...]) -> Any:
        from calflops import calculate_flops

        return calculate_flops(
            model,
            args=list(args),
            print_results=False,
            print_detailed=False,
            output_as_string=False,
        )[figure]

    return count


def _deepspeed(figure: int) -> Count:
    """``figure``: which of the results, 0 for FLOPs or 1 for MACs."""

    def count(model: Any, args: tuple[Any, ...]) -> Any:
        from deepspeed.profiling.flops_profiler import get_model_profile

        return get_model_profile(
            model, args=list(args), print_profile=False, as_string=False, warm_up=0
        )[figure]

    return count


def _flop_counter_mode(model: Any, args: tuple[Any, ...]) -> Any:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(*args)
    return counter.get_total_flops()


def _torchvision_recipe(model: Any, args: tuple[Any, ...]) -> Any:
    """Count as torchvision's published figures were counted.

    They are matrix products and convolutions at the dispatcher, with autograd on. Attention ran in
    parts then.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        return _products(model, args)


def _products(model: Any, args: tuple[Any, ...]) -> int:
    from torch.utils._python_dispatch import TorchDispatchMode

    class Products(TorchDispatchMode):
        total = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            name = func.overloadpacket.__name__
            if name in ("mm", "bmm"):
                self.total += args[0].numel() * args[1].shape[-1]
            elif name == "addmm":
                self.total += args[1].numel() * args[2].shape[-1]
            elif name == "convolution":
                positions = (args[0] if args[6] else out).shape[2:]
                self.total += args[0].shape[0] * args[1].numel() * positions.numel()
            return out

    with Products() as found:
        model(*args)
    return found.total


PEERS = {
    peer.name: peer
    for peer in (
        Peer("thop", "thop", _thop, shares_its_import_name=True),
        Peer("ultralytics-thop", "ultralytics-thop", _thop, shares_its_import_name=True),
        Peer("ptflops (pytorch)", "ptflops", _ptflops("pytorch")),
        Peer("ptflops (aten)", "ptflops", _ptflops("aten")),
        Peer("mmcv", "mmcv-lite", _mmcv),
        Peer("fvcore", "fvcore", _fvcore),
        Peer("torchinfo", "torchinfo", _torchinfo),
        Peer("torchprofile", "torchprofile", _torchprofile),
        Peer("calflops", "calflops", _calflops(1)),
        Peer("calflops (FLOPs)", "calflops", _calflops(0)),
        Peer("deepspeed", "deepspeed", _deepspeed(1)),
        Peer("deepspeed (FLOPs)", "deepspeed", _deepspeed(0)),
        Peer("torchvision's recipe", "torchvision", _torchvision_recipe),
        Peer("FlopCounterMode", "torch", _flop_counter_mode),
        Peer("FlopCounterMode (meta)", "torch", _flop_counter_mode, device="meta"),
    )
}
