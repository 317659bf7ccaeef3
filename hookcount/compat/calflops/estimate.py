"""``create_empty_model``: a model of transformers by its config, without weights."""

from __future__ import annotations

from torch import nn

from ...models.huggingface import build
from ..shared import one_of


def create_empty_model(
    model_name: str,
    library_name: str | None = "transformers",
    trust_remote_code: bool = False,
    access_token: str | None = None,
) -> nn.Module:
    """A model on the meta device, by the path of a ``config.json``, or of its folder.

    Nothing is downloaded, and no code of the checkpoint runs. ``trust_remote_code`` and
    ``access_token`` are therefore not used. Raises ``UnknownModelError``, a ``LookupError``, for a
    name that is no such path, and ``InputError`` for another library.
    """
    where = f"create_empty_model(library_name={library_name!r})"
    one_of(where, library_name or "transformers", ("transformers",))
    return build(f"hf:{model_name}", model_name, None).model
