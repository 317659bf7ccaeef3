"""Every optimizer of torch, and some of a user's own: operations per parameter, written out.

Each is counted in its second step. ``f`` are the FLOPs for each element of a parameter, ``more``
those for each parameter as a whole: work on numbers that the optimizer keeps in tensors.
"""

import inspect
import math

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Training
from hookcount.core.ops import flops

RUNS = ("shapes", "real")
WIDE, TALL = (32, 64), (16, 8)
"""The shapes of the two weights: of a layer with 64 inputs and 32 outputs, and so on."""
STEP = 1
"""The number of the step, raised by 1."""
LERP, ADD_SCALED, SQUARED = 3, 2, 4
"""a + w (b - a); a + w b; v = b v + w g g."""
DECAY = ADD_SCALED
"""g + w p."""

# name: (options, FLOPs per element, FLOPs per parameter)
TABLE = {
    # p -= lr g
    "SGD": ({}, ADD_SCALED, 0),
    # v = a v + g; p -= lr v
    "SGD momentum": ({"momentum": 0.9}, 2 + ADD_SCALED, 0),
    # and g + a v
    "SGD nesterov": ({"momentum": 0.9, "nesterov": True}, 2 + 2 + ADD_SCALED, 0),
    "SGD decay": ({"weight_decay": 0.1}, DECAY + ADD_SCALED, 0),
    "SGD maximize": ({"maximize": True}, 1 + ADD_SCALED, 0),
    # p *= 1 - l lr; p -= lr g; the average is a copy before it begins
    "ASGD one by one": ({"foreach": False}, 1 + ADD_SCALED, STEP),
    # g + l p; p -= lr (...), the rate is a tensor; a += m (p - a). The rate: lr / (1 + c n)^0.75
    "ASGD foreach": ({"foreach": True}, 2 + 2 + 1 + 2, STEP + 5),
    # s += g g; sqrt; + eps; p -= a g / d
    "Adagrad": ({}, 2 + 1 + 1 + 3, STEP),
    "Adagrad decay": ({"weight_decay": 0.1}, DECAY + 7, STEP),
    # v; sqrt(v + eps); sqrt(u + eps) / d g; u; p -= x
    "Adadelta": ({}, SQUARED + 2 + 4 + SQUARED + 1, STEP),
    # m; v; sqrt / c + eps; p -= lr m / d
    "Adam": ({}, LERP + SQUARED + 3 + 3, STEP),
    "Adam amsgrad": ({"amsgrad": True}, 13 + 1, STEP),
    "Adam decay": ({"weight_decay": 0.1}, DECAY + 13, STEP),
    "Adam decoupled": ({"weight_decay": 0.1, "decoupled_weight_decay": True}, 1 + 13, STEP),
    "Adam maximize": ({"maximize": True}, 1 + 13, STEP),
    "AdamW": ({}, 1 + 13, STEP),
    "AdamW amsgrad": ({"amsgrad": True}, 1 + 13 + 1, STEP),
    # m; u = max(b u, |g| + eps); p -= lr m / u
    "Adamax": ({}, LERP + 4 + 3, STEP),
    # m; v; sqrt(v / c) + eps; p -= a g / d; p -= b m / d; and the product of the momenta
    "NAdam": ({}, LERP + SQUARED + 3 + 3 + 3, STEP + 1),
    # m; v; m / c; p -= x lr: the first steps are not rectified
    "RAdam one by one": ({"foreach": False}, LERP + SQUARED + 1 + 2, STEP),
    # v: b v + w g g; sqrt(v) + eps, / a, 1 / d, + c; p += m d
    "RAdam foreach": ({"foreach": True}, LERP + SQUARED + 5 + 2, STEP),
    # v; sqrt + eps; p -= lr g / d
    "RMSprop": ({}, SQUARED + 2 + 3, STEP),
    # b = a b + g / d; p -= lr b
    "RMSprop momentum": ({"momentum": 0.9}, SQUARED + 2 + 1 + 2 + ADD_SCALED, STEP),
    # the mean of g; v - m m
    "RMSprop centered": ({"centered": True}, 9 + LERP + 2, STEP),
    # sign(g h); 3 tests; the step, within two bounds; a test for g; p -= sign(g) step
    "Rprop": ({}, 1 + 2 + 3 + 1 + 2 + 1 + 2 + 2, STEP),
}
HOWS = {
    "Adam": ("foreach", "fused"),
    "AdamW": ("foreach", "fused"),
    "SGD": ("foreach", "fused"),
    "Adagrad": ("foreach", "fused"),
    **dict.fromkeys(("Adadelta", "Adamax", "NAdam", "RMSprop", "Rprop"), ("foreach",)),
}


def cases():
    for case in TABLE:
        name = case.split()[0]
        for how in (None, *HOWS.get(name, ())):
            yield pytest.param(name, case, how, id=f"{case} {how or ''}")


def model():
    (wide_out, wide_in), (tall_out, tall_in) = WIDE, TALL
    first = nn.Linear(wide_in, wide_out, bias=False)
    middle = nn.Linear(wide_out, tall_in, bias=False).requires_grad_(False)
    return nn.Sequential(first, middle, nn.Linear(tall_in, tall_out, bias=False))


def report_of(make, run):
    loss = _squares
    counter = hookcount.Counter(run=run)
    return Training(loss=loss, optimizer=make, counter=counter).count(model(), torch.ones(2, 64))


def _squares(out):
    return out.pow(2).sum()


def of_modules(report):
    assert report.step.uncounted == ()
    return {node.path: flops(node.own) for node in report.optimizer.tree if flops(node.own)}


def expected(each, more=0):
    return {"0": each * math.prod(WIDE) + more, "2": each * math.prod(TALL) + more}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("name", "case", "how"), list(cases()))
def test_flops_of_a_parameter(name, case, how, run):
    options, each, more = TABLE[case]
    if not {*options} <= {*inspect.signature(getattr(torch.optim, name)).parameters}:
        pytest.skip("this torch has no such option")
    options = {**options, **({how: True} if how else {}), "lr": 1.0 if name == "Adadelta" else 0.1}
    report = report_of(lambda given: getattr(torch.optim, name)(given, **options), run)
    assert of_modules(report) == expected(each, more)
    assert report.run == run


def test_every_optimizer_of_torch_is_here():
    others = {"Optimizer", "LBFGS", "SparseAdam", "Adafactor", "Muon"}
    classes = {
        name
        for name, each in vars(torch.optim).items()
        if isinstance(each, type) and issubclass(each, torch.optim.Optimizer)
    }
    assert classes <= {case.split()[0] for case in TABLE} | others


# -- optimizers of matrices --------------------------------------------------------------------


def newton_schulz(rows, columns):
    """The MACs of 5 iterations: X X^T, A A and B X, with the short side first."""
    short, long = sorted((rows, columns))
    return 5 * (short * short * long + short**3 + short * short * long)


def of_muon(rows, columns):
    """All operations of a step. Per element, with m x m matrices A and B:

    decay 1; momentum ``LERP``, nesterov ``LERP``; the norm 2 and the division by it; of each of 5
    iterations a X + B X, 2; p -= lr x, 2. Of A, b A + c A A: 3. The norm has a lower bound.
    """
    each, short = 1 + LERP + LERP + 2 + 1 + 5 * 2 + 2, min(rows, columns)
    products = 2 * newton_schulz(rows, columns)
    return products + each * rows * columns + 5 * 3 * short * short + 1


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("run", RUNS)
def test_muon(run):
    report = report_of(torch.optim.Muon, run)
    macs = {node.path: node.own.macs for node in report.optimizer.tree if node.own.macs}
    assert macs == {"0": newton_schulz(*WIDE), "2": newton_schulz(*TALL)}
    assert of_modules(report) == {"0": of_muon(*WIDE), "2": of_muon(*TALL)}
    assert report.run == run


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("steps", [1, 3])
def test_muon_with_other_steps(steps):
    report = report_of(lambda given: torch.optim.Muon(given, ns_steps=steps), "shapes")
    assert report.optimizer.macs * 5 == steps * (newton_schulz(*WIDE) + newton_schulz(*TALL))


def of_adafactor(rows, columns):
    """All operations of a step. Per element:

    the norms of p, of the rows and of the columns, of the update: 2 each; the product of row and
    column, 2; / mean; a bound; 1 / sqrt, 2; times g; p -= a x, 2. Per row and column: the root, its
    square, the mean, ``LERP``: the root is the last operation of the norm. Per row the mean of all
    rows. Then the step and a bound.
    """
    each = 4 * 2 + 2 + 1 + 1 + 2 + 1 + 2
    return each * rows * columns + (1 + 1 + LERP) * (rows + columns) + rows + STEP + 1


@pytest.mark.parametrize("how", [{}, {"foreach": True}])
def test_adafactor_reads_values(how):
    report = report_of(lambda given: torch.optim.Adafactor(given, **how), "auto")
    assert report.run == "real"
    assert of_modules(report) == {"0": of_adafactor(*WIDE), "2": of_adafactor(*TALL)}
    with pytest.raises(hookcount.DataNeededError, match="reads the value of a tensor"):
        report_of(torch.optim.Adafactor, "shapes")


def test_lbfgs_works_on_all_parameters_at_once():
    report = report_of(torch.optim.LBFGS, "auto")
    assert report.run == "real"
    assert set(of_modules(report)) == {"0", "2", "<outside>"}


# -- gradients that are sparse -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["SparseAdam", "SGD", "Adagrad"])
def test_a_sparse_gradient_is_refused_on_shapes_or_runs_for_real(name):
    def make(given):
        return getattr(torch.optim, name)(given, lr=0.1)

    given = nn.Embedding(10, 4, sparse=True), torch.tensor([1, 2, 3])
    with pytest.warns(hookcount.UncountedWarning, match="on a sparse operand is not counted"):
        report = Training(optimizer=make).count(*given)
    assert report.run == "real"
    with pytest.raises(hookcount.DataNeededError, match="makes a sparse gradient"):
        Training(optimizer=make, counter=hookcount.Counter(run="shapes")).count(*given)


def test_a_sparse_optimizer_refuses_other_gradients_itself():
    with pytest.raises(RuntimeError, match="does not support dense gradients"):
        report_of(torch.optim.SparseAdam, "auto")


# -- a user's own ------------------------------------------------------------------------------


class Lion(torch.optim.Optimizer):
    """The sign of a mean (Chen et al. 2023)."""

    def __init__(self, given):
        super().__init__(given, {"lr": 0.1, "betas": (0.9, 0.99)})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            one, two = group["betas"]
            for each in group["params"]:
                mean = self.state[each].setdefault("mean", torch.zeros_like(each))
                update = mean.mul(one).add(each.grad, alpha=1 - one).sign_()
                each.add_(update, alpha=-group["lr"])
                mean.mul_(two).add_(each.grad, alpha=1 - two)


class Normalized(torch.optim.Optimizer):
    """A gradient divided by its norm, which is read."""

    def __init__(self, given):
        super().__init__(given, {"lr": 0.1})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for each in group["params"]:
                norm = each.grad.norm().item()
                if norm > 0:
                    each.sub_(each.grad, alpha=group["lr"] / norm)


class Plain:
    """No subclass of ``torch.optim.Optimizer``."""

    def __init__(self, given):
        self.given = given

    def step(self):
        with torch.no_grad():
            for each in self.given:
                each.sub_(each.grad * 0.1)


OWN = {
    # b m + w g, 3; sign, 2; p -= lr u, 2; the mean, 3
    Lion: (3 + 2 + 2 + 3, "shapes"),
    # the norm, 2 n with its root; p -= a g, 2
    Normalized: (2 + 2, "real"),
    Plain: (2, "shapes"),
}


@pytest.mark.parametrize("cls", OWN)
def test_an_optimizer_of_a_user(cls):
    each, run = OWN[cls]
    report = report_of(cls, "auto")
    assert of_modules(report) == expected(each)
    assert report.run == run
    counted = hookcount.count(model(), torch.ones(2, 64))
    assert report.macs == counted.macs
