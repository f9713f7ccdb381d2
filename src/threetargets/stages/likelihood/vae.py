"""A VAE or HVAE: the negative ELBO and its parts, importance-weighted bounds, and how noisy its gradients are."""

from __future__ import annotations

import math
import sys

import torch
from torch import Tensor

from threetargets.data.store import Manifest
from threetargets.grid import Run
from threetargets.likelihood.gradients import ESTIMATORS
from threetargets.likelihood.importance import log_mean_weights
from threetargets.models.vae import Vae
from threetargets.records import Figure
from threetargets.stages.common import mean_figure
from threetargets.stages.likelihood.rows import OVER_IMAGES, batches, bpd_figure
from threetargets.streams import generator
from threetargets.study import Study

BLOCK, CHUNK = 100, 50
"""Images and importance samples at a time. Each block has a stream of its own: `likelihood.batch` changes no figure."""


def vae_figures(study: Study, manifest: Manifest, run: Run, model: Vae, images: Tensor) -> list[Figure]:
    """The negative ELBO and its parts, and the importance-weighted bounds, each a bound on -log p."""
    with torch.no_grad():
        figures = _elbo(study, manifest, run, model, images)
        for k in study.likelihood.iwae:
            figures.append(bpd_figure(manifest, f"iwae_{k}", -_iwae(study, run, model, images, k)))
            said = f"{run.cell} seed {run.seed}: iwae k = {k} of {max(study.likelihood.iwae)}"
            print(said, file=sys.stderr, flush=True)
    return figures + gradient_figures(study, run, model, images)


def _elbo(study: Study, manifest: Manifest, run: Run, model: Vae, images: Tensor) -> list[Figure]:
    draws, parts = study.likelihood.draws, dict[str, Tensor]()
    for draw in range(draws):
        source = generator(run.seed, "elbo", draw)
        noise = [torch.randn(len(images), z, generator=source).to(images.device) for z in model.latents]
        for rows in batches(len(images), study.likelihood.batch):
            for name, value in model.elbo_terms(images[rows], [eps[rows] for eps in noise]).items():
                sums = parts.setdefault(name, torch.zeros(len(images), dtype=torch.float64))
                sums[rows] += value.double().cpu() / draws
    figures = [bpd_figure(manifest, "bound", torch.stack(list(parts.values())).sum(0))]
    return figures + [bpd_figure(manifest, name, value) for name, value in parts.items()]


def _iwae(study: Study, run: Run, model: Vae, images: Tensor, k: int) -> Tensor:
    bounds = []
    for index, rows in enumerate(batches(len(images), BLOCK)):
        part = images[rows]

        def weights(first: int, count: int, part: Tensor = part, index: int = index) -> Tensor:
            return model.log_weights(part, count, generator(run.seed, "iwae", k, index, first, device=images.device))

        bounds.append(log_mean_weights(weights, k, chunk=CHUNK))
    return torch.cat(bounds)


def gradient_figures(study: Study, run: Run, model: Vae, images: Tensor) -> list[Figure]:
    """Variance (trace of the covariance of one draw) of estimators of d/d mean E_q log p(x | z), over the
    reparameterised one's: the geometric mean over images, at the trained weights. One level of latents only."""
    if len(model.latents) > 1:
        return []
    chosen, ratios = study.likelihood.gradients, dict[str, list[float]]()
    for index, image in enumerate(images[: chosen.images, None]):
        with torch.no_grad():
            zero = torch.zeros(1, model.latents[0], device=images.device)
            _, mean, log_std = model.posterior(image, [zero])[0]
        eps = torch.randn(chosen.draws, model.latents[0], generator=generator(run.seed, "gradients", index)).to(zero)
        repeated = image.expand(chosen.draws, *image.shape[1:])

        def reconstruction(z: Tensor, repeated: Tensor = repeated) -> Tensor:
            return model.log_decoder(repeated, z)

        std = torch.exp(log_std)
        with torch.no_grad():
            found = {
                name: float(estimator(reconstruction, mean, std, eps).double().var(0).sum())
                for name, estimator in ESTIMATORS.items()
            }
        for name in ESTIMATORS:
            if name != "reparameterised":
                ratios.setdefault(name, []).append(math.log(found[name] / found["reparameterised"]))
    figures = []
    for name, logs in ratios.items():
        figure = mean_figure("", torch.tensor(logs, dtype=torch.float64), OVER_IMAGES)
        assert figure.value is not None and figure.stderr is not None
        ratio = math.exp(figure.value)
        figures.append(
            Figure(f"gradient_variance_ratio_{name}", ratio, ratio * figure.stderr, figure.n, OVER_IMAGES, "test")
        )
    return figures
