"""The rules for gradients against torch's own shapes-only implementations, and for real ones."""

import itertools

import pytest
import torch

from hookcount.observe.shapes_run.output_shapes import _ELEMENTWISE_GRADIENTS, output

aten = torch.ops.aten
MASKS = list(itertools.product((True, False), repeat=3))


def layout(tensor):
    """Shape, dtype and the strides that lead anywhere."""
    if tensor is None or not tensor.numel():
        return None if tensor is None else (tensor.shape, tensor.dtype)
    pairs = zip(tensor.stride(), tensor.shape, strict=True)
    return tensor.shape, tensor.dtype, [stride for stride, size in pairs if size > 1]


def as_torch(op, *args, wanted=(True, True, True), **kwargs):
    """Whether a rule applies. If it does, the result is that of the op, on meta and for real.

    An output that is not wanted may be any: nobody uses it.
    """
    on_meta = [each.to("meta") if isinstance(each, torch.Tensor) else each for each in args]
    found = output(op._schema.name, False, tuple(on_meta), kwargs)
    if found is None:
        return False
    for given in (on_meta, args):
        results = op(*given, **kwargs), found
        ours, theirs = (each if isinstance(each, tuple) else (each,) for each in results)
        for mine, other, wants in zip(ours, theirs, wanted, strict=False):
            if wants:
                assert layout(mine) == layout(other), (op, given)
    return True


SCALARS = {
    "hardtanh": (-1.0, 1.0),
    "leaky_relu": (0.1, False),
    "softplus": (1.0, 20.0),
    "threshold": (0,),
}


@pytest.mark.parametrize("name", _ELEMENTWISE_GRADIENTS.split())
def test_elementwise(name):
    op = getattr(getattr(aten, f"{name}_backward"), "default", None)
    op = op or getattr(aten, f"{name}_backward").grad_input
    grad, given = torch.ones(2, 3, 4), torch.ones(2, 3, 4)
    assert as_torch(op, grad, given, *SCALARS.get(name, ()))
    assert not as_torch(op, grad.mT, given.mT, *SCALARS.get(name, ()))
    assert not as_torch(op, grad, given[:1], *SCALARS.get(name, ()))


@pytest.mark.parametrize("op", [aten._softmax_backward_data, aten._log_softmax_backward_data])
def test_softmax(op):
    grad = torch.ones(2, 3)
    assert as_torch(op.default, grad, grad, -1, torch.float32)
    assert not as_torch(op.default, grad.T, grad.T, -1, torch.float32)
    assert not as_torch(op.default, grad, grad, -1, torch.float16)


@pytest.mark.parametrize("wanted", MASKS)
@pytest.mark.parametrize("train", [True, False])
def test_batch_norm(wanted, train):
    grad, channel = torch.ones(2, 3, 4, 5), torch.ones(3)
    held = (channel, channel, channel, channel, channel, train, 1e-5, list(wanted))
    op = aten.native_batch_norm_backward.default
    assert as_torch(op, grad, grad, *held, wanted=wanted)
    last = grad.to(memory_format=torch.channels_last)
    assert not as_torch(op, last, last, *held)
    assert not as_torch(op, grad, grad, None, *held[1:])


@pytest.mark.parametrize("wanted", MASKS)
def test_layer_norm(wanted):
    grad, row, weight = torch.ones(2, 3, 4), torch.ones(2, 3, 1), torch.ones(4)
    op = aten.native_layer_norm_backward.default
    given = (grad, grad, [4], row, row, weight, weight, list(wanted))
    assert as_torch(op, *given, wanted=wanted)
    turned = (grad.mT.contiguous().mT, *given[1:])
    made = output(op._schema.name, False, turned, {})
    if wanted[0]:
        assert layout(made[0]) == layout(op(*turned)[0])
    assert as_torch(op, *given[:5], None, None, [wanted[0], False, False], wanted=wanted[:1])


@pytest.mark.parametrize("wanted", MASKS)
@pytest.mark.parametrize("transposed", [True, False])
def test_convolution(wanted, transposed):
    input, weight = torch.ones(2, 4, 6, 6), torch.ones(4, 4, 3, 3)
    if transposed:
        grad, weight = torch.ones(2, 8, 8, 8), torch.ones(4, 4, 3, 3)  # 2 groups
    else:
        grad, weight = torch.ones(2, 6, 4, 4), torch.ones(6, 2, 3, 3)
    options = ([1, 1], [0, 0], [1, 1], transposed, [0, 0], 2, list(wanted))
    op = aten.convolution_backward.default
    assert as_torch(op, grad, input, weight, [grad.shape[1]], *options, wanted=wanted)
    last = input.to(memory_format=torch.channels_last)
    assert not as_torch(op, grad, last, weight, [grad.shape[1]], *options)


def test_slices_and_selections():
    assert as_torch(aten.slice_backward.default, torch.ones(2, 3), [2, 7], 1, 1, 4, 1)
    assert as_torch(aten.select_backward.default, torch.ones(2), [2, 7], 1, 3)


@pytest.mark.parametrize("dims", [[0], [-1], [0, 2]])
@pytest.mark.parametrize("keeps", [True, False])
def test_sums(dims, keeps):
    assert as_torch(aten.sum.dim_IntList, torch.ones(2, 3, 4), dims, keeps)
    assert not as_torch(aten.sum.dim_IntList, torch.ones(2, 3, 4).mT, dims, keeps)
    assert not as_torch(aten.sum.default, torch.ones(2, 3))
