"""The bound on the test split, part by part, in bits/dim with standard errors over the test images."""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from threetargets.data.store import Manifest, load_manifest, load_split
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.target import Prediction
from threetargets.diffusion.times import PROPOSALS, single_draw_std
from threetargets.files import write_json
from threetargets.grid import Run, run_dir
from threetargets.levels import bits_per_dim
from threetargets.likelihood.bound import Bound, diffusion_bound
from threetargets.likelihood.importance import log_mean_weights
from threetargets.models import load
from threetargets.models.ddpm import Ddpm
from threetargets.models.vae import Vae
from threetargets.records import Figure
from threetargets.stages.common import Clock, device_of, failure_of, mean_figure
from threetargets.stages.progress import Progress
from threetargets.streams import generator
from threetargets.study import Study

OVER_IMAGES = "test images"


def run(study: Study, run: Run, *, params: str, threads: int) -> None:
    """Write likelihood.json for a model of the grid."""
    manifest = load_manifest(study)
    clock = Clock("likelihood", study, run, params, manifest, threads)
    path = run_dir(study, run) / "likelihood.json"
    reason = failure_of(study, run)
    if reason:
        write_json(path, clock.failed(reason).json())
        return
    device = device_of(study)
    test = load_split(study, "test")
    model = load(study, manifest, run, device)
    if isinstance(model, Vae):
        figures = vae_figures(study, manifest, run, model, test.images.to(device))
    else:
        assert isinstance(model, Ddpm)
        figures, clock.record.curves = ddpm_figures(
            study, manifest, run, model, test.images.to(device), test.labels.to(device)
        )
    print(f"{run.cell} seed {run.seed}: " + ", ".join(f"{f.metric} {f.value:.4f}" for f in figures), file=sys.stderr)
    write_json(path, clock.done(figures).json())


def _figure(manifest: Manifest, metric: str, nats: Tensor) -> Figure:
    values = bits_per_dim(nats.double().cpu(), manifest.dims)
    assert isinstance(values, Tensor)
    return mean_figure(f"{metric}_bpd", values, OVER_IMAGES, reference="test")


def ddpm_figures(
    study: Study, manifest: Manifest, run: Run, model: Ddpm, images: Tensor, labels: Tensor
) -> tuple[list[Figure], dict[str, dict[str, list[float]]]]:
    """The bound without labels (comparable with vae and hvae) and its parts; and the bound given the label."""
    chosen, count, rows = study.likelihood, manifest.levels, _rows(len(images), study.likelihood.batch)

    progress = Progress(f"{run.cell} seed {run.seed}: bound", 2 * model.table.steps * chosen.draws * len(rows))

    def counted(predictor: Predictor) -> Predictor:
        def predict(x_t: Tensor, log_snr: Tensor) -> Prediction:
            progress.step()
            return predictor(x_t, log_snr)

        return predict

    def bound(y: Tensor) -> Bound:
        predictors = [(r, counted(conditional(model.conditional, y[r]))) for r in rows]
        return diffusion_bound(
            predictors, model.table, images, count, study.diffusion.variance, seed=run.seed, draws=chosen.draws
        )

    without, given = bound(torch.full_like(labels, model.null)), bound(labels)
    figures = [
        _figure(manifest, "bound", without.nats),
        _figure(manifest, "prior", without.prior),
        _figure(manifest, "denoising", without.denoising.sum(1)),
        _figure(manifest, "decoder", without.decoder),
        _figure(manifest, "bound_given_label", given.nats),
    ]
    terms = bits_per_dim(torch.cat([without.decoder[:, None], without.denoising], 1), manifest.dims)
    assert isinstance(terms, Tensor)
    figures += [
        Figure(f"draw_std_{name}_bpd", single_draw_std(terms, model.table, name), n=len(terms), reference="test")
        for name in PROPOSALS
    ]
    level = {
        "i": list(range(1, model.table.steps + 1)),
        "log_snr": model.table.log_snr[1:].tolist(),
        "bpd": terms.mean(0).tolist(),
        "stderr": (terms.std(0) / len(terms) ** 0.5).tolist(),
        "eps_mse": without.eps_mse.tolist(),
        "x0_mse": without.x0_mse.tolist(),
    }
    return figures, {"levels": level}


def _rows(count: int, batch: int) -> list[slice]:
    return [slice(start, min(start + batch, count)) for start in range(0, count, batch)]


@torch.no_grad()
def vae_figures(study: Study, manifest: Manifest, run: Run, model: Vae, images: Tensor) -> list[Figure]:
    """The negative ELBO and its parts, and the importance-weighted bounds, each a bound on -log p."""
    chosen, device = study.likelihood, images.device
    parts: dict[str, Tensor] = {}
    for draw in range(chosen.draws):
        source = generator(run.seed, "elbo", draw)
        noise = [torch.randn(len(images), z, generator=source).to(device) for z in model.latents]
        for name, value in model.elbo_terms(images, noise).items():
            parts[name] = parts.get(name, torch.zeros_like(value)) + value / chosen.draws
    figures = [_figure(manifest, "bound", torch.stack([v.double() for v in parts.values()]).sum(0))]
    figures += [_figure(manifest, name, value) for name, value in parts.items()]
    for k in chosen.iwae:
        bounds = []
        for index, rows in enumerate(_rows(len(images), chosen.batch)):
            part = images[rows]

            def weights(first: int, count: int, part: Tensor = part, index: int = index, k: int = k) -> Tensor:
                return model.log_weights(part, count, generator(run.seed, "iwae", k, index, first, device=device))

            bounds.append(-log_mean_weights(weights, k, chunk=50))
        figures.append(_figure(manifest, f"iwae_{k}", torch.cat(bounds)))
        print(f"{run.cell} seed {run.seed}: iwae k = {k} of {max(chosen.iwae)}", file=sys.stderr, flush=True)
    return figures
