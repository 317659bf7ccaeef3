"""What cannot be counted is refused before anything runs."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

import hookcount
from hookcount import InputError


class Never(nn.Linear):
    """A layer that must not run."""

    def forward(self, x):
        raise AssertionError("the forward ran")


RUNS = ("auto", "shapes", "real")


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("run", RUNS)
def test_sizes_that_are_symbols(run, inside):
    mode = FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)
    x = mode.from_tensor(torch.ones(5, 8))
    with mode if inside else torch.no_grad(), pytest.raises(InputError, match="are symbols"):
        hookcount.Counter(run=run).count(Never(8, 4), x)
    assert not mode.shape_env.guards


@pytest.mark.parametrize("run", RUNS)
def test_a_symbolic_trace_of_fx(run):
    layer = Never(8, 4)

    def traced(x):
        hookcount.Counter(run=run).count(layer, torch.ones(1, 8))
        return x + 1

    with pytest.raises(InputError, match=r"symbolic_trace.*\n  To fix it"):
        torch.fx.symbolic_trace(traced)
    assert hookcount.count(nn.Linear(8, 4), torch.ones(1, 8)).macs == 8 * 4


@pytest.mark.parametrize("run", RUNS)
def test_where_no_op_is_seen(run):
    with torch._C._DisableTorchDispatch(), pytest.raises(InputError, match="no op can be seen"):
        hookcount.Counter(run=run).count(Never(8, 4), torch.ones(1, 8))


def test_a_real_run_inside_vmap():
    counter, layer = hookcount.Counter(run="real"), Never(8, 4)
    with pytest.raises(InputError, match="inside a transform of torch.func"):
        torch.vmap(lambda x: counter.count(layer, x))(torch.ones(3, 1, 8))


def test_a_real_run_inside_vmap_on_tensors_from_outside():
    counter, layer, x, found = hookcount.Counter(run="real"), nn.Linear(8, 4), torch.ones(2, 8), []

    def counts(y):
        found.append(counter.count(layer, x))
        return y

    torch.vmap(counts)(torch.ones(3))
    assert [(report.macs, report.run) for report in found] == [(2 * 8 * 4, "real")]


@pytest.mark.parametrize("run", ["auto", "shapes"])
def test_a_model_whose_parameters_a_transform_holds(run):
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Never(8, 4)

        def forward(self, x):
            return hookcount.Counter(run=run).count(self.layer, x)

    model = Outer()
    stacked = {name: torch.stack([p.detach()] * 3) for name, p in model.named_parameters()}
    one = lambda parameters, x: torch.func.functional_call(model, parameters, (x,))  # noqa: E731
    with pytest.raises(InputError, match="holds a tensor of the model"):
        torch.vmap(one, (0, None))(stacked, torch.ones(1, 8))


def test_a_forward_that_needs_values_inside_vmap():
    class Reads(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(hookcount.DataNeededError, match="reads the value"):
        torch.vmap(lambda x: hookcount.count(Reads(), x))(torch.ones(3, 8))
