"""The shapes-only run: the same rows as the real run, nothing computed, and the real run where
values are needed.
"""

import warnings

import pytest
import torch
import torch.nn.functional as F
from helpers.marks import slow_but
from torch import nn
from torchvision import models

import hookcount
from hookcount import Ops

real, shapes, auto = (hookcount.Counter(run=run) for run in ("real", "shapes", "auto"))


def rows(report):
    return [
        (node.path, node.type, node.calls, node.own, node.inputs, node.outputs, node.uncounted)
        for node in report.tree
    ]


def assert_same_rows(model, *args, **kwargs):
    found = shapes.count(model, *args, **kwargs)
    assert found.run == "shapes"
    expected = real.count(model, *args, **kwargs)
    assert expected.run == "real"
    assert rows(found) == rows(expected)
    return found


SMALL = (
    "resnet18 mobilenet_v3_small efficientnet_b0 densenet121 googlenet swin_t swin_v2_t maxvit_t "
    "convnext_tiny "
    "shufflenet_v2_x0_5 mnasnet0_5"
)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize(
    "name",
    slow_but(
        ["resnet18", "googlenet", "swin_t", "vit_b_32"],
        [*SMALL.split(), "vit_b_32", "regnet_y_400mf", "squeezenet1_1"],
    ),
)
def test_torchvision_rows(name, mode):
    options = {"init_weights": False} if name == "googlenet" else {}
    model = models.get_model(name, weights=None, **options).train(mode is torch.enable_grad)
    size = 224 if name in ("vit_b_32", "maxvit_t") else 64
    with mode():
        assert_same_rows(model, torch.zeros(2, 3, size, size))


@pytest.mark.parametrize(
    "name",
    [
        "ssdlite320_mobilenet_v3_large",
        pytest.param("retinanet_resnet50_fpn", marks=pytest.mark.slow),
    ],
)
def test_where_values_decide_auto_goes_on_with_the_real_run(name):
    model = models.get_model(name, weights=None, weights_backbone=None).eval()
    image = [torch.rand(3, 64, 64)]
    with torch.no_grad():
        found = auto.count(model, image)
        assert found.run == "real"
        assert rows(found) == rows(real.count(model, image))


LAYERS = [
    (nn.LSTM(6, 4, 2, bidirectional=True), (5, 3, 6)),
    (nn.GRU(6, 4), (5, 3, 6)),
    (nn.Sequential(nn.Linear(6, 6), nn.RNN(6, 4)), (5, 3, 6)),
    (nn.Sequential(nn.ReLU(), nn.LSTMCell(6, 4)), (3, 6)),
    (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (3, 5, 8)),
    (nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), (3, 5, 8)),
    (
        nn.Sequential(
            nn.Conv1d(6, 4, 3),
            nn.BatchNorm1d(4),
            nn.InstanceNorm1d(4, track_running_stats=True),
            nn.Dropout(),
        ),
        (2, 6, 9),
    ),
    (
        nn.Sequential(
            nn.ConvTranspose2d(3, 4, 3),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.AdaptiveAvgPool2d(3),
        ),
        (2, 3, 5, 5),
    ),
    (
        nn.Sequential(
            torch.nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6)),
            nn.Hardswish(inplace=True),
        ),
        (2, 6),
    ),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("model", "shape"), LAYERS)
def test_layers(model, shape, training):
    assert_same_rows(model.train(training), torch.zeros(shape))
    with torch.no_grad():
        assert_same_rows(model, torch.zeros(shape))


class Attends(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, x):
        q = x.view(2, 5, 4, 8).transpose(1, 2) * 1.0
        mask = torch.ones(5, 5, dtype=torch.bool).tril() if self.options.get("mask") else None
        return F.scaled_dot_product_attention(
            q, q, q, attn_mask=mask, is_causal=self.options.get("causal", False)
        )


@pytest.mark.parametrize("options", [{}, {"mask": True}, {"causal": True}])
def test_attention_costs_the_same_on_every_backend(options):
    with torch.no_grad():
        found = assert_same_rows(Attends(**options), torch.zeros(2, 5, 32))
    assert found.macs == 2 * (2 * 4 * 5 * 5 * 8)


class ReadsConstants(nn.Module):
    """Reads values of what does not come of data, on the device of what does, as DETR-style code
    does.
    """

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(8, 8, bias=False)
        self.register_buffer("index", torch.arange(6) % 3)

    def forward(self, x):
        x = self.lin(x)
        levels = torch.as_tensor([[2, 2], [1, 2]], device=x.device)
        parts = x.split([int(h * w) for h, w in levels], dim=1)
        mask = torch.zeros(6, device=x.device).bool()
        mask[: levels.prod(1)[0].item()] = True
        if mask.all() or x.new_tensor([1.0, 2.0]).max().item() > 5:
            raise AssertionError("the code took another way than in a real run")
        chosen = x[:, mask] @ x[:, mask].transpose(1, 2)
        return parts[0] + chosen.sum() + x[:, self.index].mean()


def test_constants_stay_real():
    found = assert_same_rows(ReadsConstants(), torch.zeros(2, 6, 8))
    assert found.macs == 2 * 6 * 8 * 8 + 2 * 4 * 8 * 4


class MaskDecides(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(8, 8, bias=False)

    def forward(self, x, mask):
        return x if mask.all() else self.lin(x)


@pytest.mark.parametrize("ones", [True, False])
def test_small_integer_inputs_decide_the_way(ones):
    mask = torch.full((2, 6), ones)
    assert assert_same_rows(MaskDecides(), torch.zeros(2, 6, 8), mask).macs == (
        0 if ones else 2 * 6 * 8 * 8
    )


class DataDecides(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin, self.seen = nn.Linear(8, 8, bias=False), []

    def forward(self, x):
        self.seen.append(torch.rand(3))
        y = self.lin(x)
        return self.lin(y[y > -1e9].view(x.shape))


def test_data_needed():
    model = nn.Sequential(DataDecides())
    random_state = torch.get_rng_state()
    found = auto.count(model, torch.zeros(2, 8))
    assert found.run == "real"
    assert found.macs == 2 * (2 * 8 * 8)
    assert [node.calls for node in found.tree] == [1, 1, 2]
    assert model[0].seen == []
    assert torch.equal(torch.get_rng_state(), random_state)
    for counter, inputs in ((shapes, torch.zeros(2, 8)), (auto, torch.zeros(2, 8, device="meta"))):
        with pytest.raises(
            hookcount.HookcountError, match="'0' \\(DataDecides\\): .*mask selects.*\n.*To fix it"
        ):
            counter.count(model, inputs)


def test_meta_inputs_to_a_real_model_and_real_inputs_to_a_meta_model():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    expected = rows(real.count(model, torch.zeros(2, 3, 8, 8)))
    assert rows(hookcount.count(model, torch.zeros(2, 3, 8, 8, device="meta"))) == expected
    assert rows(hookcount.count(model.to("meta"), torch.zeros(2, 3, 8, 8))) == expected


def test_nothing_is_computed_copied_or_moved():
    """Weights of 4 TB have no memory to be copied to, and inputs of nan would show."""
    with torch.device("meta"):
        model = nn.Sequential(*[nn.Linear(2**17, 2**17, bias=False) for _ in range(60)])
    assert hookcount.count(model, torch.zeros(1, 2**17)).macs == 60 * 2**34
    x = torch.full((2, 6), float("nan"))
    assert hookcount.count(nn.Linear(6, 6), x).run == "shapes"


def test_large_constants_become_data():
    class Causal(nn.Module):
        def forward(self, x):
            position = torch.arange(x.shape[1], device=x.device)
            return x.masked_fill(position[:, None] < position, 0.0)

    n = 200_000  # the mask has 4e10 elements
    found = hookcount.count(Causal(), torch.empty(1, n, 1, device="meta").expand(1, n, n))
    assert found.run == "shapes"
    assert found.total == Ops()


def test_a_leaf_that_works_unseen_is_still_named():
    class Numpy(nn.Module):
        def forward(self, x):
            return torch.from_numpy(x.detach().numpy() * 2)

    with pytest.warns(hookcount.UncountedWarning, match="without any visible op"):
        hookcount.count(nn.Sequential(nn.ReLU(), Numpy()), torch.zeros(2, 3))


def test_a_mask_of_an_image_is_read():
    class Masked(nn.Module):  # DETR at its largest size
        def forward(self, x):
            mask = torch.ones((1, 800, 1333), device=x.device)
            small = nn.functional.interpolate(mask[None], size=(25, 42))[0].bool()
            return x + 1 if small.all() else x

    report = hookcount.Counter(run="shapes").count(Masked(), torch.empty(3, device="meta"))
    assert report.total.adds == 3


@torch.no_grad()
def test_a_counter_remembers_shapes_within_its_bound():
    counter = hookcount.Counter(run="shapes")
    model, x = (
        nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU()),
        torch.zeros(2, 6),
    )
    first = counter.count(model, x)
    # of 4 calls of layers and 6 of ops (each Linear also makes a view of its weight), half are new
    assert first.reuse == (3, 3, 2, 2)
    again = counter.count(model, x)
    assert rows(again) == rows(first)
    assert again.reuse == (6, 0, 4, 0)
    assert hookcount.Counter(run="real").count(model, x).reuse[:2] == (0, 0)
    counter.runner.memo.at_most = 3
    for width in range(2, 9):
        counter.count(nn.Linear(6, width), x)
        assert (
            max(
                map(
                    len,
                    (
                        counter.runner.memo.ops,
                        counter.runner.memo.calls,
                        counter.runner.memo._prices,
                    ),
                )
            )
            <= 3
        )


def test_autocast_and_checkpoint():
    class Checkpointed(nn.Module):
        def __init__(self, reentrant):
            super().__init__()
            self.reentrant, self.block = (
                reentrant,
                nn.Sequential(nn.Linear(6, 6), nn.Dropout(), nn.ReLU()),
            )

        def forward(self, x):
            return torch.utils.checkpoint.checkpoint(
                self.block, x * 1.0, use_reentrant=self.reentrant
            )

    for reentrant in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, expected = (
                each.count(Checkpointed(reentrant), torch.zeros(2, 6, requires_grad=True))
                for each in (auto, real)
            )
        assert found.total == expected.total
    with torch.autocast("cpu", torch.bfloat16):
        assert (
            shapes.count(LAYERS[7][0].eval(), torch.zeros(2, 3, 5, 5)).macs
            == real.count(LAYERS[7][0], torch.zeros(2, 3, 5, 5)).macs
        )


def test_forwards_own_error_is_that_of_the_real_run():
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        hookcount.count(nn.Linear(6, 5), torch.zeros(4, 7))
    with pytest.raises(RuntimeError):
        hookcount.count(nn.Linear(6, 5), torch.zeros(4, 7, device="meta"))


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d])
def test_a_norm_that_divides_by_its_number_of_calls_runs_on_meta(norm):
    shape = (2, 3, *[4] * {nn.BatchNorm1d: 1, nn.BatchNorm2d: 2, nn.BatchNorm3d: 3}[norm])
    averages, plain = nn.Sequential(norm(3, momentum=None)), nn.Sequential(norm(3))
    real = hookcount.Counter(run="real").count(averages, torch.ones(shape))
    meta = hookcount.count(averages.to("meta"), torch.ones(shape, device="meta"))
    assert meta.to_dataframe().to_csv() == real.to_dataframe().to_csv()
    assert meta.flops == hookcount.count(plain, torch.ones(shape)).flops > 0


@pytest.mark.parametrize("layer", [nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d])
def test_complex_convolutions_run_on_shapes(layer):
    model = layer(4, 6, 3, groups=2, dtype=torch.complex64)
    x = torch.ones(2, 4, *[9] * (model.weight.dim() - 2), dtype=torch.complex64)
    shapes, real = hookcount.count(model, x), hookcount.Counter(run="real").count(model, x)
    meta = hookcount.count(model.to("meta"), x.to("meta"))
    assert (shapes.run, real.run) == ("shapes", "real")
    rows = [each.to_dataframe().to_csv() for each in (shapes, real, meta)]
    assert rows[0] == rows[1] == rows[2]


@pytest.fixture
def own_ops():
    """An op as a decorator makes it, and one of a library. Neither has a fake."""
    library = torch.library.Library("hookcount_tests", "FRAGMENT")
    library.define("thrice(Tensor x) -> Tensor")
    library.impl("thrice", lambda x: x * 3, "CPU")

    @torch.library.custom_op("hookcount_tests::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    yield {"twice": twice, "thrice": torch.ops.hookcount_tests.thrice}, library
    library._destroy()


@pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
@pytest.mark.parametrize("name", ["twice", "thrice"])
def test_a_custom_op_without_a_fake_is_named_with_the_way_to_give_it_one(own_ops, name):
    ops, library = own_ops

    class Calls(nn.Module):
        def forward(self, x):
            return ops[name](x + 1) + 1

    assert hookcount.count(Calls(), torch.ones(3)).run == "real"
    meta = torch.ones(3, device="meta")
    fake = f"torch.library.register_fake('hookcount_tests::{name}')"
    with pytest.raises(hookcount.DataNeededError) as raised:
        hookcount.count(Calls(), meta)
    assert f"hookcount_tests::{name} has no" in str(raised.value)
    assert f"To fix it: give the op one with {fake}" in str(raised.value)
    advised = torch.library.register_fake(f"hookcount_tests::{name}", lib=library)
    advised(torch.empty_like)
    assert hookcount.count(Calls(), meta).flops == 2 * 3
