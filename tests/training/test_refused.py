"""Checkpoints that are refused, and trainings that diverge."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from training.test_loop import Interrupted, make, tell_to_end, train

from threetargets.errors import BudgetReached, DataError, Diverged


def interrupted(tmp_path):
    with pytest.raises(BudgetReached):
        train(make("ddpm"), tmp_path, budget=0.0)
    return tmp_path / "checkpoint.safetensors"


def test_the_checkpoint_of_another_identity_is_refused(tmp_path):
    interrupted(tmp_path)
    with pytest.raises(DataError, match=r"checkpoint of run abc, not of xyz"):
        train(make("ddpm"), tmp_path, identity="xyz")


@pytest.mark.parametrize(
    "damage", ["cut", "emptied", "noise", "no state", "no average", "no moments", "not finite"]
)
def test_a_damaged_checkpoint_is_refused(damage, tmp_path):
    path = interrupted(tmp_path)
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "noise":
        path.write_bytes(bytes(range(256)) * 8)
    else:
        with safe_open(path, framework="pt") as file:
            tensors, state = {k: file.get_tensor(k) for k in file.keys()}, file.metadata()  # noqa: SIM118
        if damage == "no state":
            state = None
        elif damage == "not finite":
            name = next(k for k in tensors if k.startswith("model/"))
            tensors[name] = torch.full_like(tensors[name], torch.nan)
        else:
            gone = {"no average": "ema/", "no moments": "optimizer/"}[damage]
            tensors = {k: v for k, v in tensors.items() if not k.startswith(gone)}
        save_file(tensors, path, state)
    with pytest.raises(DataError, match=r"checkpoint\.safetensors"):
        train(make("ddpm"), tmp_path)


@pytest.mark.parametrize("at", [1, 6, 10])
def test_a_loss_that_is_not_finite_ends_the_training(at, tmp_path):
    with pytest.raises(Diverged, match="loss is nan"):
        train(Interrupted(make("ddpm"), at, lambda loss: loss * torch.nan), tmp_path, log_every=4)
    assert Diverged.exit_code == 6


@pytest.mark.parametrize("at", [4, 10])
def test_a_gradient_that_is_not_finite_ends_the_training(at, tmp_path):
    """The loss itself is a number: sqrt has an infinite slope at 0."""
    with pytest.raises(Diverged, match=r"loss is nan|not finite"):
        train(Interrupted(make("ddpm"), at, lambda loss: loss + torch.sqrt(loss * 0.0)), tmp_path)


@pytest.mark.parametrize(
    "fault", [lambda loss: loss * torch.nan, lambda loss: loss + torch.sqrt(loss * 0.0)]
)
def test_a_training_that_diverged_and_was_stopped_leaves_no_checkpoint(fault, tmp_path):
    """It is a result, a failed cell; with what it would have saved, no later run could go on."""
    with pytest.raises(Diverged):
        train(
            Interrupted(make("ddpm"), 3, lambda loss: tell_to_end(fault(loss))),
            tmp_path,
            log_every=10,
        )
    assert not (tmp_path / "checkpoint.safetensors").exists()
