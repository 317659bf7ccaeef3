"""From a name to a model and an input for it: ``build("resnet50")``. No weight is ever downloaded."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from . import factories
from .errors import ModelError, UnknownModelError, tell
from .factories import HOW, unknown

_VIDEO_FRAMES = 16  # of the clips with which torchvision's own table was made, as is the size for optical flow
_FLOW_SIZE = 512


@dataclass(frozen=True, eq=False)
class Built:
    """A model in eval mode, and what its ``forward`` is to be given. ``args`` is None where no input is known for it."""

    name: str
    model: nn.Module
    args: tuple[Any, ...] | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    takes_list: bool = False
    """Its ``forward`` takes one list of images, as torchvision's detectors do."""

    def with_inputs(self, positional: Iterable[Tensor], named: Mapping[str, Tensor]) -> Built:
        """The same model with other inputs."""
        given = tuple(positional)
        return replace(self, args=(list(given),) if self.takes_list else given, kwargs=dict(named))

    def missing_inputs(self) -> list[str]:
        """The parameters of ``forward`` for which there is no input, by name."""
        if self.args is not None or self.kwargs:
            return []
        try:
            parameters = inspect.signature(self.model.forward).parameters.values()
        except (TypeError, ValueError):  # a ScriptModule's forward has no signature
            return []
        plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return [each.name for each in parameters if each.kind in plain and each.default is inspect.Parameter.empty]


def build(name: str, device: str | None = None) -> Built:
    """The model called ``name`` (see `hookcount --help`), with its default input where one is known.

    A model of torchvision or timm is built on the meta device where its count needs no values, so that the largest
    takes no memory; ``device="cpu"`` gives it real (random) values.

    >>> built = build("resnet18")
    >>> type(built.model).__name__, built.args[0].shape
    ('ResNet', torch.Size([1, 3, 224, 224]))
    """
    source, colon, attribute = name.rpartition(":")
    if not colon:
        built = _torchvision(name, device)
    elif not source or not attribute:
        raise UnknownModelError(tell(repr(name), "half of the name is missing", f"write {HOW}"))
    elif source == "timm":
        built = _timm(name, attribute, device)
    else:
        built = Built(name, factories.build(name, source, attribute))
    built.model.eval()
    return built


# -- torchvision


def _torchvision(name: str, device: str | None) -> Built:
    from torchvision import models

    plain, _, wanted = name.partition("@")
    if plain not in models.list_models():
        if plain.endswith(".py") or Path(plain).is_file():
            raise UnknownModelError(tell(repr(name), "this is a file, not yet a model", f"name what builds it: {name}:FACTORY"))
        raise unknown(name, plain, "no model of torchvision has this name", models.list_models(), f"give {HOW}")
    builder = models.get_model_builder(plain)
    group = builder.__module__.removeprefix("torchvision.models.").partition(".")[0]
    weights = models.get_model_weights(plain)
    names = [each.name for each in weights]
    if wanted and wanted not in names:
        raise unknown(name, wanted, f"{plain} has no weights called {wanted}", names, f"give one of {', '.join(names)}")
    if not names:
        return Built(name, _constructed(models.get_model, plain, device=device, weights=None))
    entry = weights[wanted] if wanted else weights.DEFAULT
    options: dict[str, Any] = {"weights": entry}
    if group == "quantization":
        _need_engine(name, entry.meta["backend"])
        options["quantize"] = True
    if group in ("detection", "quantization"):  # these read values: boxes that survive, weights to quantize
        device = device or "cpu"
    with _without_download():
        model = _constructed(models.get_model, plain, device=device, **options)
    where = next((each.device for each in model.parameters()), "cpu")
    return Built(name, model, _torchvision_input(group, entry, model, where), takes_list=group == "detection")


def _torchvision_input(group: str, entry: Any, model: Any, device: torch.device | str) -> tuple[Any, ...]:
    if group == "detection":
        side = model.transform.min_size[-1]
        return ([torch.rand(3, side, side, device=device)],)
    if group == "optical_flow":
        return tuple(torch.rand(1, 3, _FLOW_SIZE, _FLOW_SIZE, device=device) * 2 - 1 for _ in range(2))
    recipe = entry.transforms()
    size = getattr(recipe, "crop_size", None) or recipe.resize_size
    frames = (_VIDEO_FRAMES,) if group == "video" else ()
    return (torch.rand(1, 3, *frames, size[0], size[-1], device=device) * 2 - 1,)


def _need_engine(name: str, engine: str) -> None:
    known = torch.backends.quantized.supported_engines
    if engine not in known:
        raise ModelError(
            tell(
                repr(name),
                f"it is quantized for {engine}, which this torch does not have ({', '.join(known)})",
                f"count the float model, {name.removeprefix('quantized_')}: its MACs are the same",
            )
        )


class _NoValues(dict[str, Any]):
    """Stands where a downloaded state dict would."""


_building = threading.Lock()


@contextlib.contextmanager
def _without_download() -> Iterator[None]:
    """In this thread, torchvision's weights hold no values, and to load them does nothing.

    The builders are given the weights all the same, because with ``weights=None`` they build another model: without the
    auxiliary heads, with unfrozen norms, for another image size. Other threads, and other state dicts, are not touched.
    """
    from torchvision.models._api import WeightsEnum

    download, load, thread = WeightsEnum.get_state_dict, nn.Module.load_state_dict, threading.get_ident()

    def get_state_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _NoValues() if threading.get_ident() == thread else download(self, *args, **kwargs)

    def load_state_dict(self: nn.Module, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        return None if isinstance(state_dict, _NoValues) else load(self, state_dict, *args, **kwargs)

    with _building:
        WeightsEnum.get_state_dict = get_state_dict
        nn.Module.load_state_dict = load_state_dict  # type: ignore[method-assign]
        try:
            yield
        finally:
            WeightsEnum.get_state_dict = download
            nn.Module.load_state_dict = load  # type: ignore[method-assign]


# -- timm


def _timm(name: str, architecture: str, device: str | None) -> Built:
    try:
        timm: Any = importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise UnknownModelError(tell(repr(name), "timm is not installed", "pip install timm")) from error
    plain = architecture.partition(".")[0]
    if plain not in timm.list_models():
        raise unknown(name, plain, "no model of timm has this name", timm.list_models(), "give one of timm.list_models()")
    model = _constructed(timm.create_model, architecture, device=device, pretrained=False)
    settings = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None) or {}
    size = settings.get("input_size")
    where = next((each.device for each in model.parameters()), "cpu")
    return Built(name, model, (torch.randn(1, *size, device=where),) if size else None)


# -- meta construction, for the libraries whose constructors are known to bear it


class _EmptyOnMeta(TorchFunctionMode):
    """Parameters are made on the meta device, and only they: constructors read values of the other tensors they make."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty and kwargs.get("device") is None:
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)


def _constructed(make: Callable[..., nn.Module], name: str, *, device: str | None, **options: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about initial values and deprecated helpers: nothing the caller could change
        if device is not None:
            with torch.device(device):
                return make(name, **options)
        try:
            with _EmptyOnMeta():
                model = make(name, **options)
            return model.to("meta")
        except Exception:  # a constructor that reads its parameters' values
            return make(name, **options)
