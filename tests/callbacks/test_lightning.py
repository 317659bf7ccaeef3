"""The callback of Lightning logs the FLOP/s of each step."""

import pytest
import torch
from torch import nn

import hookcount

lightning = pytest.importorskip("lightning.pytorch")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

STEP = 2 * 2 * (4 * 8 * 2)
"""FLOPs of a step: a batch of 4 through 8 x 2, two FLOPs per MAC. The backward pass has the product
for the gradient of the weight, and none for that of the input.
"""


class Module(lightning.LightningModule):
    def __init__(self, fails=False):
        super().__init__()
        self.layer = nn.Linear(8, 2, bias=False)
        self.fails = fails

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, index):
        if self.fails and index == 1:
            raise RuntimeError("the third step fails")
        return self(batch[0]).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(module, callback, steps=3):
    data = torch.utils.data.TensorDataset(torch.ones(4 * steps, 8), torch.zeros(4 * steps))
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=4))
    return trainer


class Peak:
    def peak(self, dtype):
        return 1e9


def callback(**options):
    from hookcount.callbacks.lightning import MeterCallback

    return MeterCallback(Peak(), inputs=lambda batch: batch[0], **options)


def test_each_step_is_metered_and_logged():
    metering = callback()
    trainer = fit(Module(), metering)
    assert metering.meter.total.steps == 3
    assert metering.meter.total.flops == 3 * STEP
    assert not metering.meter.total.estimated
    last = metering.meter.last
    assert trainer.logged_metrics["flops_per_second"].item() == pytest.approx(
        STEP / last.seconds, rel=1e-5
    )
    assert trainer.logged_metrics["mfu"].item() == pytest.approx(
        STEP / last.seconds / 1e9, rel=1e-5
    )
    assert trainer.logged_metrics["hfu"] == trainer.logged_metrics["mfu"]


def test_a_loss_of_ones_own():
    metering = callback(training=hookcount.Training(lambda out: out.sum()))
    fit(Module(), metering)
    # the sum of the 8 outputs is 7 adds
    assert metering.meter.total.flops == 3 * (STEP + 4 * 2 - 1)


def test_training_goes_on_as_without_the_callback():
    weights = []
    for callbacks in ([callback()], [lightning.Callback()]):
        torch.manual_seed(0)
        module = Module()
        fit(module, *callbacks)
        weights.append(module.layer.weight.detach().clone())
    assert torch.equal(*weights)


def test_a_step_that_fails_is_no_step():
    metering = callback()
    with pytest.raises(RuntimeError, match="third step"):
        fit(Module(fails=True), metering)
    assert metering.meter.total.steps == 1
