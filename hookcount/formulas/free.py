"""Ops that do no arithmetic on their data.

They create, copy, cast, move, select by index or mask, draw at random, or read metadata. Views are
not listed: their schemas show that they are free. An in-place op is found under its name without
the underscore. So the underscore is written only if the op without it is a view.
"""

from __future__ import annotations

from .builtin import free

GROUPS: dict[str, str] = {
    "creation": """
        _cudnn_init_dropout_state _efficientzerotensor _new_zeros_with_same_feature_meta arange
        bartlett_window blackman_window complex diag_embed empty empty_like empty_permuted
        empty_strided eye fft_fftfreq fft_rfftfreq fill from_file full full_like hamming_window
        hann_window kaiser_window linspace logspace new_empty new_empty_strided new_full
        new_ones new_zeros ones ones_like range scalar_tensor tril_indices triu_indices zero
        zeros zeros_like _foreach_zero""",
    "random numbers": """
        _fill_mem_eff_dropout_mask_ _philox_key_fold_in _philox_key_split _philox_normal
        _philox_randint _philox_uniform _sample_dirichlet _standard_gamma bernoulli binomial
        cauchy exponential geometric log_normal normal normal_functional poisson rand rand_like
        randint randint_like randn randn_like random randperm uniform""",
    "copies and casts": """
        _copy_from _copy_from_and_resize _lazy_clone _pin_memory _to_copy _unsafe_view
        as_strided_scatter clone copy diagonal_scatter lift lift_fresh_copy select_scatter
        shallow_copy_data_ slice_scatter _foreach_clone _foreach_copy is_pinned""",
    "copies of views": """
        _conj_copy _fw_primal_copy _indices_copy _make_dual_copy _neg_view_copy
        _nested_get_values_copy _nested_view_from_buffer_copy _nested_view_from_jagged_copy
        _reshape_alias_copy _reshape_copy _sparse_broadcast_to_copy _values_copy alias_copy
        as_strided_copy ccol_indices_copy col_indices_copy crow_indices_copy detach_copy
        diagonal_copy expand_copy indices_copy narrow_copy permute_copy row_indices_copy
        select_copy slice_copy split_copy split_with_sizes_copy squeeze_copy t_copy
        transpose_copy unbind_copy unfold_copy unsafe_split unsafe_split_with_sizes
        unsqueeze_copy values_copy view_as_complex_copy view_as_real_copy view_copy""",
    "views in place": "as_strided_ detach_ squeeze_ swapaxes_ swapdims_ t_ transpose_ unsqueeze_",
    "joining, repeating, padding, reordering": """
        _chunk_cat _pack_padded_sequence _stack block_diag cat channel_shuffle constant_pad_nd
        flip native_channel_shuffle pixel_shuffle pixel_unshuffle reflection_pad1d
        reflection_pad2d reflection_pad3d repeat repeat_interleave replication_pad1d
        replication_pad2d replication_pad3d roll rot90 stack tril triu lu_unpack""",
    "selection by index or mask": """
        _unsafe_index _unsafe_masked_index gather index index_copy index_fill index_select
        masked_fill masked_scatter masked_select nonzero nonzero_static take where""",
    "gradients that only move": """
        diagonal_backward masked_scatter_backward select_backward slice_backward
        _nested_select_backward _nested_sum_backward""",
    "storage and metadata": """
        _fused_sdp_choice qscheme _has_same_storage_numel _make_dep_token _resize_output
        _use_cudnn_ctc_loss _use_miopen_ctc_loss is_same_size is_set_to record_stream resize
        resize_as set sym_is_contiguous sym_numel sym_size sym_storage_offset sym_stride""",
    "assertions and values for Python": """
        _assert_async _assert_scalar _assert_tensor_metadata _functional_assert_async
        _functional_assert_scalar _functional_sym_constrain_range
        _functional_sym_constrain_range_for_size _is_all_true _is_any_true _linalg_check_errors
        _local_scalar_dense _print sym_constrain_range sym_constrain_range_for_size""",
    "integer and bit operations": """
        bitwise_and bitwise_not bitwise_or bitwise_xor gcd hash_tensor lcm""",
    "nested tensors: layout": """
        _jagged_to_padded_dense_forward _nested_compute_contiguous_strides_offsets
        _nested_from_padded _nested_from_padded_and_nested_example _nested_from_padded_tensor
        _nested_get_jagged_dummy _nested_get_lengths _nested_get_max_seqlen
        _nested_get_min_seqlen _nested_get_offsets _nested_get_ragged_idx
        _nested_tensor_from_mask _nested_tensor_from_mask_left_aligned
        _nested_tensor_from_tensor_list _nested_tensor_size _nested_tensor_storage_offsets
        _nested_tensor_strides _padded_dense_to_jagged_forward to_padded_tensor""",
    "sparse and blocked tensors: layout": """
        _coalesced _convert_indices_from_coo_to_csr _convert_indices_from_csr_to_coo _dimI _dimV
        _mkldnn_reshape _mkldnn_transpose _nnz _sparse_compressed_tensor_with_dims
        _sparse_coo_tensor_with_dims _sparse_coo_tensor_with_dims_and_tensors
        _sparse_mask_projection _spdiags _to_dense _to_sparse _to_sparse_bsc _to_sparse_bsr
        _to_sparse_csc _to_sparse_csr _validate_compressed_sparse_indices copy_sparse_to_sparse
        dense_dim is_coalesced mkldnn_reorder_conv2d_weight mkldnn_reorder_conv3d_weight
        resize_as_sparse sparse_compressed_tensor sparse_coo_tensor sparse_dim sparse_mask
        sparse_resize sparse_resize_and_clear to_mkldnn""",
}
"""By topic, the names of free ATen ops."""

for _names in GROUPS.values():
    free(f"aten::{_name}" for _name in _names.split())

free(["aten::embedding"], kind="embedding")
free(["prim::device", "prim::layout"])
free(
    f"profiler::{_name}"
    for _name in ("_record_function_enter", "_record_function_enter_new", "_record_function_exit")
)
