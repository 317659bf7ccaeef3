"""Differences that are not mended yet, by kind. A line that is no longer needed fails a test."""

NOT_MENDED: dict[str, str] = {
    "a Python decomposition opens an op that has a kernel, under inference_mode": """
        istft; inference: another total; function complex64 0
        nn.functional.interpolate.bicubic; inference: another total; function float32 0
        nn.functional.interpolate.bilinear; inference: another total; function float32 0
        nn.functional.interpolate.linear; inference: another total; function float32 0
        nn.functional.interpolate.nearest; inference: another total; function float32 0
        nn.functional.interpolate.nearest-exact; inference: another total; function float32 0
        nn.functional.interpolate.trilinear; inference: another total; function float32 0
        nn.functional.upsample_bilinear; inference: another total; function float32 0
        nn.functional.upsample_nearest; inference: another total; function float32 0
    """,
    "a check, or a number that is no size, reads a value": """
        narrow; meta: needs values; function float32 1
        nn.BatchNorm1d; meta: needs values; train float32 2
        nn.BatchNorm2d; meta: needs values; train float32 1
        nn.BatchNorm3d; meta: needs values; train float32 1
        nn.functional.one_hot; meta: needs values; function int64 0
        cov; shapes: needs values; function float32 2
        nn.CTCLoss; shapes: needs values; train float32 0
        nn.GaussianNLLLoss; shapes: needs values; train float32 0
        nn.functional.gaussian_nll_loss; shapes: needs values; function float32 0
    """,
    "a composite op compares the devices of its tensors, or copies between them": """
        linalg.matrix_power; inference: another run; out float32 1
        matmul; inference: another run; out float32 0
        linalg.matrix_power; inference: raises; out float32 1
        matmul; inference: raises; out float32 0
        diff; meta: raises; empty out float32 0
        inner; meta: raises; empty out float32 0
        linalg.cond; meta: raises; empty out float32 0
        linalg.matrix_norm; meta: raises; empty out float32 0
        linalg.matrix_power; meta: raises; empty out float32 0
        linalg.matrix_rank; meta: raises; function float32 0
        linalg.matrix_rank.hermitian; meta: raises; function float32 0
        linalg.multi_dot; meta: raises; empty out float32 0
        linalg.norm; meta: raises; empty out float32 0
        linalg.norm.subgradients_at_zero; meta: raises; empty out float32 0
        linalg.pinv; meta: raises; empty out float32 1
        linalg.tensorinv; meta: raises; empty out float32 0
        linalg.tensorsolve; meta: raises; empty out float32 0
        linalg.vecdot; meta: raises; empty out float32 0
        linspace.tensor_overload; meta: raises; empty out float32 0
        logspace.tensor_overload; meta: raises; empty out float32 0
        nanquantile; meta: raises; function float32 0
        norm.nuc; meta: raises; empty out float32 0
        quantile; meta: raises; function float32 0
        special.ndtr; meta: raises; empty out float32 0
        take_along_dim; meta: raises; empty out float32 0
        tensordot; meta: raises; empty out float32 0
        cartesian_prod; shapes: raises; activation float32 1
        inner; shapes: raises; activation float32 0
        linalg.multi_dot; shapes: raises; activation float32 0
        nn.ConvTranspose1d; shapes: raises; train complex64 1
        nn.ConvTranspose2d; shapes: raises; train complex64 1
        nn.ConvTranspose3d; shapes: raises; train complex64 1
        nn.functional.conv1d; shapes: raises; activation complex64 0
        nn.functional.conv2d; shapes: raises; activation complex64 0
        nn.functional.conv3d; shapes: raises; activation complex64 0
        nn.functional.conv_transpose1d; shapes: raises; activation complex64 0
        nn.functional.conv_transpose2d; shapes: raises; activation complex64 0
        nn.functional.conv_transpose3d; shapes: raises; activation complex64 0
        take_along_dim; shapes: raises; activation float32 0
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
        lu; shapes: raises; empty out float32 0
        mean; shapes: raises; function float32 1
        nn.functional.dropout3d; shapes: raises; in place float32 2
    """,
    "a shapes-only run sees the parts of a fused path": """
        nn.Transformer; meta: calls; eval float32 1
        nn.Transformer; meta: rows; eval float32 1
        nn.functional.scaled_dot_product_attention; shapes: rows; function float32 0
    """,
    "another dtype": """
        _batch_norm_with_update; shapes: outputs; function bfloat16 0
        _native_batch_norm_legit; shapes: outputs; function bfloat16 0
        native_layer_norm; shapes: outputs; function bfloat16 0
    """,
    "another shape": """
        split_with_sizes_copy; meta: outputs; empty out int64 0
        unbind_copy; meta: outputs; empty out int64 0
        native_batch_norm; shapes: outputs; out float32 1
        split_with_sizes_copy; shapes: outputs; empty out float32 0
        unbind_copy; shapes: outputs; empty out float32 0
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
    "other ops in another grad mode": """
        nn.functional.dropout; inference: other rows; function float32 2
        nn.functional.multi_head_attention_forward; inference: other rows; function float32 1
        nn.functional.scaled_dot_product_attention; inference: other rows; function float32 2
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
