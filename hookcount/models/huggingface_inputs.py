"""Default inputs for models of transformers, sized by their configs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch

from .inputs import numbers, whole_numbers

_TOKENS = 128

Config: TypeAlias = Any
"""A ``transformers.PretrainedConfig``: any attributes, by its subclass."""
Shape: TypeAlias = tuple[int, ...]


def default_inputs(
    model: Any, device: torch.device, dtype: torch.dtype
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """Default inputs by name. If a size is unknown: no inputs, and the names of those needed.

    Token ids are [1, 128], or fewer if the model has fewer positions. Images are
    [1, C, image_size, image_size]. A spectrogram has the whole window of a speech model. A model
    that reads images among its tokens has no default: both are needed.
    """
    wanted, made = _wanted(model), {}
    for name in wanted:
        shape = _SHAPES[name](model.config) if name in _SHAPES else None
        if shape is None:
            return {}, wanted
        made[name] = (
            whole_numbers(shape, torch.int64, device)
            if name.endswith("_ids")
            else numbers(shape, dtype, device)
        )
    return made, ()


def _wanted(model: Any) -> tuple[str, ...]:
    """The names of the inputs that a model needs."""
    config, first = model.config, model.main_input_name
    takes = inspect.signature(model.forward).parameters
    wanted = [each for each in ([first] if isinstance(first, str) else first) if each in takes]
    wanted += [
        each.name
        for each in takes.values()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) and each.default is each.empty
    ]
    if (
        {"input_ids", "pixel_values"} <= set(takes)
        and hasattr(config, "text_config")
        and config.get_text_config() is not config
    ):
        wanted += ["input_ids", "pixel_values"]
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in takes:
        wanted.append("decoder_input_ids")
    return tuple(dict.fromkeys(wanted))


def _tokens(config: Config) -> Shape | None:
    """[1, tokens]. None if tokens stand for images: only the model's processor knows how many."""
    if any(
        getattr(config, name, None) is not None for name in ("image_token_id", "image_token_index")
    ):
        return None
    text = config.get_text_config()
    limits = (
        getattr(text, name, None)
        for name in ("max_position_embeddings", "n_positions", "max_target_positions")
    )
    return 1, min([_TOKENS, *(limit for limit in limits if isinstance(limit, int) and limit > 0)])


def _image(config: Config) -> Shape | None:
    """[1, C, H, W] for images, [1, T, C, H, W] for clips."""
    places = (config, getattr(config, "vision_config", None), getattr(config, "encoder", None))
    for each in filter(None, places):
        size = getattr(each, "image_size", None)
        if size is not None:
            frames = (each.num_frames,) if hasattr(each, "num_frames") else ()
            return 1, *frames, getattr(each, "num_channels", 3), *_height_and_width(size)
    return None


def _height_and_width(size: int | Sequence[int] | Mapping[str, int]) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    sides = list(size.values()) if isinstance(size, Mapping) else list(size)
    return sides[0], sides[-1]


def _spectrogram(config: Config) -> Shape | None:
    """[1, mel bins, frames]. A position has two frames."""
    bins = getattr(config, "num_mel_bins", None)
    positions = getattr(config, "max_source_positions", None)
    return None if bins is None or positions is None else (1, bins, 2 * positions)


_SHAPES: dict[str, Callable[[Config], Shape | None]] = {
    "input_ids": _tokens,
    "decoder_input_ids": _tokens,
    "pixel_values": _image,
    "input_features": _spectrogram,
}
