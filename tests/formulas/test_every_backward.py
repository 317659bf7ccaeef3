"""Every backward op that torch's samples of its ops reach has a price, or is in a written list of
those left unknown, each with its reason.

So a new torch cannot slip one in: a backward op of no known state fails here, and so does a reason
that no longer holds. ``test_every_op`` has the list of the ops that no sample reaches.
"""

import contextlib
import warnings
from collections import defaultdict
from itertools import islice

import pytest
import torch
from torch import nn

from hookcount import Counter, Training
from hookcount.formulas import BUILTIN
from hookcount.observe.contained import tensors

UNKNOWN = {
    "aten::multilabel_margin_loss_backward": "the values say how many labels a sample has",
    "aten::_sparse_mm_reduce_impl_backward": "sparse: the work is in the pattern",
}
"""By backward op, why it has no price. No model of torchvision, timm or transformers runs one."""
OF_SPARSE_TENSORS = {"sparse.sampled_addmm": {"aten::mm", "aten::mul"}}
"""By op, what its backward pass runs on sparse tensors. It has a price for dense ones only."""
SAMPLES = 16
"""How many samples of each op are run. More of them reach no other backward op."""
TYPES = (torch.float32, torch.complex64, torch.float64, torch.bfloat16)


class Sampled(nn.Module):
    """A module that runs samples of one op."""

    def __init__(self, info):
        super().__init__()
        self.info = info

    def forward(self, sample):
        return sample.output_process_fn_grad(self.info(sample.input, *sample.args, **sample.kwargs))


def requiring(value):
    return [each for each in tensors((value,)) if each.requires_grad]


def gradients(outs, inputs, *, create_graph):
    if not outs or not inputs:
        return []
    ones = [torch.ones_like(each) for each in outs]
    options = {"allow_unused": True, "create_graph": create_graph}
    return requiring(torch.autograd.grad(outs, inputs, ones, **options))


def differentiate(module, sample):
    """Run a sample, its backward pass, and the backward pass of that."""
    inputs = requiring((sample.input, sample.args, sample.kwargs))
    found = gradients(requiring(module(sample)), inputs, create_graph=False)
    assert not found
    with contextlib.suppress(RuntimeError):  # torch lacks some derivatives of derivatives
        found = gradients(requiring(module(sample)), inputs, create_graph=True)
        gradients(found, inputs, create_graph=False)


def infos():
    found = pytest.importorskip("torch.testing._internal.common_methods_invocations")
    for info in found.op_db:
        known = info.supported_backward_dtypes("cpu") if info.supports_autograd else ()
        dtype = next((each for each in TYPES if each in known), None)
        if dtype is not None:
            yield info, dtype


def backward_of(info, dtype):
    """The report of the backward passes of samples of an op."""
    module = Sampled(info)
    with Training().watch(module) as watch:
        for sample in islice(info.sample_inputs("cpu", dtype, requires_grad=True), SAMPLES):
            differentiate(module, sample)
    return watch.report().backward


@pytest.fixture(scope="module")
def seen():
    """By backward op with work, the ops that reach it; and the same of those without a price."""
    priced, unknown = defaultdict(set), defaultdict(set)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for info, dtype in infos():
            report = backward_of(info, dtype)
            for each in report.records:
                priced[each.target].add(info.name)
            for each in report.uncounted:
                if each.target not in OF_SPARSE_TENSORS.get(info.name, ()):
                    unknown[each.target].add(info.name)
    return priced, unknown


@pytest.mark.slow
def test_every_backward_op_has_a_state(seen):
    _, unknown = seen
    missing = {name: sorted(ops) for name, ops in unknown.items() if name not in UNKNOWN}
    assert not missing, f"register a formula for these, or FREE, or write down why not: {missing}"


@pytest.mark.slow
def test_the_samples_reach_the_backward_ops_of_models(seen):
    priced, unknown = seen
    usual = """_softmax_backward_data convolution_backward embedding_dense_backward gelu_backward
    native_batch_norm_backward native_layer_norm_backward nll_loss_backward threshold_backward
    _scaled_dot_product_flash_attention_for_cpu_backward upsample_bilinear2d_backward
    grid_sampler_2d_backward _ctc_loss_backward mm bmm linalg_solve_triangular"""
    assert {f"aten::{name}" for name in usual.split()} <= set(priced)
    assert set(unknown) == set(UNKNOWN)
    assert len({name for ops in priced.values() for name in ops}) > 300


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_written_down_as_unknown_is_unknown(name):
    assert name not in BUILTIN, f"{name} has a state by now: take it off the list ({UNKNOWN[name]})"


# -- the modules of torch.nn -------------------------------------------------------------------

BROKEN = {"nn.FractionalMaxPool2d", "nn.FractionalMaxPool3d"}
"""Modules that do not run on torch's samples for them."""
NOT_COUNTED = {"aten::multilabel_margin_loss_forward", *UNKNOWN}


def layers(training):
    """Modules of each kind, with inputs that require grad."""
    found = pytest.importorskip("torch.testing._internal.common_modules")
    options = {"device": "cpu", "dtype": torch.float32, "requires_grad": True}
    for info in found.module_db:
        if info.name in BROKEN:
            continue
        for each in info.module_inputs_func(info, **options, training=training):
            made = each.constructor_input
            module = info.module_cls(*made.args, **made.kwargs)
            if not any(map(nn.parameter.is_lazy, module.parameters())):
                yield info.name, module.train(training), each.forward_input


def step_of(run, module, given):
    counter = Counter(run=run)
    return Training(loss=summed, counter=counter).count(module, *given.args, **given.kwargs)


def rows(report):
    """The work of each module in each phase."""
    parts = (report, report.backward, report.recompute, report.step)
    return [[(node.path, node.own, node.total) for node in part.tree] for part in parts]


def summed(out):
    return sum(each.abs().sum() for each in requiring(out))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("training", [True, False])
def test_each_phase_of_every_module_on_shapes_and_for_real(training):
    seen = set()
    for name, module, given in layers(training):
        real, shapes = (step_of(run, module, given) for run in ("real", "shapes"))
        assert {each.target for each in real.step.uncounted} <= NOT_COUNTED, name
        assert rows(real) == rows(shapes), name
        seen.add(name)
    assert len(seen) > 90
    assert {"nn.GRU", "nn.MultiheadAttention", "nn.CTCLoss", "nn.LSTM", "nn.Mish"} <= seen
