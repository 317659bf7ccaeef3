"""The colours of a page, in its light and in its dark theme."""

from __future__ import annotations

from collections.abc import Mapping

from ...analysis.roles.roles import (
    CONVOLUTION,
    EMBEDDINGS,
    FEED,
    HEAD,
    NORMS,
    OTHER,
    PRODUCTS,
    PROJECTIONS,
    REST,
    ROLES,
)

LIGHT = {
    "bg": "#ffffff",
    "fg": "#1a1f24",
    "dim": "#57606a",
    "line": "#d8dee4",
    "soft": "#f4f6f8",
    "bar": "#2f6fb0",
    "link": "#0b5cad",
    "warn": "#6b4e00",
    "warn-bg": "#fff4ce",
}
DARK = {
    "bg": "#14181c",
    "fg": "#e8ecf0",
    "dim": "#a3adb7",
    "line": "#333c45",
    "soft": "#1d2329",
    "bar": "#5aa2e6",
    "link": "#7cb7f5",
    "warn": "#f5d77a",
    "warn-bg": "#3a2f08",
}
ROLE_FILLS = {
    PROJECTIONS: ("#f6c48a", "#7a4a12"),
    PRODUCTS: ("#f3a6a0", "#862f2a"),
    FEED: ("#a7dcae", "#23602f"),
    CONVOLUTION: ("#9ecbf5", "#1d4f80"),
    NORMS: ("#c9d3da", "#44525c"),
    EMBEDDINGS: ("#e6dc8f", "#5d5410"),
    HEAD: ("#cfb8f0", "#553787"),
    OTHER: ("#f0b4d8", "#7b2f60"),
    REST: ("#dfe3e6", "#3a434b"),
}
"""By role, its fill in the light and in the dark theme."""


def declared() -> str:
    """The rules that give each colour its name: ``--fg``, ``--role0``."""
    light = _named({**LIGHT, **_roles(0)})
    dark = _named({**DARK, **_roles(1)})
    fills = "".join([f".role{each}{{background:var(--role{each})}}" for each in range(len(ROLES))])
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f"@media print{{:root{{{light}}}}}\n"  # paper is white
        f"{fills}\n"
    )


def _roles(theme: int) -> dict[str, str]:
    return {f"role{place}": ROLE_FILLS[role][theme] for place, role in enumerate(ROLES)}


def _named(colours: Mapping[str, str]) -> str:
    return "".join([f"--{name}:{colour};" for name, colour in colours.items()])
