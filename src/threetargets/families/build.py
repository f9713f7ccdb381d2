"""Every model of the study behind one protocol, built and loaded by the name of its cell.

Adding a family takes a builder here, its parameters in study.py, what changes its numbers in
grid.py, and how it is sampled and scored in stages/sample.py and stages/likelihood/.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.diffusion.target import TARGETS
from threetargets.errors import Diverged
from threetargets.families.autoencoder.model import Vae
from threetargets.families.classifier.model import Classifier
from threetargets.families.diffusion.model import Ddpm
from threetargets.files import need, read_json
from threetargets.likelihood.decoders import DECODERS
from threetargets.networks import mlp, unet
from threetargets.pipeline.cells import Run
from threetargets.pipeline.paths import run_dir
from threetargets.streams import key
from threetargets.study.schema import Study
from threetargets.weights import read_weights

if TYPE_CHECKING:
    from threetargets.data.store import Manifest


class Trainable(Protocol):
    """What the training loop knows of a model."""

    def loss(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, share: slice
    ) -> Tensor:
        """A scalar. images: levels, uint8 (B, C, H, W); labels (B,). All randomness comes from
        `generator`, drawn for the whole batch; the mean is over images[share], so that processes
        with a share each make one batch."""
        ...


def process(study: Study, steps: int | None = None) -> Table:
    """The forward process of the study with T = `steps`, or diffusion.steps."""
    chosen = study.diffusion.schedule
    schedule = SCHEDULES[chosen.name](chosen.log_snr_max, chosen.log_snr_min)
    return table(schedule, steps or study.diffusion.steps)


def refined(study: Study, steps: int) -> Table:
    """The same process cut into T = `steps` between the study's own first and last noisy level, so
    that the decoder and the prior stay what they are and the number of reverse steps alone
    changes."""
    chosen = study.diffusion.schedule
    t = torch.linspace(1.0 / study.diffusion.steps, 1.0, steps, dtype=torch.float64)
    levels = SCHEDULES[chosen.name](chosen.log_snr_max, chosen.log_snr_min).log_snr(t)
    return Table(torch.cat([torch.tensor([math.inf], dtype=torch.float64), levels]))


def _networks(study: Study) -> tuple[type[nn.Module], type[nn.Module]]:
    module = {"mlp": mlp, "unet": unet}[study.network.name]
    return module.Denoiser, module.Trunk


def _ddpm(study: Study, data: Manifest, run: Run) -> nn.Module:
    denoiser, _ = _networks(study)
    net = denoiser(data.shape, data.classes, study.network.width, study.network.depth)
    return Ddpm(
        net,
        TARGETS[run.target],
        run.weighting,
        process(study),
        count=data.levels,
        classes=data.classes,
        proposal=study.diffusion.time_sampling[run.weighting],
        variance=study.diffusion.variance,
        label_dropout=study.diffusion.label_dropout,
    )


def _vae(study: Study, data: Manifest, run: Run) -> nn.Module:
    chosen = study.autoencoder(run.cell)
    return Vae(
        data.shape,
        chosen.latents,
        width=chosen.width,
        depth=chosen.depth,
        decoder=DECODERS[chosen.decoder],
        count=data.levels,
        closed_form=chosen.kl == "closed-form",
        samples=chosen.samples,
        activation=chosen.activation,
    )


def _classifier(study: Study, data: Manifest, run: Run) -> nn.Module:
    _, trunk = _networks(study)
    width = study.classifiers.width
    return Classifier(
        trunk(data.shape, width),
        width,
        data.classes,
        data.levels,
        process(study) if run.model == "guide" else None,
    )


BUILDERS: dict[str, Callable[[Study, Manifest, Run], nn.Module]] = {
    "vae": _vae,
    "hvae": _vae,
    "ddpm": _ddpm,
    "guide": _classifier,
    "judge": _classifier,
}


def build(study: Study, data: Manifest, run: Run) -> nn.Module:
    """The untrained model of a run, its weights drawn from the stream (seed, "init")."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(run.seed, "init"))
        return BUILDERS[run.model](study, data, run)


def load(study: Study, data: Manifest, run: Run, device: torch.device | str = "cpu") -> nn.Module:
    """The trained model of a run, in evaluation mode. Raises MissingInput, DataError, or Diverged
    for a failed cell."""
    folder = run_dir(study, run)
    record = read_json(folder / "train.json")
    if record["status"] != "ok":
        raise Diverged(f"{folder}: training failed ({record['reason']})")
    model = build(study, data, run)
    read_weights(need(folder / "weights.safetensors"), model)
    return model.to(device).eval()


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())
