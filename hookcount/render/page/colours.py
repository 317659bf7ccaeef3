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
    "edge": "#8b949e",
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
    "edge": "#6e7883",
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


MIXED = 58
"""A cell that holds others has so many percent of its fill, the rest is the ground."""


def declared() -> str:
    """The rules that give each colour its name: ``--fg``, ``--role0``.

    The theme is that of the reader's system, or of the button. Paper is white.
    """
    light = _named({**LIGHT, **_roles(0)})
    dark = _named({**DARK, **_roles(1)})
    fills = "".join(
        [
            f".role{each}{{--fill:var(--role{each});background:var(--fill)}}"
            for each in range(len(ROLES))
        ]
    )
    return (
        f":root{{color-scheme:light;{light}}}\n"
        "@media (prefers-color-scheme:dark){"
        f":root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        f"@media print{{:root:root{{color-scheme:light;{light}}}}}\n"
        f"{fills}\n"
    )


def _roles(theme: int) -> dict[str, str]:
    return {f"role{place}": ROLE_FILLS[role][theme] for place, role in enumerate(ROLES)}


def _named(colours: Mapping[str, str]) -> str:
    return "".join([f"--{name}:{colour};" for name, colour in colours.items()])
