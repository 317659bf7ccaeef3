"""A data set is counted item by item, each distinct input once."""

import threading
import warnings

import pytest
import torch
from torch import nn

import hookcount
from hookcount.dataset.counts import Counts

PIXELS = {8: 6 * 6, 10: 8 * 6, 12: 10 * 6}
"""By height, the outputs of a convolution of 3 x 3 over images that are 8 wide."""
PER_PIXEL = 3 * 4 * 3 * 3


def model():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


def images(heights, batch=1):
    return [torch.zeros(batch, 3, height, 8) for height in heights]


class Masked(nn.Module):
    """The values of the mask say how many rows the layer gets."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)

    def forward(self, x, mask):
        return self.layer(x[mask])


class Chooses(nn.Module):
    """The values of the input decide the path, which needs a real run."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)
        self.runs = 0

    def forward(self, x):
        x = self.layer(x)
        return self.layer(x.repeat(1, 2)) if float(x.sum()) > 0 else x


def test_each_distinct_input_is_counted_once_and_as_a_count_of_its_own(monkeypatch):
    counts = []
    own = hookcount.Counter.priced

    def priced(self, *args):
        counts.append(args)
        return own(self, *args)

    monkeypatch.setattr(hookcount.Counter, "priced", priced)
    heights = [8, 10, 8, 12, 10, 8]
    found = hookcount.over(model(), images(heights))
    assert len(counts) == found.distinct == 3
    macs = [PER_PIXEL * PIXELS[height] for height in heights]
    assert found.to_dataframe()["macs"].tolist() == macs
    assert [each.report.macs for each in found.items] == macs
    assert found.to_dataframe()["count"].tolist() == [0, 1, 0, 2, 1, 0]
    assert found.macs.mean == sum(macs) / len(macs)
    assert (found.macs.min, found.macs.max) == (min(macs), max(macs))
    assert len(found) == len(heights)


def test_equal_shapes_and_other_masks_have_other_counts():
    x = torch.ones(4, 8)
    masks = [torch.arange(4) < rows for rows in (4, 2, 4, 1)]
    found = hookcount.over(Masked(), [(x, mask) for mask in masks])
    assert found.to_dataframe()["macs"].tolist() == [rows * 8 * 4 for rows in (4, 2, 4, 1)]
    assert found.distinct == 3


def test_what_ran_for_real_runs_again_for_each_item():
    low, high = -torch.ones(1, 8), torch.ones(1, 8)
    net = Chooses()
    nn.init.ones_(net.layer.weight)
    found = hookcount.over(net, [low, high, high, low, torch.zeros(1, 8)])
    assert [each.report.run for each in found.items] == ["real"] * 5
    once = 8 * 4
    assert found.to_dataframe()["macs"].tolist() == [once, 2 * once, 2 * once, once, once]


@pytest.mark.parametrize(
    ("item", "inputs"),
    [
        (torch.zeros(1, 3, 8, 8), None),
        ((torch.zeros(1, 3, 8, 8),), None),
        ({"input": torch.zeros(1, 3, 8, 8)}, None),
        ([torch.zeros(1, 3, 8, 8), [1]], lambda batch: batch[0]),
        ("a name", lambda name: {"input": torch.zeros(1, 3, 8, 8)}),
    ],
)
def test_kinds_of_items(item, inputs):
    found = hookcount.over(model(), [item], inputs=inputs)
    assert found.macs.mean == PER_PIXEL * PIXELS[8]
    assert (found.macs.std, found.items[0].inputs) == (0, "(1, 3, 8, 8)")


def test_a_loader_of_images_and_labels():
    data = torch.utils.data.TensorDataset(torch.zeros(5, 3, 8, 8), torch.zeros(5))
    loader = torch.utils.data.DataLoader(data, batch_size=2)
    found = hookcount.over(model(), loader, inputs=lambda batch: batch[0])
    assert [each.report.macs for each in found.items] == [
        images * PER_PIXEL * PIXELS[8] for images in (2, 2, 1)
    ]
    with pytest.raises(hookcount.ItemError, match="(?s)item 0 .*batch\\[0\\]"):
        hookcount.over(model(), loader)


def test_a_generator_gives_no_more_than_n_items():
    given = []

    def generator():
        for height in (8, 10, 12):
            given.append(height)
            yield torch.zeros(1, 3, height, 8)

    source = generator()
    assert len(hookcount.over(model(), source, n=2)) == 2
    assert given == [8, 10]
    assert len(hookcount.over(model(), source)) == 1  # the rest
    with pytest.raises(hookcount.InputError, match="no item"):
        hookcount.over(model(), source)


@pytest.mark.parametrize(
    ("batches", "options", "text"),
    [
        ([], {}, "no item"),
        (7, {}, "of type int"),
        ("images", {}, "of type str"),
        (torch.zeros(2, 3, 8, 8), {}, "one input"),
        ({"input": torch.zeros(1, 3, 8, 8)}, {}, "one input"),
        (images([8]), {"n": 0}, "n is 0"),
        (images([8]), {"n": True}, "n is True"),
        (images([8]), {"n": 1.5}, "n is 1.5"),
        (images([8]), {"inputs": 0}, "inputs is of type int"),
    ],
)
def test_bad_options(batches, options, text):
    with pytest.raises(hookcount.InputError, match=text) as raised:
        hookcount.over(model(), batches, **options)
    assert "To fix it" in str(raised.value)


def test_no_model():
    with pytest.raises(hookcount.ModelError):
        hookcount.over(3, images([8]))


def fails_at_the_third(kind):
    def batches():
        yield from images([8, 10])
        if kind == "loader":
            raise OSError("no such file")
        yield torch.zeros(1, 5, 8, 8) if kind == "model" else 7

    return batches()


@pytest.mark.parametrize(
    ("kind", "cause", "text"),
    [
        ("model", RuntimeError, "3 channels"),
        ("item", hookcount.InputError, "of type int"),
        ("loader", OSError, "no such file"),
    ],
)
def test_what_was_counted_before_an_error_is_in_the_error(kind, cause, text):
    with pytest.raises(hookcount.ItemError, match="item 2 of the data set") as raised:
        hookcount.over(model(), fails_at_the_third(kind))
    assert text in str(raised.value)
    assert "To fix it" in str(raised.value)
    assert isinstance(raised.value.__cause__, cause)
    assert [each.report.macs for each in raised.value.result.items] == [
        PER_PIXEL * PIXELS[height] for height in (8, 10)
    ]


def test_an_interrupt_keeps_what_was_counted():
    def batches():
        yield from images([8, 10])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        hookcount.over(model(), batches())
    assert len(raised.value.result) == 2


def test_one_warning_for_the_data_set_names_the_line_of_the_caller():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eig(x)[0]

    for over in (hookcount.over, hookcount.Counter().over):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = over(Odd(), [torch.eye(4), torch.eye(5), torch.eye(6)])
        assert [each.category for each in caught] == [hookcount.UncountedWarning]
        assert caught[0].filename == __file__
        assert "linalg_eig" in found.explain_uncounted()
        assert "linalg_eig" in str(found)


def test_a_counter_with_formulas_of_its_own():
    registry = hookcount.Registry()
    registry.register(nn.ReLU, lambda module, x, out: hookcount.Ops(macs=7))
    found = hookcount.Counter(registry).over(model(), images([8, 8]))
    assert found.macs.mean == PER_PIXEL * PIXELS[8] + 7


def test_the_model_and_the_inputs_are_as_before():
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)).train()
    before = {name: each.clone() for name, each in net.state_dict().items()}
    given = images([8, 10])
    versions = [each._version for each in given]
    hookcount.over(net, given)
    assert [each._version for each in given] == versions
    for name, each in net.state_dict().items():
        assert torch.equal(each, before[name])


def test_eight_threads():
    results = {}

    def work(place):
        heights = [8, 10, 12, 8] if place % 2 else [12, 12]
        results[place] = hookcount.over(model(), images(heights)).macs.mean

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    odd = PER_PIXEL * sum(PIXELS[height] for height in (8, 10, 12, 8)) / 4
    assert results == {place: odd if place % 2 else PER_PIXEL * PIXELS[12] for place in range(8)}


def test_a_count_is_kept_for_one_state_of_the_model():
    class Deeper(nn.Module):
        """Runs its layer once more in train mode."""

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8, bias=False)

        def forward(self, x):
            x = self.layer(x)
            return self.layer(x) if self.training else x

    net, x = nn.Sequential(Deeper(), nn.Identity()), torch.zeros(1, 8)

    def items():
        yield x
        net.eval()
        yield x
        net.append(nn.Linear(8, 2, bias=False))
        yield x
        net.append(nn.Linear(2, 2, bias=False))
        yield x

    macs = hookcount.over(net, items()).to_dataframe()["macs"].tolist()
    assert macs == [2 * 64, 64, 64 + 16, 64 + 16 + 4]


def test_equal_counts_are_one_report_although_the_inputs_differ():
    net = nn.Sequential(nn.Embedding(100, 8), nn.Linear(8, 4, bias=False))
    found = hookcount.over(net, [torch.randint(100, (2, 5)) for _ in range(6)])
    assert found.distinct == 1
    assert found.macs.mean == 2 * 5 * 8 * 4


def test_the_kept_counts_are_bounded(monkeypatch):
    monkeypatch.setattr("hookcount.dataset.counts.AT_MOST", 3)
    counts = Counts(nn.Identity(), lambda args, kwargs: hookcount.count(nn.Identity(), *args))
    for rows in (1, 2, 3, 4, 5):
        counts.of((torch.zeros(rows),), {})
    assert len(counts._known) == 3


def test_a_very_large_n():
    assert len(hookcount.over(model(), images([8]), n=10**30)) == 1


def test_steps_of_training():
    """The first layer needs no gradient of its input."""
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.Linear(16, 4, bias=False))
    batches = [(torch.zeros(rows, 8), None) for rows in (2, 3, 2)]
    training = hookcount.Training(optimizer=torch.optim.SGD)
    found = training.over(model, batches, inputs=lambda batch: batch[0])
    a, b = 8 * 16, 16 * 4
    assert found.to_dataframe()["macs"].tolist() == [rows * (a + b) for rows in (2, 3, 2)]
    assert found.backward.to_dataframe()["macs"].tolist() == [
        rows * (a + 2 * b) for rows in (2, 3, 2)
    ]
    assert found.step.macs.max == 3 * (2 * a + 3 * b)
    assert found.recompute.macs.max == 0
    assert found.optimizer.flops.min == 2 * (a + b)
    assert found.distinct == found.step.distinct == 2
    assert training.over(model, batches, n=1, inputs=lambda batch: batch[0]).macs.max == 2 * (a + b)
    assert all(each.grad is None for each in model.parameters())


def test_an_item_without_a_loss():
    model = nn.Linear(8, 4).requires_grad_(False)
    with pytest.raises(hookcount.ItemError, match="requires grad"):
        hookcount.Training().over(model, [torch.zeros(2, 8)])


def test_uncounted_work_of_a_backward_pass_is_warned_of():
    with torch.library._scoped_library("hookcount_over", "FRAGMENT") as library:
        library.define("secret(Tensor x) -> Tensor")
        library.impl("secret", torch.clone, "CompositeExplicitAutograd")

        class Function(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, grad):
                return torch.ops.hookcount_over.secret(grad)

        layer = nn.Linear(8, 4)
        layer.register_forward_hook(lambda module, args, out: Function.apply(out))
        with pytest.warns(hookcount.UncountedWarning, match="secret") as warned:
            hookcount.Training().over(layer, [torch.zeros(2, 8)])
    assert warned[0].filename == __file__
