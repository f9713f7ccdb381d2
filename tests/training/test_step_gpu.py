"""The replayed training step against the eager one, on a GPU."""

import pytest
import torch
from accelerate import Accelerator
from training.test_step import (
    IMAGES,
    LABELS,
    MODELS,
    SETTINGS,
    SHAPE,
    gpu,
    losses,
    make,
    parts,
    taken,
)

from threetargets.data import binarise
from threetargets.errors import BudgetReached, Diverged
from threetargets.training import loop, step


def train(model, folder, device, **more):
    changes = {k: more.pop(k) for k in ("checkpoint_every", "log_every") if k in more}
    return loop.train(
        model,
        IMAGES,
        LABELS,
        SETTINGS.model_copy(update=changes),
        name="test",
        seed=3,
        identity="abc",
        folder=folder,
        validate=lambda average: 0.0,
        accelerator=Accelerator(cpu=device.type == "cpu"),
        **more,
    )


@gpu
@pytest.mark.parametrize("precision, tolerance", [(None, 1e-5), (torch.bfloat16, 1e-3)])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["eps", "x0 elbo"])
def test_twenty_losses_of_the_graph_are_the_eager_ones_on_a_gpu(
    name, compiled, precision, tolerance, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    many = torch.randint(0, 17, (512, *SHAPE), generator=torch.Generator().manual_seed(0))
    monkeypatch.setitem(globals(), "IMAGES", many.to(torch.uint8))
    monkeypatch.setitem(globals(), "LABELS", torch.arange(512) % 3)
    # Of many images, in which the roundings of bfloat16 average out.
    monkeypatch.setitem(globals(), "SETTINGS", SETTINGS.model_copy(update={"batch": 256}))
    device = torch.device("cuda")
    found = []
    for graph in (False, True):
        model = make(name, device=device)
        model.autocast = precision
        if compiled and graph:
            model.net.compile(dynamic=False)
        train(model, tmp_path / str(graph), device, graph=graph)
        found.append(losses(tmp_path / str(graph)))
    assert len(found[0]) == 20
    torch.testing.assert_close(found[1], found[0], rtol=tolerance, atol=0)


@gpu
@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_recorded_and_replayed_on_a_gpu(name, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    device = torch.device("cuda")
    one = parts(make(name, device=device), resample=binarise.draw, device=device)
    other = parts(make(name, device=device), resample=binarise.draw, device=device)
    expected = taken(step.Eager(one, one.model), range(20))
    take = step.Graphed(other)
    found = taken(take, range(20))
    assert take.graph is not None
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


@gpu
@pytest.mark.parametrize("compiled", [False, True])
def test_a_resumed_training_is_the_undisturbed_one_on_a_gpu(compiled, tmp_path, monkeypatch):
    """To the bit, losses and average, though one part replays what the other takes eagerly."""

    def run(folder):
        model = make("x0 elbo", device=torch.device("cuda"))
        model.autocast = torch.bfloat16
        if compiled:
            model.net.compile(dynamic=False)
        return train(model, tmp_path / folder, torch.device("cuda"))

    whole, calls, told = run("whole"), iter(range(20)), loop._any
    monkeypatch.setattr(loop, "_any", lambda *_, **__: next(calls) == 9)
    with pytest.raises(BudgetReached, match="after step 10/20"):
        run("parts")
    monkeypatch.setattr(loop, "_any", told)
    resumed = run("parts")
    assert torch.equal(losses(tmp_path / "parts"), losses(tmp_path / "whole"))
    assert all(torch.equal(v, resumed.weights[k]) for k, v in whole.weights.items())


@gpu
@pytest.mark.parametrize("log_every, checkpoint_every", [(4, 100), (100, 6)])
def test_a_divergence_stops_a_replayed_training_and_nothing_is_saved(
    log_every, checkpoint_every, tmp_path
):
    model = make("eps", device=torch.device("cuda"))
    with torch.no_grad():
        model.net.first.weight.fill_(torch.inf)
    rest = {"log_every": log_every, "checkpoint_every": checkpoint_every}
    with pytest.raises(Diverged, match=r"loss is nan|not finite"):
        train(model, tmp_path, torch.device("cuda"), **rest)
    assert not (tmp_path / "checkpoint.safetensors").exists()
