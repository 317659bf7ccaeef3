"""Differences that only one release of torch has, by reason. ``known.py`` reads it.

``explained.py`` and ``not_mended.py`` are the lists of ``LISTED``. What another torch has besides
stands here. Only the quick part is run there.
"""

LISTED = "2.14"

OF_TORCH: dict[str, dict[str, str]] = {
    "2.6": {
        "torch's shapes-only implementation gives other strides than its kernel": """
            fft.fft; shapes: outputs; function float32 0
        """,
    },
    "2.15": {},
}
