"""Differences that are not mended yet, by kind. A line that is no longer needed fails a test."""

NOT_MENDED: dict[str, str] = {
    "a check, or a number that is no size, reads a value": """
        narrow; meta: needs values; function float32 1
        nn.functional.one_hot; meta: needs values; function int64 0
        cov; shapes: needs values; function float32 2
        nn.GaussianNLLLoss; shapes: needs values; train float32 0
        nn.functional.gaussian_nll_loss; shapes: needs values; function float32 0
    """,
    "a real run says that no op of the module was seen, a shapes-only run does not": """
        empty_like; meta: rows; function int64 0
        new_empty; meta: rows; function int64 0
        new_empty_strided; meta: rows; function int64 0
        empty_like; shapes: rows; function float32 0
        new_empty; shapes: rows; function float32 0
        new_empty_strided; shapes: rows; function float32 0
    """,
    "a shapes-only run raises": """
        tensor_split; meta: raises; function float32 0
    """,
    "a shapes-only run sees the parts of a fused path": """
        nn.functional.scaled_dot_product_attention; shapes: rows; function float32 0
    """,
}
