"""The diffusion bound with a perfect denoiser: its excess over the entropy, and its two Monte Carlo
forms."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from threetargets.calibration.check_rows import Row, drawn, exact
from threetargets.calibration.densities import NARROW, PLANE, cosine, isotropic
from threetargets.calibration.quadrature import Array, abars, betas
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table, table_of_betas
from threetargets.levels import centres, nearest
from threetargets.likelihood import bound
from threetargets.likelihood.bound import FITTED, VARIANCES, prior_term
from threetargets.likelihood.denoised import denoise
from threetargets.likelihood.two_sided import two_sided_terms
from threetargets.streams import generator

DATA_VARIANCE = 0.25
EXACT = "optimal"
"""With a perfect denoiser of Gaussian data it is the variance of x_{i-1} given x_i: no excess but
that of x_T."""


def textbook_variances(steps: int) -> dict[str, Array]:
    """sigma_i^2, i = 1..T, from betas and their products alone. `optimal` is the variance of
    x_{i-1} given x_i."""
    beta, abar = betas(steps), abars(betas(steps))
    small = beta * (1 - abar[:-1]) / (1 - abar[1:])
    small[0] = small[1]
    spread = DATA_VARIANCE * abar + 1 - abar
    override = np.concatenate([small[:1], beta[1:]])
    known = spread[:-1] * beta / spread[1:]
    between = np.clip(known, np.minimum(small, beta), np.maximum(small, beta))
    textbook = {"fixed-small": small, "fixed-large": beta, "fixed-large-override": override}
    return {**textbook, "learned-interpolation": between, EXACT: known}


def known_excess(steps: int, sigma2: Array) -> float:
    """Bits: sum of KL(q(x_{i-1} | x_i) || p(x_{i-1} | x_i)), one mean and two variances, and
    KL(q(x_T) || N(0, 1)).

    Another road than the bound's own, which compares with q(x_{i-1} | x_0, x_i): the chain rule of
    KL for the joint.
    """
    ratio = textbook_variances(steps)[EXACT] / sigma2
    end = DATA_VARIANCE * abars(betas(steps))[-1] + 1 - abars(betas(steps))[-1]
    nats = 0.5 * (ratio - 1 - np.log(ratio)).sum() + 0.5 * (end - 1 - math.log(end))
    return float(nats) / math.log(2)


def missed_by(process: Table) -> Tensor:
    """Mean squared error of the perfect denoiser of N(0, 0.25) at i = 1..T."""
    zero = torch.zeros(1, 1, dtype=torch.float64)
    return torch.stack(
        [NARROW.posterior(zero, log_snr)[1][0, 0, 0] for log_snr in process.log_snr[1:]]
    )


def excess(process: Table, variance: str) -> float:
    """Bits by which the library's bound for N(0, 0.25) exceeds the entropy; the decoder is a
    density here."""
    missed = missed_by(process)
    sigma2 = bound.reverse_variance(process, torch.tensor([1]), variance, missed)[0]
    nats = bound.denoising_terms(missed[None, 1:], process, variance, 1, missed).sum()
    nats = nats + 0.5 * torch.log(2 * math.pi * sigma2) + missed[0] / (2 * sigma2)
    at_one_deviation = torch.full((1, 1), math.sqrt(DATA_VARIANCE), dtype=torch.float64)
    return float(nats + prior_term(at_one_deviation, process).sum() - NARROW.entropy()) / math.log(
        2
    )


def excess_rows() -> list[Row]:
    """Every reverse variance of the library on 1000 and 100 steps; the optimal one is exact here, a
    control."""
    rows = []
    for steps in (1000, 100):
        process, textbook = (
            table_of_betas(torch.from_numpy(betas(steps))),
            textbook_variances(steps),
        )
        for name in (*VARIANCES, *FITTED):
            measured = excess(process, name)
            what = f"bound less entropy, {name} variance, T = {steps}"
            if name in textbook:
                known = known_excess(steps, textbook[name])
                origin = "KL of the joint by the chain rule"
                rows.append(
                    exact(
                        what,
                        known,
                        measured,
                        1e-8,
                        "rounding in float64",
                        n=steps,
                        unit="bits/dim",
                        origin=origin,
                    )
                )
            else:
                rows.append(
                    exact(
                        what,
                        0.0,
                        measured,
                        1e-9,
                        "rounding",
                        n=steps,
                        unit="bits/dim",
                        relation="≥",
                    )
                )
    return rows


def two_forms() -> list[Row]:
    """The bound over q(x_i | x_0), over three neighbours, and the form that notes print for the
    second."""
    process, rows, n = cosine(12, 5.0, -7.0), [], 20_000
    wide = isotropic(0.0, 0.1)
    data: dict[str, tuple[Predictor, Tensor]] = {
        "Gaussian": (wide.predict, wide.draw(n, generator(0, "calibrate/forms", 0))),
        "mixture": (PLANE.predict, PLANE.draw(n, generator(0, "calibrate/forms", 1))[0]),
    }
    for name, (predictor, x0) in data.items():
        levels = nearest(x0, 256)
        seen = centres(levels, 256).double()
        for variance in ("fixed-small", "fixed-large"):
            usual = denoise([(slice(0, n), predictor)], process, levels, 256, seed=3).bound(
                variance
            )
            other = two_sided_terms(predictor, process, seen, variance, seed=4)
            one, two = usual.prior + usual.denoising.sum(1), other.last + other.ratios.sum(1)
            where = f"{name} data, {variance}"
            rows.append(
                drawn(
                    f"bound over three neighbours, {where}",
                    one.mean(),
                    two.mean(),
                    _error(two - one),
                    "examples, the difference of both forms",
                    n=n,
                    unit="nats",
                    origin="the bound over q(xᵢ | x₀)",
                )
            )
            rows.append(_more_variance(where, one, two))
            if variance == "fixed-large":
                gap = (other.divergences - other.ratios).sum(1)
                what = (
                    f"KL(q(xᵢ | xᵢ₋₁) ‖ p(xᵢ | xᵢ₊₁)) in place of the log ratio, {where}: "
                    "another number"
                )
                rows.append(
                    drawn(
                        what,
                        two.mean(),
                        two.mean() + gap.mean(),
                        _error(gap),
                        "examples",
                        n=n,
                        unit="nats",
                        origin="the log ratio",
                        relation="≠",
                    )
                )
    return rows


def _error(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values))


def _more_variance(where: str, one: Tensor, two: Tensor) -> Row:
    """Ratio of the variances of one draw, with its standard error from 50 batches."""
    ratios = torch.stack(
        [b.var() / a.var() for a, b in zip(one.chunk(50), two.chunk(50), strict=True)]
    )
    return drawn(
        f"variance of one draw over that of the usual form, {where}",
        1.0,
        two.var() / one.var(),
        _error(ratios),
        "50 batches of examples",
        n=len(one),
        origin="no more variance",
        relation=">",
    )
