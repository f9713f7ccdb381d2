"""The loop: resumed is undisturbed, bit for bit; and what stops it."""

import os
import signal

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.diffusion.target import TARGETS
from threetargets.errors import BudgetReached
from threetargets.families.autoencoder.model import Vae
from threetargets.families.classifier.model import Classifier
from threetargets.families.diffusion.model import Ddpm
from threetargets.likelihood.decoders import DECODERS
from threetargets.networks import mlp
from threetargets.study.blocks import Training
from threetargets.tracking.journal import read
from threetargets.training import loop

PROCESS = table(SCHEDULES["cosine"](7.0, -7.0), 10)
IMAGES = torch.randint(0, 17, (30, 1, 2, 2), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)
LABELS = torch.arange(30) % 3


def settings(**changes):
    values = {
        "steps": 10,
        "batch": 8,
        "learning_rate": 0.01,
        "warmup_steps": 3,
        "ema_halflife_images": 40,
        "weight_decay": 0.01,
        "log_every": 1,
        "checkpoint_every": 5,
    }
    return Training(**{**values, **changes})


def ddpm(target="eps", weighting="eps-equivalent"):
    net = mlp.Denoiser((1, 2, 2), 3, 8, 1)
    return Ddpm(net, TARGETS[target], weighting, PROCESS, count=17, classes=3, label_dropout=0.2)


MODELS = {
    "ddpm": ddpm,
    "ddpm elbo": lambda: ddpm("x0", "elbo"),
    "hvae": lambda: Vae(
        (1, 2, 2), [3, 2], width=8, depth=1, decoder=DECODERS["categorical"], count=17
    ),
    "vae": lambda: Vae((1, 2, 2), [3], width=8, depth=1, decoder=DECODERS["logistic"], count=17),
    "guide": lambda: Classifier(mlp.Trunk((1, 2, 2), 8), 8, 3, 17, PROCESS),
    "judge": lambda: Classifier(mlp.Trunk((1, 2, 2), 8), 8, 3, 17, None),
}


def make(name, seed=0):
    torch.manual_seed(seed)
    return MODELS[name]()


class Interrupted(nn.Module):
    """The model, with something done at its n-th loss in training."""

    def __init__(self, model, at, act):
        super().__init__()
        self.model, self.at, self.act, self.calls = model, at, act, 0

    def forward(self, images, labels, generator, *share):
        loss = self.model(images, labels, generator, *share)
        self.calls += self.training
        return self.act(loss) if self.training and self.calls == self.at else loss


def tell_to_end(loss):
    os.kill(os.getpid(), signal.SIGTERM)
    return loss


class Crash(Exception):
    pass


def crash(loss):
    raise Crash


@pytest.fixture
def optimizers(monkeypatch):
    made = []

    class Kept(torch.optim.AdamW):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            made.append(self)

    monkeypatch.setattr(torch.optim, "AdamW", Kept)
    return made


def validate(model):
    assert not model.training
    with torch.no_grad():
        return float(model(IMAGES, LABELS, torch.Generator().manual_seed(9)))


def train(model, folder, identity="abc", seed=3, budget=float("inf"), keep=(), **changes):
    chosen = settings(**changes)
    return loop.train(
        model,
        IMAGES,
        LABELS,
        chosen,
        name="test",
        seed=seed,
        identity=identity,
        folder=folder,
        validate=validate,
        accelerator=Accelerator(cpu=True),
        budget=budget,
        keep=keep,
    )


def journal(folder):
    """What the journal says, less the clock."""
    keep = ("loss", "learning_rate", "validation_loss")
    return [
        (e["step"], e["images"], {k: v for k, v in e["metrics"].items() if k in keep})
        for e in read(folder / "journal.jsonl")
    ]


def plain(state):
    return {k.removeprefix("model."): v.clone() for k, v in state.items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(torch.as_tensor(one[name]), torch.as_tensor(other[name])), name


def moments(optimizer):
    return {
        f"{i}/{k}": v
        for i, entry in optimizer.state_dict()["state"].items()
        for k, v in entry.items()
    }


def compare(name, tmp_path, optimizers, interrupt, **changes):
    """Ten steps at once; and with an interruption, resumed by a model that began elsewhere."""
    straight = Interrupted(make(name), 0, None)
    whole = train(straight, tmp_path / "whole", **changes)
    with pytest.raises((BudgetReached, Crash)):
        train(Interrupted(make(name), *interrupt), tmp_path / "parts", **changes)
    again = Interrupted(make(name, seed=77), 0, None)
    resumed = train(again, tmp_path / "parts", **changes)
    assert 0 < again.calls < 10
    assert_same(plain(straight.state_dict()), plain(again.state_dict()))
    assert_same(whole.weights, resumed.weights)
    assert_same(moments(optimizers[0]), moments(optimizers[-1]))
    assert len(moments(optimizers[0])) > 0
    assert journal(tmp_path / "parts") == journal(tmp_path / "whole")
    assert resumed.images == whole.images == 80 and resumed.seconds > 0


@pytest.mark.parametrize("name", MODELS)
def test_ten_steps_are_five_and_a_resume_of_five(name, tmp_path, optimizers):
    """Parameters, average, Adam's moments and journal, bitwise, after a signal."""
    compare(name, tmp_path, optimizers, (5, tell_to_end))


@pytest.mark.parametrize("name", MODELS)
def test_a_crash_goes_back_to_the_last_checkpoint(name, tmp_path, optimizers):
    compare(name, tmp_path, optimizers, (8, crash))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("stop", [4, 5, 7])
def test_the_journal_is_the_same_where_the_stop_falls_between_two_entries(
    name, stop, tmp_path, optimizers
):
    """An entry is the mean loss since the last one, also of the steps before the interruption."""
    compare(name, tmp_path, optimizers, (stop, tell_to_end), log_every=3)


def test_a_budget_of_nothing_still_gets_there_one_step_at_a_time(tmp_path):
    whole = train(Interrupted(make("ddpm"), 0, None), tmp_path / "whole")
    for step in range(1, 10):
        with pytest.raises(BudgetReached, match=f"after step {step}/10"):
            train(Interrupted(make("ddpm", step - 1), 0, None), tmp_path / "parts", budget=0.0)
    last = train(Interrupted(make("ddpm"), 0, None), tmp_path / "parts", budget=0.0)
    assert_same(whole.weights, last.weights)
    assert BudgetReached.exit_code == 75


def test_another_seed_is_another_training(tmp_path):
    one, same, other = (
        train(make("ddpm"), tmp_path / str(k), seed=s) for k, s in enumerate((3, 3, 4))
    )
    assert_same(one.weights, same.weights)
    assert any(not torch.equal(one.weights[k], other.weights[k]) for k in one.weights)


def test_the_weights_that_come_back_are_the_average(tmp_path):
    model = make("ddpm")
    trained = train(model, tmp_path)
    assert any(not torch.equal(trained.weights[k], v) for k, v in model.state_dict().items())
    held = loop.averaged(model, type("Held", (), {"state": trained.weights})())
    assert journal(tmp_path)[-1][2]["validation_loss"] == validate(held)
    losses = [entry[2]["loss"] for entry in journal(tmp_path) if "loss" in entry[2]]
    assert len(losses) == 10 and sum(losses[-3:]) < sum(losses[:3])


def test_score_and_eps_are_the_same_function_from_the_same_seed(tmp_path):
    """eps-equivalent weighting, last layer starting at zero: the one learns minus what the other
    learns."""
    nets = {}
    for target in ("eps", "score"):
        torch.manual_seed(0)
        model = ddpm(target)
        train(model, tmp_path / target)
        nets[target] = model.eval()
    x = torch.randn(6, 1, 2, 2, generator=torch.Generator().manual_seed(1))
    for log_snr in PROCESS.log_snr[1:]:
        level, labels = log_snr.float().expand(6), torch.arange(6) % 4
        with torch.no_grad():
            eps, minus = (nets[t].net(x, level, labels) for t in ("eps", "score"))
        assert torch.equal(eps, -minus)
        assert float(eps.abs().max()) > 0.01
        guesses = [nets[t].conditional(x.double(), log_snr, labels) for t in ("eps", "score")]
        torch.testing.assert_close(guesses[0].eps, guesses[1].eps, rtol=1e-14, atol=0)
        torch.testing.assert_close(guesses[0].x0, guesses[1].x0, rtol=0, atol=1e-12)


def test_signals_are_as_they_were_before(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(BudgetReached, match=f"signal {int(signal.SIGTERM)}"):
        train(Interrupted(make("ddpm"), 2, tell_to_end), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_images_are_drawn_anew_at_every_step_and_a_resumed_run_draws_the_same(tmp_path):
    """The draw of step k is a function of (seed, k): what the model saw after a resume is what it
    would have seen."""
    seen = {}

    class Watching(nn.Module):
        def __init__(self, model, name):
            super().__init__()
            self.model, self.name = model, name

        def forward(self, images, labels, generator, *share):
            if self.training:
                seen.setdefault(self.name, []).append(images.clone())
            return self.model(images, labels, generator, *share)

    def run(name, folder, budget=float("inf")):
        model = Watching(make("ddpm"), name)

        def draw(grey, source):
            return (torch.rand(grey.shape, generator=source) * 17 < grey).to(torch.uint8)

        loop.train(
            model,
            IMAGES,
            LABELS,
            settings(),
            name="a",
            seed=0,
            identity="x",
            folder=folder,
            validate=lambda m: 0.0,
            accelerator=Accelerator(cpu=True),
            resample=draw,
            budget=budget,
        )

    run("whole", tmp_path / "whole")
    with pytest.raises(BudgetReached):
        run("parts", tmp_path / "parts", budget=0.0)
    run("parts", tmp_path / "parts")
    assert len(seen["whole"]) == len(seen["parts"]) == 10
    assert all(torch.equal(a, b) for a, b in zip(seen["whole"], seen["parts"], strict=True))
    assert all(image.max() == 1 for image in seen["whole"]) and not torch.equal(
        seen["whole"][0], seen["whole"][1]
    )
