"""What a model of transformers is given if nobody says: inputs whose sizes its config tells."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from .inputs import numbers, whole_numbers

_TOKENS = 128


def default_inputs(
    model: Any, device: torch.device, dtype: torch.dtype
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """The inputs by name; or none, and the names of what it needs.

    [1, 128] token ids (fewer where it has fewer positions), [1, C, image_size, image_size] images, the whole window of a speech
    model's spectrogram. A model that reads images among its tokens needs to be told both.
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
    config, first, takes = (
        model.config,
        model.main_input_name,
        inspect.signature(model.forward).parameters,
    )
    named = [
        each for each in takes.values() if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    wanted = [each for each in ([first] if isinstance(first, str) else first) if each in takes]
    wanted += [each.name for each in named if each.default is each.empty]
    if (
        {"input_ids", "pixel_values"} <= set(takes)
        and hasattr(config, "text_config")
        and config.get_text_config() is not config
    ):
        wanted += ["input_ids", "pixel_values"]
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in takes:
        wanted.append("decoder_input_ids")
    return tuple(dict.fromkeys(wanted))


def _tokens(config: Any) -> tuple[int, ...] | None:
    if any(
        getattr(config, name, None) is not None for name in ("image_token_id", "image_token_index")
    ):
        return None  # how many of the tokens stand for an image is for its processor to say
    text = config.get_text_config()
    limits = (
        getattr(text, name, None)
        for name in ("max_position_embeddings", "n_positions", "max_target_positions")
    )
    return 1, min([_TOKENS, *(limit for limit in limits if isinstance(limit, int) and limit > 0)])


def _image(config: Any) -> tuple[int, ...] | None:
    """[1, C, H, W], of a clip [1, T, C, H, W]."""
    for each in filter(
        None, (config, getattr(config, "vision_config", None), getattr(config, "encoder", None))
    ):
        size = getattr(each, "image_size", None)
        if size is not None:
            sides = (
                list(size.values())
                if isinstance(size, dict)
                else [size]
                if isinstance(size, int)
                else list(size)
            )
            frames = (each.num_frames,) if hasattr(each, "num_frames") else ()
            return 1, *frames, getattr(each, "num_channels", 3), sides[0], sides[-1]
    return None


def _spectrogram(config: Any) -> tuple[int, ...] | None:
    """[1, mel bins, frames]: each two frames make a position."""
    bins, positions = (
        getattr(config, "num_mel_bins", None),
        getattr(config, "max_source_positions", None),
    )
    return None if bins is None or positions is None else (1, bins, 2 * positions)


_SHAPES: dict[str, Callable[[Any], tuple[int, ...] | None]] = {
    "input_ids": _tokens,
    "decoder_input_ids": _tokens,
    "pixel_values": _image,
    "input_features": _spectrogram,
}
