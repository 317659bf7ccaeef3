"""Differences that are not mended yet, by kind. A line that is no longer needed fails a test."""

NOT_MENDED: dict[str, str] = {
    "a check, or a number that is no size, reads a value": """
        narrow; meta: needs values; function float32 1
        nn.functional.one_hot; meta: needs values; function int64 0
        cov; shapes: needs values; function float32 2
        nn.CTCLoss; shapes: needs values; train float32 0
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
    "another dtype": """
        _batch_norm_with_update; shapes: outputs; function bfloat16 0
        _native_batch_norm_legit; shapes: outputs; function bfloat16 0
        native_layer_norm; shapes: outputs; function bfloat16 0
    """,
    "another shape": """
        native_batch_norm; shapes: outputs; out float32 1
    """,
    "no shapes-only implementation, though the shapes depend on no values": """
        _native_batch_norm_legit; shapes: needs values; out float32 0
        geqrf; shapes: needs values; function float32 0
        histogram; shapes: needs values; function float32 0
        histogramdd; shapes: needs values; function float32 0
        linalg.lstsq; shapes: needs values; function float32 0
        linalg.lstsq.grad_oriented; shapes: needs values; function float32 0
        nn.functional.ctc_loss; shapes: needs values; function float32 0
    """,
    "other strides than the kernel of the CPU gives": """
        fft.ifft; meta: outputs; empty out int64 0
        fft.ihfft; meta: outputs; empty out int64 0
        fft.rfftn; meta: outputs; function int64 1
        fft.ifft; shapes: outputs; empty out float32 0
        fft.ihfft; shapes: outputs; empty out float32 0
        fft.rfftn; shapes: outputs; function float32 1
        linalg.eig; shapes: outputs; function float32 0
        linalg.eigh; shapes: outputs; empty out float32 0
        linalg.householder_product; shapes: outputs; empty out float32 0
        linalg.ldl_factor; shapes: outputs; empty out float32 0
        linalg.ldl_factor_ex; shapes: outputs; empty out float32 0
        linalg.ldl_solve; shapes: outputs; empty out float32 0
        linalg.lu_factor; shapes: outputs; empty out float32 0
        linalg.lu_factor_ex; shapes: outputs; empty out float32 0
        linalg.lu_solve; shapes: outputs; empty out float32 0
        linalg.qr; shapes: outputs; empty out float32 0
        lu_solve; shapes: outputs; empty out float32 0
        ormqr; shapes: outputs; empty out float32 0
        pca_lowrank; shapes: outputs; function float32 0
        svd_lowrank; shapes: outputs; function float32 0
        triangular_solve; shapes: outputs; empty out float32 0
    """,
    "others": """
        normal.number_mean; shapes: only the real run fails; empty out float32 2
    """,
}
