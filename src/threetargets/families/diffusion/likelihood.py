"""A diffusion model: its bound under every reverse variance, in two forms and at several lengths,
and its ODE."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from threetargets.data.read import Images, Manifest
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import Prediction
from threetargets.diffusion.times import PROPOSALS, single_draw_std
from threetargets.families.diffusion import curve, spec
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
    Denoised,
    decoder_term,
    denoise,
    denoising_terms,
    prior_term,
)
from threetargets.likelihood.fitted import fitted_errors
from threetargets.likelihood.learned import Headed, learned_bound
from threetargets.likelihood.ode import (
    decoded_log_prob,
    exact_trace,
    hutchinson,
    level_log_prob,
    rademacher,
)
from threetargets.likelihood.two_sided import two_sided_terms
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure
from threetargets.progress import Progress
from threetargets.streams import generator
from threetargets.study.schema import Study
from threetargets.units import unit

STEP_CHECK = 50
"""Images on which the ODE is solved again with half the steps."""


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

    def seen(levels: Tensor, y: Tensor, table: Table) -> Denoised:
        rows = batches(len(levels), study.likelihood.batch)
        named = [y if len(y) == 1 else y[r] for r in rows]
        predictors = [
            (r, _counted(conditional(model.conditional, one), progress))
            for r, one in zip(rows, named, strict=True)
        ]
        return denoise(
            predictors, table, levels, manifest.levels, seed=run.seed, draws=study.likelihood.draws
        )

    chosen_process = spec.process(study, run.cell)
    variance = chosen_process.bound_variance
    denoised = seen(fit, null, model.table)
    mse, fitted = denoised.x0_mse, fitted_errors(denoised)
    without, given = seen(images, null, model.table), seen(images, labels, model.table)
    own = chosen_process.learned_variance
    learned, learned_given = (
        (_learned(study, manifest, run, model, images, y, progress) if own else None)
        for y in (null, labels)
    )
    as_reported = variance == LEARNED[0]
    bound = learned if as_reported and learned else without.bound(variance, fitted)
    with_label = learned_given if as_reported and learned_given else given.bound(variance, fitted)
    figures = [
        likelihood_figure(manifest, "bound", bound.nats),
        likelihood_figure(manifest, "prior", bound.prior),
        likelihood_figure(manifest, "denoising", bound.denoising.sum(1)),
        likelihood_figure(manifest, "decoder", bound.decoder),
        likelihood_figure(manifest, "bound_given_label", with_label.nats),
    ]
    figures += [
        likelihood_figure(manifest, f"bound_{v}", without.bound(v, fitted).nats)
        for v in (*VARIANCES, *FITTED)
    ]
    if learned:
        figures.append(likelihood_figure(manifest, "bound_learned", learned.nats))
    drawn, by_level = _by_noise_level(manifest, model.table, without, bound)

    chosen, finest = study.likelihood.lengths, max(study.likelihood.lengths.steps, default=0)
    coarse = fine = without.of_first(chosen.images)
    if finest > model.table.steps:
        fine = seen(images[: chosen.images], null, refined(chosen_process, finest))
    for steps in chosen.steps:
        part = (coarse if steps <= model.table.steps else fine).respaced(steps)
        fixed, best = (
            _cut_anew(part, v, model.table, mse, fitted)
            for v in (chosen_process.variance, "optimal")
        )
        figures.append(likelihood_figure(manifest, f"bound_T{steps}", fixed))
        figures.append(likelihood_figure(manifest, f"bound_T{steps}_fitted", best))

    predictor = _counted(conditional(model.conditional, null), progress)
    figures += drawn + ode_figures(study, manifest, run, predictor, model, images, fitted)
    figures += form_figures(study, manifest, run, predictor, model, images)
    curves = {"noise_levels": by_level, "images": bound_by_image(manifest, bound.nats)}
    points, over = curve.over_training(
        study, manifest, run, test, fit, lambda predictor: _counted(predictor, progress)
    )
    return figures + points, curves | ({"training": over} if points else {})


def _learned(
    study: Study,
    manifest: Manifest,
    run: Run,
    model: Ddpm,
    levels: Tensor,
    labels: Tensor,
    progress: Progress,
) -> Bound:
    """The bound under the network's own variance."""

    def bound_to(rows: slice) -> Headed:
        y = labels if len(labels) == 1 else labels[rows]

        def predict(x_t: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor]:
            progress.step()
            return model.headed(x_t, log_snr, y)

        return predict

    chosen = study.likelihood
    parts = [(rows, bound_to(rows)) for rows in batches(len(levels), chosen.batch)]
    count, draws = manifest.levels, chosen.draws
    return learned_bound(parts, model.table, levels, count, seed=run.seed, draws=draws)


def _calls(study: Study, model: Ddpm, images: int, fit: int) -> int:
    """Network calls, for the progress line."""
    chosen, T = study.likelihood, model.table.steps

    def count(n: int) -> int:
        return len(batches(n, chosen.batch))

    finest = max((t for t in chosen.lengths.steps if t > T), default=0)
    passes = 4 if model.learned_variance else 2
    bounds = T * (passes * count(images) + count(fit)) + finest * count(chosen.lengths.images)
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


def _counted(predictor: Predictor, progress: Progress) -> Predictor:
    def predict(x_t: Tensor, log_snr: Tensor) -> Prediction:
        progress.step()
        return predictor(x_t, log_snr)

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


def ode_figures(
    study: Study,
    manifest: Manifest,
    run: Run,
    predictor: Predictor,
    model: Ddpm,
    images: Tensor,
    fitted: Tensor,
) -> list[Figure]:
    """-log P by the probability-flow ODE: of the uniformly dequantised image (ode), and of a draw
    of x_1 with the reported bound's own decoder behind it (ode_decoder); and what halving the
    solver's steps changes. fitted (T,): of that decoder.

    The same noise and probes for every model of a seed, so that they are compared in pairs.
    """
    chosen, levels = study.likelihood.ode, images[: study.likelihood.ode.images]
    table = model.table
    high, low = float(table.log_snr[1]), float(table.log_snr[-1])
    source = generator(run.seed, "ode")
    u = torch.rand(levels.shape, generator=source, dtype=torch.float64).to(levels.device)
    eps = torch.randn(levels.shape, generator=source, dtype=torch.float64).to(levels.device)
    probes = rademacher(max(1, chosen.probes), tuple(levels.shape), source).to(levels.device)

    def solve(rows: slice, steps: int) -> Tensor:
        trace = hutchinson(probes[:, rows]) if chosen.probes else exact_trace
        return -level_log_prob(
            predictor, levels[rows], u[rows], manifest.levels, high, low, steps, trace
        )

    def decoded(rows: slice) -> Tensor:
        trace = hutchinson(probes[:, rows]) if chosen.probes else exact_trace
        chosen_process = spec.process(study, run.cell)
        fixed = chosen_process.bound_variance in LEARNED  # its decoder has a width for each pixel
        variance = chosen_process.variance if fixed else chosen_process.bound_variance
        count = manifest.levels
        return -decoded_log_prob(
            predictor, levels[rows], eps[rows], table, variance, count, chosen.steps, trace, fitted
        )

    rows = batches(len(levels), study.likelihood.batch)
    nats = torch.cat([solve(r, chosen.steps) for r in rows])
    check = slice(0, min(STEP_CHECK, len(levels)))
    return [
        likelihood_figure(manifest, "ode", nats),
        likelihood_figure(manifest, "ode_decoder", torch.cat([decoded(r) for r in rows])),
        likelihood_figure(
            manifest,
            "ode_half_steps_difference",
            (solve(check, chosen.steps // 2) - nats[check]).abs(),
        ),
    ]


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
