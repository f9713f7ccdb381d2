"""Samplers: the order in which their error falls with the number of steps, where the exact answer
is known."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.stats import norm
from torch import Tensor

from threetargets.calibration.check_rows import Row, exact
from threetargets.calibration.densities import CORRELATED, HUMPS, cosine, tensor
from threetargets.calibration.quadrature import slope
from threetargets.diffusion.sampler import SAMPLERS, Step, ddim, heun, sample
from threetargets.diffusion.schedule import Table
from threetargets.oracles import Gaussian

ORDERS = {"ancestral": 1, "ddim": 1, "heun": 2}
"""Of the covariance, for each sampler as it is made by default. One without an entry is not
checked."""
STEPS = (128, 256, 512)


def fine(steps: int) -> Table:
    """Hardly any noise at the first step, so that the step from it to clean data is no floor of
    the error."""
    return cosine(steps, 24.0, -9.0)


def covariance(step: Step, process: Table, data: Gaussian = CORRELATED) -> Tensor:
    """Of x_0, exactly, (D, D): the predictor of a Gaussian is affine, so each unit of noise is sent
    through on its own."""
    dims = len(data.mean)
    spread = torch.linalg.cholesky(
        process.a[-1] ** 2 * data.covariance
        + process.s[-1] ** 2 * torch.eye(dims, dtype=torch.float64)
    )
    units = dims * (process.steps + 1)
    x = torch.cat(
        [torch.zeros(1, dims, dtype=torch.float64), spread.T, torch.zeros(units - dims, dims)]
    ).double()
    drawn = 0

    def noise() -> Tensor:
        nonlocal drawn
        drawn += 1
        z = torch.zeros(1 + units, dims, dtype=torch.float64)
        z[1 + dims * drawn : 1 + dims * (drawn + 1)] = torch.eye(dims, dtype=torch.float64)
        return z

    out = sample(data.predict, step, process, x, noise)
    response = out[1:] - out[0]
    return response.T @ response


def quantile_kept(x_t: float, abar: float) -> float:
    """Where the probability flow takes x_T in one dimension: F_0(x_0) = F_T(x_T)."""

    def cdf(x: float, share: float) -> float:
        parts = ((0.3, -0.6, 0.02), (0.7, 0.4, 0.05))
        return float(
            sum(
                w * norm.cdf(x, np.sqrt(share) * m, np.sqrt(share * v + 1 - share))
                for w, m, v in parts
            )
        )

    wanted = cdf(x_t, abar)
    return float(brentq(lambda x: cdf(x, 1.0) - wanted, -5, 5, xtol=1e-13))


def orders() -> list[Row]:
    """Least-squares slopes of log error over log steps."""
    rows = []
    for name, sampler in SAMPLERS.items():
        order = ORDERS[name]
        errors = {
            n: float((covariance(sampler(), fine(n)) - CORRELATED.covariance).abs().max())
            for n in STEPS
        }
        what = f"order of the error of the covariance, {name}, correlated Gaussian"
        rows.append(
            exact(
                what,
                order,
                slope(errors),
                0.15,
                f"slope over {_listed(STEPS)} steps",
                n=3,
                origin="theory",
            )
        )
    start = tensor([-1.5, -0.6, 0.0, 0.8, 1.7])
    for name, step, order in (("ddim", ddim(0.0), 1), ("heun", heun(), 2)):
        errors = {}
        for n in (100, 200, 400, 800):
            process = fine(n)
            known = tensor([quantile_kept(x, float(process.a[-1] ** 2)) for x in start.tolist()])
            ends = sample(HUMPS.predict, step, process, start[:, None], lambda: torch.zeros(5, 1))
            errors[n] = float((ends[:, 0] - known).abs().max())
        what = f"order of the error of the flow, {name}, mixture"
        rows.append(
            exact(
                what, order, slope(errors), 0.2, "slope over 100 to 800 steps", n=4, origin="theory"
            )
        )
        what = f"largest error of the flow at 800 steps, {name}, mixture"
        most = 5e-3 if order == 1 else 1e-4
        rows.append(
            exact(
                what, 0.0, errors[800], most, "error of the steps", n=5, origin="quantiles, brentq"
            )
        )
    return rows


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(str(v) for v in values)
