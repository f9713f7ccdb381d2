"""A diffusion model: its bound under every reverse variance, in two forms and at several lengths,
and its ODE."""

from __future__ import annotations

import functools
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.data.read import Images, Manifest, load_split
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import Prediction
from threetargets.diffusion.times import PROPOSALS, single_draw_std
from threetargets.families.diffusion import curve, spec
from threetargets.families.diffusion.by_ode import ode_figures
from threetargets.families.diffusion.model import Ddpm
from threetargets.families.diffusion.process import refined
from threetargets.families.measured import (
    OVER_IMAGES,
    batches,
    bound_by_image,
    in_unit,
    likelihood_figure,
    mean_figure,
)
from threetargets.families.protocol import Curves
from threetargets.levels import centres
from threetargets.likelihood.bound import (
    FITTED,
    LEARNED,
    VARIANCES,
    Bound,
    decoder_term,
    denoising_terms,
    prior_term,
)
from threetargets.likelihood.denoised import Denoised, Denoiser, Headed, denoise
from threetargets.likelihood.fitted import fitted_errors
from threetargets.likelihood.two_sided import two_sided_terms
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure
from threetargets.progress import Progress
from threetargets.study.schema import Study
from threetargets.units import unit


def measure(
    study: Study, manifest: Manifest, run: Run, model: nn.Module, test: Images, train: Tensor
) -> tuple[list[Figure], Curves]:
    """The bound without labels (comparable with models that know none) under the reverse variance
    `bound_variance`, its parts and its kin; and the bound given the label. Reverse variances are
    fitted to the first images of `train`, without labels."""
    model = cast(Ddpm, model)
    images, labels, fit = test.images, test.labels, train[: study.likelihood.fit_images]
    progress = Progress(
        f"{run.cell} seed {run.seed}: likelihood",
        _calls(study, model, len(images), len(fit)) + curve.calls(study, run),
    )
    null = torch.full_like(labels[:1], model.null)

    def seen(levels: Tensor, y: Tensor, table: Table, own: bool = False) -> Denoised:
        rows = batches(len(levels), study.likelihood.batch)
        named = [y if len(y) == 1 else y[r] for r in rows]
        predict = _headed if own else _plain
        predictors = [
            (r, predict(model, one, progress)) for r, one in zip(rows, named, strict=True)
        ]
        return denoise(
            predictors, table, levels, manifest.levels, seed=run.seed, draws=study.likelihood.draws
        )

    chosen_process = spec.process(study, run.cell)
    variance = chosen_process.bound_variance
    denoised = seen(fit, null, model.table)
    mse, fitted = denoised.x0_mse, fitted_errors(denoised)
    own = chosen_process.learned_variance
    without, given = (seen(images, y, model.table, own) for y in (null, labels))
    bound, with_label = (one.bound(variance, fitted) for one in (without, given))
    figures = [
        likelihood_figure(manifest, "bound", bound.nats),
        likelihood_figure(manifest, "prior", bound.prior),
        likelihood_figure(manifest, "denoising", bound.denoising.sum(1)),
        likelihood_figure(manifest, "decoder", bound.decoder),
        likelihood_figure(manifest, "bound_given_label", with_label.nats),
    ]
    figures += [
        likelihood_figure(manifest, f"bound_{v}", without.bound(v, fitted).nats)
        for v in (*VARIANCES, *FITTED, *(LEARNED if own else ()))
    ]
    if study.likelihood.validation:
        held = load_split(study, "validation").first(study.likelihood.validation)
        nats = (
            seen(held.images.to(images.device), null, model.table, own).bound(variance, fitted).nats
        )
        figures.append(likelihood_figure(manifest, "validation_bound", nats, "validation"))
    drawn, by_level = _by_noise_level(manifest, model.table, without, bound)

    lengths = study.likelihood.lengths

    @functools.cache
    def finest() -> Denoised:
        """Of the longest process that is asked for: others longer than T are some of its steps."""
        few = images[: lengths.images]
        return seen(few, null, refined(chosen_process, max(lengths.steps)))

    for steps in lengths.steps:
        whole = finest() if steps > model.table.steps else without.of_first(lengths.images)
        part = whole.respaced(steps)
        fixed, best = (
            _cut_anew(part, v, model.table, mse, fitted)
            for v in (chosen_process.variance, "optimal")
        )
        figures.append(likelihood_figure(manifest, f"bound_T{steps}", fixed))
        figures.append(likelihood_figure(manifest, f"bound_T{steps}_fitted", best))

    predictor = _plain(model, null, progress)
    figures += drawn + ode_figures(study, manifest, run, predictor, model, images, fitted)
    figures += form_figures(study, manifest, run, predictor, model, images)
    curves = {"noise_levels": by_level, "images": bound_by_image(manifest, bound.nats)}
    made = functools.partial(_plain, progress=progress)
    points, over = curve.over_training(study, manifest, run, test, fit, made)
    return figures + points, curves | ({"training": over} if points else {})


def _calls(study: Study, model: Ddpm, images: int, fit: int) -> int:
    """Network calls, for the progress line."""
    chosen, T = study.likelihood, model.table.steps

    def count(n: int) -> int:
        return len(batches(n, chosen.batch))

    bounds = T * (2 * count(images) + count(fit) + count(chosen.validation or 0))
    if longer := [t for t in chosen.lengths.steps if t > T]:
        bounds += max(longer) * count(chosen.lengths.images)
    ode = (2 * 4 * chosen.ode.steps + 1) * count(chosen.ode.images) + 2 * chosen.ode.steps
    return chosen.draws * bounds + ode + T - 1


def _between(table: Table, mse: Tensor, other: Table) -> Tensor:
    """mse (T,), known at the noise levels of `table`, at those of another within the same ends: its
    logarithm interpolated in log-SNR, exact where both have a noise level."""
    known = mse.clamp(min=torch.finfo(mse.dtype).tiny).log()
    # From the noisy end, as numpy wants it.
    at, known_at = other.log_snr[1:].flip(0), table.log_snr[1:].flip(0)
    return torch.from_numpy(np.interp(at, known_at, known.flip(0))).exp().flip(0)


def _cut_anew(seen: Denoised, variance: str, whole: Table, mse: Tensor, fitted: Tensor) -> Tensor:
    """The bound (N,) over the noise levels of `seen`, its decoder as in the process `whole`, whose
    first noise level it shares: of the other table fixed-large and fixed-small would make another.
    mse, fitted (T,): of the process `whole`."""
    terms = seen.bound(variance, _between(whole, mse, seen.table))
    decoders = [
        decoder_term(seen.levels, x0, whole, variance, seen.count, fitted) for x0 in seen.first
    ]
    return terms.prior + terms.denoising.sum(1) + torch.stack(decoders).mean(0)


def _plain(model: Ddpm, labels: Tensor, progress: Progress) -> Predictor:
    predictor = conditional(model.conditional, labels)

    def predict(x_t: Tensor, log_snr: Tensor) -> Prediction:
        progress.step()
        return predictor(x_t, log_snr)

    return predict


def _headed(model: Ddpm, labels: Tensor, progress: Progress) -> Denoiser:
    """With the head of the variance, from the same call."""

    def predict(x_t: Tensor, log_snr: Tensor) -> Headed:
        progress.step()
        return Headed(*model.headed(x_t, log_snr, labels))

    return predict


def _by_noise_level(
    manifest: Manifest, table: Table, seen: Denoised, bound: Bound
) -> tuple[list[Figure], dict[str, list[float]]]:
    """The standard deviation of one draw of a noise level under each proposal; and the bound, noise
    level by noise level."""
    terms = in_unit(manifest, torch.cat([bound.decoder[:, None], bound.denoising], 1))
    suffix = unit(manifest.levels).suffix
    figures = [
        Figure(
            f"draw_std_{name}_{suffix}",
            single_draw_std(terms, table, name),
            n=len(terms),
            reference="test",
            quantity=f"draw_std_{name}",
        )
        for name in PROPOSALS
    ]
    return figures, {
        "i": list(range(1, table.steps + 1)),
        "log_snr": table.log_snr[1:].tolist(),
        "term": terms.mean(0).tolist(),
        "stderr": (terms.std(0) / len(terms) ** 0.5).tolist(),
        "eps_mse": seen.eps_mse.tolist(),
        "x0_mse": seen.x0_mse.tolist(),
    }


def form_figures(
    study: Study, manifest: Manifest, run: Run, predictor: Predictor, model: Ddpm, images: Tensor
) -> list[Figure]:
    """The bound through x_i given x_0, and through x_{i-1}, x_i, x_{i+1}, from the same network
    calls: their difference, and their variances over draws at fixed images, both under the fixed
    `variance`. L_0, which both share, is left out of both."""
    chosen, table, variance = study.likelihood.forms, model.table, model.variance
    levels = images[: chosen.images].repeat_interleave(chosen.draws, 0)

    def per_image(nats: Tensor) -> Tensor:
        return nats.double().cpu().view(-1, chosen.draws)

    x0 = centres(levels, manifest.levels).double()
    other = two_sided_terms(predictor, table, x0, variance, seed=run.seed)
    usual = denoising_terms(other.squared, table, variance, manifest.dims)
    one = per_image(prior_term(x0, table) + usual.sum(1))
    two = per_image(other.last + other.ratios.sum(1))
    printed = per_image(other.last + other.divergences.sum(1))
    return [
        likelihood_figure(manifest, "two_sided_difference", (two - one).mean(1)),
        likelihood_figure(manifest, "two_sided_printed_difference", (printed - one).mean(1)),
        mean_figure("one_sided_draw_variance", one.var(1), OVER_IMAGES["test"], reference="test"),
        mean_figure("two_sided_draw_variance", two.var(1), OVER_IMAGES["test"], reference="test"),
    ]
