"""Differences that are not mended yet, by kind. A line that is no longer needed fails a test."""

NOT_MENDED: dict[str, str] = {
    "a check, or a number that is no size, reads a value": """
        narrow; meta: needs values; function float32 1
        nn.functional.one_hot; meta: needs values; function int64 0
        cov; shapes: needs values; function float32 2
        nn.GaussianNLLLoss; shapes: needs values; train float32 0
        nn.functional.gaussian_nll_loss; shapes: needs values; function float32 0
    """,
    "a shapes-only run raises": """
        tensor_split; meta: raises; function float32 0
    """,
}
