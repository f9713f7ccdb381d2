"""The step that a GPU replays: the eager one's numbers, a function of (seed, step), and nothing in
it for which the host waits."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from threetargets.data import binarise
from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.diffusion.target import TARGETS
from threetargets.families.autoencoder.model import Vae
from threetargets.families.classifier.model import Classifier
from threetargets.families.diffusion import model as diffusion
from threetargets.families.diffusion.model import Ddpm
from threetargets.likelihood.decoders import DECODERS
from threetargets.networks import mlp, unet, vit
from threetargets.streams import generator
from threetargets.study.blocks import Training
from threetargets.tracking.journal import read
from threetargets.training import checkpoint, step
from threetargets.training.ema import Ema, decay

SHAPE = (1, 8, 8)
IMAGES = torch.randint(0, 17, (30, *SHAPE), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
LABELS = torch.arange(30) % 3
SETTINGS = Training(
    steps=20,
    batch=8,
    learning_rate=0.003,
    warmup_steps=3,
    ema_halflife_images=40,
    weight_decay=0.01,
    log_every=1,
    checkpoint_every=100,
)
CPU = torch.device("cpu")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")


def process():
    return table(SCHEDULES["cosine"](7.0, -7.0), 10)


def ddpm(target, weighting, proposal="uniform", net=unet.Denoiser):
    return Ddpm(
        net(SHAPE, 3, 8, 1),
        TARGETS[target],
        weighting,
        process(),
        count=17,
        classes=3,
        proposal=proposal,
        label_dropout=0.2,
    )


def vae(latents, **more):
    chosen = {"width": 8, "depth": 1, "decoder": DECODERS["logistic"], "count": 17}
    return Vae(SHAPE, latents, **chosen, **more)


MODELS = {
    "eps": lambda: ddpm("eps", "eps-equivalent"),
    "x0 elbo": lambda: ddpm("x0", "elbo", "log-snr-decoder"),
    "score elbo": lambda: ddpm("score", "elbo", "log-snr"),
    "v mlp": lambda: ddpm("v", "native", net=mlp.Denoiser),
    "eps vit": lambda: ddpm(
        "eps", "native", net=lambda *sizes: vit.Denoiser(*sizes[:2], 2, 8, 1, 2)
    ),
    "vae": lambda: vae([3]),
    "hvae": lambda: vae([3, 2]),
    "iwae": lambda: vae([3], closed_form=False, samples=3),
    "guide": lambda: Classifier(unet.Trunk(SHAPE, 8), 8, 3, 17, process()),
    "judge": lambda: Classifier(unet.Trunk(SHAPE, 8), 8, 3, 17, None),
}


def make(name, seed=0, device=CPU):
    """A model as a training on a GPU has it."""
    torch.manual_seed(seed)
    model = MODELS[name]()
    if isinstance(model, Ddpm):
        diffusion.static(model, device)
    elif isinstance(model, Classifier) and model.noisy is not None:
        model.noisy = Table(model.noisy.log_snr.to(device))
    return model.to(device)


def parts(model, seed=3, resample=None, device=CPU):
    model.train()
    optimizer = step.adamw(model, SETTINGS, device)
    images, labels = IMAGES.to(device), LABELS.to(device)
    return step.Parts(model, optimizer, Ema(model, 40), images, labels, SETTINGS, seed, resample)


def taken(take, steps):
    return torch.tensor([float(take(k)) for k in steps])


@pytest.mark.parametrize("name", MODELS)
def test_twenty_losses_are_the_eager_ones(name):
    one = parts(make(name), resample=binarise.draw)
    other = parts(make(name), resample=binarise.draw)
    expected = taken(step.Eager(one, one.model), range(20))
    torch.testing.assert_close(taken(step.Graphed(other), range(20)), expected, rtol=1e-5, atol=0)


def test_the_average_is_the_eager_one():
    model = make("eps")
    one, other = Ema(model, 40), Ema(model, 40)
    for seed, seen in enumerate((8, 16, 800, 8000)):
        model.load_state_dict(make("eps", seed=seed + 1).state_dict())
        one.update(8, seen)
        other.approach(torch.tensor(1 - decay(8, seen, 40)))
    for k, average in one.state.items():
        torch.testing.assert_close(other.state[k], average, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", MODELS)
def test_a_resumed_training_takes_the_same_steps(name, tmp_path, monkeypatch):
    """Losses, weights, average and moments to the bit, also where a window of rows is cut."""
    monkeypatch.setattr(step, "WINDOW", 4)
    whole, half = parts(make(name)), parts(make(name))
    losses = taken(step.Graphed(whole), range(10))
    first = taken(step.Graphed(half), range(6))
    saved, state = tmp_path / "checkpoint.safetensors", checkpoint.State("abc", 6, 0.0, 0.0, 0)
    checkpoint.save(saved, state, half.model, half.ema, half.optimizer)
    again = parts(make(name, seed=77))
    checkpoint.restore(saved, "abc", again.model, again.ema, again.optimizer)
    rest = taken(step.Graphed(again), range(6, 10))
    assert torch.equal(torch.cat([first, rest]), losses)
    for kept, found in zip(tensors(whole), tensors(again), strict=True):
        assert torch.equal(kept, found)


def tensors(parts):
    moments = [entry for _, entry in sorted(parts.optimizer.state_dict()["state"].items())]
    return [
        *parts.model.state_dict().values(),
        *parts.ema.state.values(),
        *[torch.as_tensor(entry[k]) for entry in moments for k in sorted(entry)],
    ]


def test_rows_and_noise_of_a_step_are_functions_of_seed_and_step():
    take = step.Graphed(parts(make("eps"), seed=5))
    for k in (0, 200, 63, 64, 7, 200):
        take.place(k)
        assert torch.equal(take.rows[k % step.WINDOW], step.batch_indices(5, k, 8, 30))
        for purpose, source in take.sources.items():
            drawn = torch.randn(4, generator=source)
            assert torch.equal(drawn, torch.randn(4, generator=generator(5, purpose, k)))


class FromTheHost(TorchDispatchMode):
    """Refuses what a recorded graph cannot do: copies from the host's memory, or into it."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        if function.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.copy_):
            ends = [t for t in [*arguments, result] if isinstance(t, torch.Tensor)]
            assert len({t.device.type for t in ends}) == 1, f"{function} between devices"
        return result


class OfTheDevice(torch.Generator):
    device = torch.device("cuda")


def optimizer(model, settings, device):
    """Its fused kernel has no form without values."""
    rate = {"lr": torch.zeros((), device=device)}
    return SimpleNamespace(param_groups=[rate], zero_grad=lambda **how: None, step=lambda: None)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_in_a_step_waits_for_the_host(name, monkeypatch):
    """On tensors that have no values, so that whatever asks for one fails: the whole step but
    backward and AdamW, which are torch's own."""
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: None)
    monkeypatch.setattr(Table, "__post_init__", lambda table: None)  # it asks, once
    monkeypatch.setattr(step, "adamw", optimizer)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *where, **how: self)
    monkeypatch.setattr(
        step.Graphed,
        "_generators",
        lambda self: {purpose: OfTheDevice() for purpose in ("train", "binarise")},
    )
    with FakeTensorMode(), torch.device("cuda"):
        monkeypatch.setitem(globals(), "IMAGES", torch.zeros(30, *SHAPE, dtype=torch.uint8))
        monkeypatch.setitem(globals(), "LABELS", torch.zeros(30, dtype=torch.int64))
        model = make(name, device=torch.device("cuda"))
        take = step.Graphed(parts(model, resample=binarise.draw, device=torch.device("cuda")))
        with FromTheHost():
            take.operations()
        assert take.loss.device.type == "cuda"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("level", [10, 3])
def test_the_static_loss_is_the_loss(target, level):
    """Value and gradient, of a batch with and without examples at level 1; also where an output is
    far off."""
    for scale in (1.0, 1e4):
        torch.manual_seed(0)
        one = ddpm(target, "elbo")
        torch.nn.init.normal_(one.net.last.weight, std=scale)
        other = copy.deepcopy(one)
        diffusion.static(other, CPU)
        i = torch.arange(30) % level + (1 if level == 10 else 3)
        eps = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(1))
        found = [m.example_loss(IMAGES, LABELS, i, eps) for m in (one, other)]
        torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)
        slopes = []
        for m, loss in zip((one, other), found, strict=True):
            loss.sum().backward()
            slopes.append(torch.cat([p.grad.flatten() for p in m.parameters()]))
        assert bool(torch.isfinite(slopes[1]).all())
        assert float((slopes[1] - slopes[0]).norm()) <= 1e-4 * float(slopes[0].norm())


def test_the_network_is_one_program_for_the_compiler_and_copies_have_their_own_weights():
    model = make("eps")
    model.autocast = torch.bfloat16

    def loss(model):
        return float(model(IMAGES, LABELS, generator(0, "train", 1)).detach())

    expected = loss(model)
    model.net.compile(fullgraph=True, dynamic=False, backend="aot_eager")
    assert loss(model) == pytest.approx(expected, rel=1e-4)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.05)
    assert abs(loss(other) - expected) > 1e-3 * expected
    assert loss(model) == pytest.approx(expected, rel=1e-4)


def test_moments_lie_in_memory_as_their_parameters_do(tmp_path):
    one = parts(make("eps"))
    taken(step.Graphed(one), range(2))
    saved = tmp_path / "checkpoint.safetensors"
    checkpoint.save(saved, checkpoint.State("a", 2, 0.0, 0.0, 0), one.model, one.ema, one.optimizer)
    checkpoint.restore(saved, "a", one.model, one.ema, one.optimizer)
    strides = set()
    for parameter, entry in one.optimizer.state.items():
        assert parameter.stride() == entry["exp_avg"].stride() == entry["exp_avg_sq"].stride()
        strides.add(parameter.is_contiguous())
    assert strides == {True, False}


def losses(folder):
    rows = [entry["metrics"] for entry in read(folder / "journal.jsonl")]
    return torch.tensor([row["loss"] for row in rows if "loss" in row])
