"""Averaged weights that a training keeps on its way: those of that moment, also after an
interruption."""

import pytest
import torch
from training.test_loop import Interrupted, assert_same, make, tell_to_end, train

from threetargets.errors import BudgetReached, DataError
from threetargets.weights import read_tensors


@pytest.mark.parametrize("stop", [2, 3, 4, 8])
def test_weights_kept_on_the_way_are_the_average_then_also_after_an_interruption(stop, tmp_path):
    """After three steps of the same training, told to end there, the checkpoint has that
    average."""
    with pytest.raises(BudgetReached):
        train(Interrupted(make("ddpm"), 3, tell_to_end), tmp_path / "three")
    tensors = read_tensors(tmp_path / "three" / "checkpoint.safetensors")
    with pytest.raises(BudgetReached):
        interrupted = Interrupted(make("ddpm"), stop, tell_to_end)
        train(interrupted, tmp_path / "parts", keep=(3, 7))
    trained = train(Interrupted(make("ddpm", 5), 0, None), tmp_path / "parts", keep=(3, 7))
    assert sorted(trained.kept) == [3, 7]
    assert_same(trained.kept[3], {k: tensors[f"ema/{k}"] for k in trained.kept[3]})
    assert trained.kept[3].keys() == trained.weights.keys()
    assert any(not torch.equal(trained.kept[7][k], v) for k, v in trained.weights.items())


def test_a_checkpoint_without_what_was_to_be_kept_is_refused(tmp_path):
    with pytest.raises(BudgetReached):
        train(Interrupted(make("ddpm"), 4, tell_to_end), tmp_path)
    with pytest.raises(DataError, match="weights kept on the way are missing"):
        train(Interrupted(make("ddpm"), 0, None), tmp_path, keep=(3,))
