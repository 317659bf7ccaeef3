"""Errors of a training step: each says where it was raised, what happened, and how to mend it."""

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Counter, DataNeededError, InputError, Training

RUNS = ("shapes", "real")


class Wrong(Exception):
    pass


class Breaks(torch.autograd.Function):
    """Its backward pass raises."""

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        raise Wrong("in the backward pass")


class Reads(Breaks):
    """Its backward pass reads a value."""

    @staticmethod
    def backward(ctx, g):
        return g * g.sum().item()


class Applies(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function.apply(x)


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = Once()

    def forward(self, x):
        return checkpoint(self.layer, x, use_reentrant=False)


class Once(nn.Module):
    """Its forward raises if it runs again."""

    def forward(self, x):
        if torch._C._current_graph_task_id() != -1:
            raise Wrong("it ran again")
        return x.sin()


def model(last=None):
    return nn.Sequential(nn.Linear(8, 4), last or nn.ReLU())


def breaking(*args):
    raise Wrong("here")


class NotMade:
    def __init__(self, parameters):
        breaking()


class NoStep:
    def __init__(self, parameters):
        pass

    step = breaking


class NoTorchStep(torch.optim.SGD):
    step = breaking


def hooked(how):
    made = model()
    getattr(made[0], how)(breaking)
    return made


def note_of(training, counted, x=None):
    with pytest.raises(Wrong) as raised:
        training.count(counted, torch.zeros(2, 8) if x is None else x)
    (note,) = raised.value.__notes__
    assert note.endswith("; the model is as it was before.")
    return note


def training(run, **options):
    return Training(counter=Counter(run=run), **options)


# -- where an exception of the user's code was raised --------------------------------------------


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("loss", [breaking, type("L", (nn.Module,), {"forward": breaking})()])
def test_in_the_loss(loss, run):
    if isinstance(loss, nn.Module):
        type(loss).forward = lambda self, out: breaking()
    note = note_of(training(run, loss=loss), model())
    assert "raised in the loss given as Training(loss=...)" in note
    assert "the loss got the output of the model, a tensor of shape (2, 4)" in note


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    ("optimizer", "place"),
    [
        (NotMade, "the construction of the optimizer, Training(optimizer=NotMade)"),
        (lambda p: breaking(), "the construction of the optimizer, Training(optimizer=<lambda>)"),
        (NoStep, "the step of the optimizer NoStep"),
        (NoTorchStep, "the step of the optimizer NoTorchStep"),
    ],
)
def test_in_the_optimizer(optimizer, place, run):
    assert f"raised in {place} while" in note_of(training(run, optimizer=optimizer), model())


@pytest.mark.parametrize("run", RUNS)
def test_in_the_model_while_an_optimizer_computes_the_loss_again(run):
    class Later(nn.Linear):
        calls = 0

        def forward(self, x):
            Later.calls += 1
            return breaking() if Later.calls > 1 else super().forward(x)

    class Closes:
        def __init__(self, parameters):
            pass

        def step(self, closure):
            closure()

    found = note_of(training(run, optimizer=Closes), nn.Sequential(Later(8, 4)))
    assert "raised in '0' (Later) while it was being counted" in found


@pytest.mark.parametrize("run", RUNS)
def test_in_the_backward_pass_of_a_function(run):
    note = note_of(training(run), nn.Sequential(model(Applies(Breaks)), nn.ReLU()))
    assert "raised in the backward pass of '0.1' (Applies) while a training step" in note
    loss = note_of(training(run, loss=lambda out: Breaks.apply(out).sum()), model())
    assert "raised in the backward pass of the loss while" in loss


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("how", ["register_full_backward_hook", "register_full_backward_pre_hook"])
def test_in_a_hook_of_a_module(how, run):
    note = note_of(training(run), hooked(how), torch.zeros(2, 8, requires_grad=True))
    assert "raised in the backward pass of '0' (Linear) while" in note


@pytest.mark.parametrize("run", RUNS)
def test_in_a_hook_of_a_tensor(run):
    class Hooks(nn.Module):
        def forward(self, x):
            out = x * 2
            out.register_hook(breaking)
            return out

    # the hook runs before the backward op of the product, and after that of the sine
    note = note_of(training(run), nn.Sequential(nn.Linear(8, 4), Hooks(), Sine()))
    assert "raised in the backward pass while" in note
    assert "the last backward op before it was that of '2' (Sine)" in note


class Sine(nn.Module):
    def forward(self, x):
        return x.sin()


@pytest.mark.parametrize("run", RUNS)
def test_in_a_forward_that_runs_again(run):
    found = note_of(training(run), model(Checkpointed()))
    assert "raised in '1.layer' (Once) while it was being counted" in found


@pytest.mark.parametrize("run", RUNS)
def test_the_model_has_its_own_errors(run):
    with pytest.raises(RuntimeError, match="shapes|reduction") as raised:
        training(run).count(model(), torch.zeros(2, 5))
    (note,) = raised.value.__notes__
    assert "raised in '0' (Linear) while it was being counted" in note


def test_the_arguments_are_not_to_blame_for_the_loss():
    """The model takes a size. That is no mistake if the loss raises."""

    class Sized(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3))

        def forward(self, size):
            return self.weight.expand(size)

    def loss(out):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as raised:
        Training(loss=loss).count(Sized(), (2, 3))
    assert (type(raised.value), str(raised.value)) == (ValueError, "mine")


def test_an_item_of_a_data_set_says_where():
    with pytest.raises(hookcount.ItemError) as raised:
        Training(loss=breaking).over(model(), [torch.zeros(2, 8)])
    text = str(raised.value)
    assert "item 0 of the data set: Wrong: here" in text
    assert "raised in the loss given as Training(loss=...)" in text


def test_a_watch_leaves_an_exception_as_it_is_and_forgets_it():
    class Held:
        """The traceback of the exception holds it."""

    def loop():
        held, watched = Held(), model(Applies(Breaks))
        with Training().watch(watched) as watch:
            with pytest.raises(Wrong) as raised:
                watched(torch.zeros(2, 8)).sum().backward()
            assert not hasattr(raised.value, "__notes__")
        return watch, weakref.ref(held)

    watch, gone = loop()
    gc.collect()
    assert gone() is None
    assert watch.report().macs == 2 * 8 * 4


# -- what cannot be a loss or an optimizer -------------------------------------------------------

A_LOSS = "give a function of the output, such as lambda out: F.mse_loss(out, target)"


class Needs(nn.Module):
    def forward(self, out, *, target):
        return F.mse_loss(out, target)


@pytest.mark.parametrize(
    ("loss", "what"),
    [
        (nn.MSELoss(), "the loss gets the output of the model alone, but MSELoss takes input and"),
        (F.cross_entropy, "but cross_entropy takes input and target"),
        (lambda out, target: 0, "but <lambda> takes out and target"),
        (lambda: 0, "but <lambda> takes no argument"),
        (Needs(), "but Needs takes out and target"),
        (nn.MSELoss, "MSELoss is a class, which makes no loss of an output"),
        ("mse", "'mse' cannot be called"),
    ],
)
def test_a_loss_takes_the_output_alone(loss, what):
    with pytest.raises(InputError) as raised:
        Training(loss=loss)
    assert str(raised.value).startswith("Training(loss=...): ")
    assert what in str(raised.value)
    assert str(raised.value).endswith(f"To fix it: {A_LOSS}")


def mean(out, weight=2):
    return out.mean() * weight


class Mean(nn.Module):
    def forward(self, out):
        return out.mean()


@pytest.mark.parametrize("loss", [mean, Mean(), torch.sum, lambda *outs: outs[0].sum()])
def test_a_loss_may_have_more_than_it_needs(loss):
    assert Training(loss=loss).count(model(), torch.zeros(2, 8)).backward.macs == 2 * 8 * 4


class Rated(torch.optim.SGD):
    def __init__(self, params, rate):
        super().__init__(params, rate)


def test_an_optimizer_is_made_of_the_parameters_alone():
    with pytest.raises(InputError) as raised:
        Training(optimizer=Rated)
    text = str(raised.value)
    assert "it gets the list of parameters alone, but Rated takes params and rate" in text
    assert "To fix it: give a function that has the rest, such as lambda params:" in text
    report = Training(optimizer=lambda params: Rated(params, 0.1)).count(model(), torch.zeros(2, 8))
    assert report.optimizer.flops == 2 * (8 * 4 + 4)  # a product and an add for each parameter


# -- what needs values ---------------------------------------------------------------------------


def read(out):
    return out.sum() * out.sum().item()


@pytest.mark.parametrize("how", ["shapes", "meta"])
@pytest.mark.parametrize(
    ("options", "place", "so", "instead"),
    [
        (
            {"optimizer": torch.optim.Adafactor},
            "the step of the optimizer Adafactor",
            "so this optimizer cannot be counted on shapes or with a model on meta",
            "or choose an optimizer that reads no values, such as torch.optim.AdamW",
        ),
        (
            {"loss": read},
            "the loss given as Training(loss=...)",
            "so this loss cannot be computed on shapes or with a model on meta",
            "or give a loss that reads no values",
        ),
        (
            {},
            "the backward pass of '1' (Applies)",
            "a shapes-only run has no values of data",
            "or replace the forward of this module, or of one around it, with",
        ),
    ],
)
def test_what_reads_values(options, place, so, instead, how):
    counted, x = model(None if options else Applies(Reads)), torch.zeros(2, 8)
    if how == "meta":
        counted, x = counted.to("meta"), x.to("meta")
    with pytest.raises(DataNeededError) as raised:
        training("auto" if how == "meta" else "shapes", **options).count(counted, x)
    text = str(raised.value)
    assert text.startswith(f"{place}: aten::_local_scalar_dense reads the value of a tensor")
    assert so in text
    assert "To fix it: count a real model on real inputs (run='auto' then runs it for real)" in text
    assert instead in text
    assert ("register_fake" in text) == (not options)


@pytest.mark.parametrize(
    "options", [{"optimizer": torch.optim.Adafactor}, {"loss": read}], ids=["optimizer", "loss"]
)
def test_they_run_for_real(options):
    report = Training(**options).count(model(), torch.zeros(2, 8))
    assert (report.run, report.backward.macs) == ("real", 2 * 8 * 4)


# -- warnings ------------------------------------------------------------------------------------


@torch.library.custom_op("training_errors::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x):
    return torch.empty_like(x)


twice.register_autograd(lambda ctx, g: twice(g))


class Twice(nn.Module):
    def forward(self, x):
        return twice(x)


def test_a_warning_says_how_to_count_the_step_for_real():
    with pytest.warns(hookcount.UncountedWarning) as warned:
        Training().count(model(Twice()), torch.zeros(2, 8))
    (each,) = warned
    text = str(each.message)
    assert "training_errors::twice has no formula: 2 calls in '1'" in text
    assert "hookcount.Training(counter=hookcount.Counter(run='real')).count(...)" in text
    assert each.filename == __file__
    with pytest.warns(hookcount.UncountedWarning) as warned:
        hookcount.count(model(Twice()), torch.zeros(2, 8))
    assert "count that: hookcount.Counter(run='real').count(...)" in str(warned[0].message)


def test_a_warning_of_a_data_set_and_of_a_watch():
    with pytest.warns(hookcount.UncountedWarning, match="Training.counter=hookcount.Counter"):
        Training().over(model(Twice()), [torch.zeros(2, 8)])
    counted = model(Twice())
    with Training().watch(counted) as watch:
        counted(torch.zeros(2, 8)).sum().backward()
    with pytest.warns(hookcount.UncountedWarning, match="training_errors::twice has no formula"):
        watch.report()


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_an_optimizer_of_other_tensors_is_refused(run):
    model = nn.Linear(4, 2)
    made_before = torch.optim.SGD(model.parameters(), lr=0.1)
    training = hookcount.Training(
        optimizer=lambda params: made_before, counter=hookcount.Counter(run=run)
    )
    before = [each.clone() for each in model.parameters()]
    with pytest.raises(hookcount.InputError, match="not in the list of parameters"):
        training.count(model, torch.ones(1, 4))
    assert all(map(torch.equal, model.parameters(), before))


def test_an_optimizer_may_choose_among_the_parameters():
    model = nn.Linear(4, 2)
    training = hookcount.Training(optimizer=lambda params: torch.optim.SGD(params[:1], lr=0.1))
    assert training.count(model, torch.ones(1, 4)).optimizer.flops == 2 * 8
