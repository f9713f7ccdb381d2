"""A VAE or HVAE: the negative ELBO and its parts, on test and on training images;
importance-weighted bounds; how many latents it uses, and how noisy its gradients are."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from threetargets.data.read import Images, Manifest
from threetargets.families.autoencoder.model import Vae
from threetargets.families.measured import (
    OVER_IMAGES,
    batches,
    bound_by_image,
    held_against_a_guess,
    in_unit,
    likelihood_figure,
    mean_figure,
)
from threetargets.families.protocol import Curves
from threetargets.likelihood.gradients import ESTIMATORS
from threetargets.likelihood.importance import log_mean_weights
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.schema import Study

BLOCK, CHUNK = 100, 50
"""Images and importance samples at a time. Each block has a stream of its own: `likelihood.batch`
changes no figure."""

ACTIVE = 0.01
"""A latent is active where the variance over images of its posterior mean is larger (Burda et al.
2016, section 5)."""


def measure(
    study: Study, manifest: Manifest, run: Run, model: nn.Module, test: Images, train: Tensor
) -> tuple[list[Figure], Curves]:
    """The negative ELBO and its parts, the same bound on as many images of the training split, and
    the importance-weighted bounds, each a bound on -log p.

    With `likelihood.iwae_images` = n below the number N of test images, the latter are of the first
    n; `nll` is then the estimate of -log p for all N: the bound on N images, less its gap to the
    tightest one on the first n.
    """
    model = cast(Vae, model)
    images, train = test.images, train[: len(test)]
    some = images[: study.likelihood.iwae_images or len(images)]
    with torch.no_grad():
        parts = _elbo(study, run, model, images, "elbo")
        bound = torch.stack(list(parts.values())).sum(0)
        figures = [likelihood_figure(manifest, "bound", bound)]
        figures += [likelihood_figure(manifest, name, value) for name, value in parts.items()]
        seen = torch.stack(list(_elbo(study, run, model, train, "elbo/train").values())).sum(0)
        figures.append(likelihood_figure(manifest, "train_bound", seen, reference="train"))
        figures.append(_active(model, images, study.likelihood.batch))
        for k in study.likelihood.iwae:
            tight = -_iwae(study, run, model, some, k)
            figures.append(likelihood_figure(manifest, f"iwae_{k}", tight))
            progress = f"{run.cell} seed {run.seed}: iwae k = {k} of {max(study.likelihood.iwae)}"
            print(progress, file=sys.stderr, flush=True)
            if k == max(study.likelihood.iwae) and len(some) < len(images):
                figures.append(_nll(manifest, bound, tight.double().cpu(), k))
    by_image = {"images": bound_by_image(manifest, bound)}
    return figures + gradient_figures(study, run, model, images), by_image


def _nll(manifest: Manifest, bound: Tensor, tight: Tensor, k: int) -> Figure:
    """mean_N b - mean_n g with b the bound and g its gap b - L_k: a difference estimator, for the
    gap varies far less over images than the bound does, so few images tell it.

    The n images are among the N, hence Var = Var(b)/N + Var(g)/n - 2 Cov(b, g)/N, the covariance as
    on the n.
    """
    whole, some = in_unit(manifest, bound), in_unit(manifest, bound[: len(tight)])
    gap = some - in_unit(manifest, tight)
    shared = float(torch.cov(torch.stack([some, gap]))[0, 1])
    variance = (
        float(whole.var()) / len(whole) + float(gap.var()) / len(gap) - 2 * shared / len(whole)
    )
    figure = likelihood_figure(manifest, "nll", bound)
    if figure.value is None:
        return figure
    spread = (
        f"test images: the bound on {len(whole)}, less its gap to IWAE {k} on the first {len(gap)}"
    )
    estimate = replace(
        figure,
        value=float(whole.mean() - gap.mean()),
        stderr=math.sqrt(max(variance, 0.0)),
        spread=spread,
    )
    nats = float(bound.mean() - (bound[: len(tight)] - tight).mean())
    return held_against_a_guess(manifest, estimate, nats)


def _active(model: Vae, images: Tensor, batch: int) -> Figure:
    """How many latents of the first layer vary with the image: Var over images of E_q[z_1 | x]
    above ACTIVE."""
    means = torch.cat(
        [model.encode(images[rows])[0].double().cpu() for rows in batches(len(images), batch)]
    )
    return Figure(
        "active_units", float((means.var(0) > ACTIVE).sum()), n=len(images), reference="test"
    )


def _elbo(study: Study, run: Run, model: Vae, images: Tensor, purpose: str) -> dict[str, Tensor]:
    """The parts of the negative ELBO of each image, nats (N,), averaged over the draws."""
    draws, parts = study.likelihood.draws, dict[str, Tensor]()
    for draw in range(draws):
        source = generator(run.seed, purpose, draw)
        noise = [
            torch.randn(len(images), z, generator=source).to(images.device) for z in model.latents
        ]
        for rows in batches(len(images), study.likelihood.batch):
            for name, value in model.elbo_terms(images[rows], [eps[rows] for eps in noise]).items():
                sums = parts.setdefault(name, torch.zeros(len(images), dtype=torch.float64))
                sums[rows] += value.double().cpu() / draws
    return parts


def _iwae(study: Study, run: Run, model: Vae, images: Tensor, k: int) -> Tensor:
    bounds = []
    for index, rows in enumerate(batches(len(images), BLOCK)):
        part = images[rows]

        def weights(first: int, count: int, part: Tensor = part, index: int = index) -> Tensor:
            return model.log_weights(
                part, count, generator(run.seed, "iwae", k, index, first, device=images.device)
            )

        bounds.append(log_mean_weights(weights, k, chunk=CHUNK))
    return torch.cat(bounds)


def gradient_figures(study: Study, run: Run, model: Vae, images: Tensor) -> list[Figure]:
    """Variance (trace of the covariance of one draw) of estimators of d/d mean E_q log p(x | z),
    over the reparameterised one's: the geometric mean over images, at the trained weights. One
    layer of latents only."""
    if len(model.latents) > 1:
        return []
    chosen, ratios = study.likelihood.gradients, dict[str, list[float]]()
    for index, image in enumerate(images[: chosen.images, None]):
        with torch.no_grad():
            zero = torch.zeros(1, model.latents[0], device=images.device)
            _, mean, log_std = model.posterior(image, [zero])[0]
        eps = torch.randn(
            chosen.draws, model.latents[0], generator=generator(run.seed, "gradients", index)
        ).to(zero)
        repeated = image.expand(chosen.draws, *image.shape[1:])

        def reconstruction(z: Tensor, repeated: Tensor = repeated) -> Tensor:
            return model.log_decoder(repeated, z)

        std = torch.exp(log_std)
        with torch.no_grad():
            variances = {
                name: float(estimator(reconstruction, mean, std, eps).double().var(0).sum())
                for name, estimator in ESTIMATORS.items()
            }
        for name in ESTIMATORS:
            if name != "reparameterised":
                ratios.setdefault(name, []).append(
                    math.log(variances[name] / variances["reparameterised"])
                )
    figures = []
    for name, logs in ratios.items():
        figure = mean_figure("", torch.tensor(logs, dtype=torch.float64), OVER_IMAGES["test"])
        assert figure.value is not None and figure.stderr is not None
        ratio = math.exp(figure.value)
        figures.append(
            Figure(
                f"gradient_variance_ratio_{name}",
                ratio,
                ratio * figure.stderr,
                figure.n,
                OVER_IMAGES["test"],
                "test",
            )
        )
    return figures
