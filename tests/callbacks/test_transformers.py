"""The callback of transformers' trainer adds FLOP/s to what is logged."""

import pytest
import torch
from torch import nn

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MACS = 2 * (4 * 8 * 2)
"""MACs of a forward and a backward pass: 4 rows of 8 x 2, for the output and for the weight."""
STEP = 2 * MACS + (4 * 2 - 1)
"""FLOPs: two per MAC, and the sum of the 8 outputs."""


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 2, bias=False)

    def forward(self, x=None, labels=None):
        return {"loss": self.layer(x).sum()}


class Peak:
    def peak(self, dtype):
        return 1e9


def train(folder, model, callbacks, accumulate=1, steps=3):
    data = [{"x": torch.ones(8), "labels": 0} for _ in range(4 * steps * accumulate)]
    options = transformers.TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=4,
        gradient_accumulation_steps=accumulate,
        num_train_epochs=1,
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(model, options, train_dataset=data, callbacks=callbacks)
    trainer.train()
    return trainer


def callback():
    from hookcount.callbacks.transformers import MeterCallback

    return MeterCallback(Peak())


class Logged(transformers.TrainerCallback):
    def __init__(self):
        self.logs = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.logs.append(dict(logs))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_each_step_is_metered_and_logged(tmp_path, accumulate):
    metering, logged = callback(), Logged()
    model = Model()
    train(tmp_path, model, [metering, logged], accumulate)
    total = metering.meter.total
    assert total.steps == 3
    assert total.flops == 3 * accumulate * STEP
    assert not total.estimated
    assert logged.logs[0]["flops_per_second"] > 0
    assert logged.logs[-1]["flops_per_second"] == total.flops_per_second
    assert logged.logs[-1]["mfu"] == pytest.approx(2 * 3 * accumulate * MACS / total.seconds / 1e9)
    assert logged.logs[-1]["hfu"] == logged.logs[-1]["mfu"]
    assert not model._forward_pre_hooks


def test_training_goes_on_as_without_the_callback(tmp_path):
    weights = []
    for callbacks in ([callback()], []):
        torch.manual_seed(0)
        model = Model()
        train(tmp_path, model, callbacks)
        weights.append(model.layer.weight.detach().clone())
    assert torch.equal(*weights)
