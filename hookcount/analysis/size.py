"""``ModelSize``: the parameters, buffers and bytes of a model. It needs no input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ..core.trace import Place
from ..core.units import si
from ..core.units import size as in_bytes


@dataclass(frozen=True)
class ModelSize:
    """Elements and bytes of a model's parameters and buffers. A shared tensor counts once.

    ``parameters``, ``trainable`` and ``frozen`` are numbers of elements.
    """

    type: str
    parameters: int
    trainable: int
    frozen: int
    buffers: int
    """Elements of all buffers."""
    parameter_bytes: int
    buffer_bytes: int
    by_dtype: dict[str, int]
    """Bytes of parameters and buffers by dtype."""
    modules: int
    """Distinct modules, with containers and the model itself."""
    layers: int
    """Distinct modules without children."""

    @property
    def gradients(self) -> int:
        """Elements that get a gradient in training: those of the parameters that require one."""
        return self.trainable

    @property
    def bytes(self) -> int:
        """Bytes of parameters and buffers."""
        return self.parameter_bytes + self.buffer_bytes

    def to_dict(self) -> dict[str, str | int | dict[str, int]]:
        """All fields, ``gradients`` and ``bytes``, as values that JSON can hold."""
        return {**asdict(self), "gradients": self.gradients, "bytes": self.bytes}

    def __str__(self) -> str:
        dtypes = (
            ", ".join(f"{name} {in_bytes(count)}" for name, count in self.by_dtype.items())
            or "none"
        )
        return "\n".join(
            (
                f"{self.type}: {_several(self.layers, 'layer')} "
                f"({_several(self.modules, 'module')})",
                f"parameters  {self.parameters:,} ({si(self.parameters)}), "
                f"{in_bytes(self.parameter_bytes)}",
                f"  trainable {self.trainable:,}",
                f"  frozen    {self.frozen:,}",
                f"gradients   {self.gradients:,}",
                f"buffers     {self.buffers:,}, {in_bytes(self.buffer_bytes)}",
                f"by dtype    {dtypes}",
            )
        )


def size_of(places: Sequence[Place]) -> ModelSize:
    """The size of a model, from its places. The first place is the model itself."""
    facts = {fact.key: fact for place in places for fact in place.tensors}.values()
    parameters = [fact for fact in facts if not fact.is_buffer]
    buffers = [fact for fact in facts if fact.is_buffer]
    by_dtype: dict[str, int] = {}
    for fact in facts:
        by_dtype[fact.dtype] = by_dtype.get(fact.dtype, 0) + fact.bytes
    distinct = {place.key: place for place in places}.values()
    return ModelSize(
        type=places[0].type,
        parameters=sum(fact.elements for fact in parameters),
        trainable=sum(fact.elements for fact in parameters if fact.trainable),
        frozen=sum(fact.elements for fact in parameters if not fact.trainable),
        buffers=sum(fact.elements for fact in buffers),
        parameter_bytes=sum(fact.bytes for fact in parameters),
        buffer_bytes=sum(fact.bytes for fact in buffers),
        by_dtype=by_dtype,
        modules=len(distinct),
        layers=sum(place.leaf for place in distinct),
    )


def _several(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"
