"""What a step sees: which images, at what learning rate, and that it is the only one at work."""

import itertools
import os

import pytest
import torch

from threetargets.errors import CannotWrite
from threetargets.study.blocks import Training
from threetargets.training import step
from threetargets.training.lock import hold


def settings(steps, warmup, rate):
    rest = {"ema_halflife_images": 0, "weight_decay": 0.0, "log_every": 1, "checkpoint_every": 1}
    return Training(steps=steps, batch=8, learning_rate=rate, warmup_steps=warmup, **rest)


@pytest.mark.parametrize("batch, count", [(8, 30), (7, 7), (30, 8), (5, 100)])
def test_every_epoch_is_a_permutation(batch, count):
    steps = -(-3 * count // batch)
    order = torch.cat([step.batch_indices(5, k, batch, count) for k in range(steps)])
    assert all(len(step.batch_indices(5, k, batch, count)) == batch for k in range(steps))
    epochs = order[: 3 * count].view(3, count)
    for epoch in epochs:
        assert torch.equal(epoch.sort().values, torch.arange(count))
    assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(
        order[:count],
        torch.cat([step.batch_indices(6, k, batch, count) for k in range(steps)])[:count],
    )


def test_the_learning_rate_warms_up_and_ends_near_zero():
    chosen = settings(1000, 100, 0.5)
    rates = [step.learning_rate(chosen, k) for k in range(1000)]
    assert rates[0] == pytest.approx(0.005, rel=1e-4) and max(rates) == pytest.approx(
        0.49, abs=0.005
    )
    assert rates.index(max(rates)) in range(95, 105)
    assert rates[500] == pytest.approx(0.25, rel=1e-6) and 0 < rates[-1] < 1e-5
    assert all(a > b for a, b in itertools.pairwise(rates[110:]))
    assert step.learning_rate(settings(10, 0, 0.01), 0) == 0.01


def test_a_folder_has_one_live_training(tmp_path):
    with hold(tmp_path), pytest.raises(CannotWrite, match=str(os.getpid())), hold(tmp_path):
        pass
    with hold(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="cannot be written"), hold(tmp_path / "file"):
        pass
