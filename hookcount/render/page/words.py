"""What the words and the figures of a page mean."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.names import clean, shortened
from ...core.ops import FLOPS_ARE
from ...pricing.priced import Priced

_LONG = 200
_RUNS = {
    "shapes": "Only shapes ran. No arithmetic was done.",
    "real": "The forward ran for real.",
}


def words(priced: Priced) -> Iterator[tuple[str, str]]:
    """Terms and their explanations."""
    convention = priced.convention
    yield (
        "MACs",
        "Multiply-accumulates of convolutions, matrix products, attention and recurrent gates.",
    )
    yield "FLOPs", f"Floating-point operations: {FLOPS_ARE}."
    yield "parameters", "The elements of all parameters. A shared tensor counts once."
    yield "weights", "The bytes of all parameters as stored."
    yield "outputs", "The bytes of the outputs of the innermost modules, in all their calls."
    yield "Nx", "A row of N equal modules. Its figures are of one, its share is of all."
    yield "(itself)", "What a module did outside of the modules beneath it."
    yield "uncounted", "Work that no formula prices. With it, all figures are a lower bound."
    yield "complete", "Everything that ran has a price, or is known to be free."
    yield "convention", _text(f"{convention.name}: {convention}")
    if convention.mirrors:
        yield "mirrors", _text(convention.mirrors)
    yield "figure", f"{priced.headline:,} {priced.unit}, the one figure of the convention."
    yield "tested", "Tests compare the figure with the tool's own, to the integer."
    yield "run", f"{priced.run}. {_RUNS.get(priced.run, '')}".strip()
    yield "versions", ", ".join([f"{name} {each}" for name, each in priced.versions.items()])


def _text(text: str) -> str:
    return shortened(clean(text), _LONG)
