"""Differences that stay, by reason. ``known.py`` reads it."""

EXPLAINED: dict[str, str] = {
    "a sparse tensor has no stand-in: the count runs for real": """
        to_sparse; meta: needs values; function int64 0
        sparse.mm.reduce; shapes: needs values; function float32 0
        sparse.sampled_addmm; shapes: needs values; function float32 0
        to_sparse; shapes: needs values; function float32 0
    """,
    "the result, or its shape, depends on values": """
        argwhere; meta: needs values; function int64 0
        bincount; meta: needs values; function int64 0
        equal; meta: needs values; function int64 0
        item; meta: needs values; function int64 0
        masked_select; meta: needs values; function int64 0
        nn.functional.one_hot; meta: needs values; function int64 0
        nonzero; meta: needs values; function int64 0
        tensor_split; meta: needs values; function float32 0
        unique; meta: needs values; function int64 0
        unique_consecutive; meta: needs values; function int64 0
        allclose; shapes: needs values; function float32 0
        argwhere; shapes: needs values; function float32 0
        equal; shapes: needs values; function float32 0
        item; shapes: needs values; function float32 0
        linalg.lstsq; shapes: needs values; function float32 8
        linalg.lstsq.grad_oriented; shapes: needs values; function float32 8
        masked_select; shapes: needs values; function float32 0
        nonzero; shapes: needs values; function float32 0
        unique; shapes: needs values; function float32 0
        unique_consecutive; shapes: needs values; function float32 0
    """,
    "the kernel of the CPU does not resize this out=, the shapes-only implementation does": """
        normal; shapes: only the real run fails; empty out float32 3
        normal.number_mean; shapes: only the real run fails; empty out float32 2
    """,
    "where a gradient may be asked, torch runs another kernel of equal cost, or no fast path": """
        nn.Transformer; grad: other rows; eval float32 1
        nn.functional.embedding_bag; grad: other rows; function float32 0
        nn.functional.scaled_dot_product_attention; grad: other rows; function float32 24
    """,
}
