"""Gradient estimators on f(z) = |z|^2: their variances, exact by quadrature, and how the ratio
grows with dimension."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from threetargets.calibration.check_rows import Row, drawn
from threetargets.calibration.quadrature import normal_mean
from threetargets.likelihood.gradients import ESTIMATORS
from threetargets.streams import generator

BATCH, BATCHES = 4_000, 100


def square(z: Tensor) -> Tensor:
    return (z**2).sum(1)


def variances(name: str, dims: int) -> Tensor:
    """Variance of one coordinate's gradient in each of BATCHES batches, z ~ N(m, I), |m| = 2 along
    the diagonal."""
    mean = torch.full((dims,), 2.0 / math.sqrt(dims), dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)
    totals = []
    for batch in range(BATCHES):
        noise = generator(0, f"calibrate/gradients/{name}/{dims}", batch)
        eps = torch.randn(BATCH, dims, generator=noise, dtype=torch.float64)
        totals.append(ESTIMATORS[name](square, mean, one, eps)[:, 0].var())
    return torch.stack(totals)


def exact_variance(name: str, dims: int) -> float:
    """From moments of one coordinate by quadrature: f = z_1^2 + S, S the sum over the other
    coordinates."""
    m = 2.0 / math.sqrt(dims)
    if name == "reparameterised":
        return normal_mean(lambda e: (2 * (m + e)) ** 2) - (2 * m) ** 2
    first = normal_mean(lambda e: (m + e) ** 2)
    spread = normal_mean(lambda e: (m + e) ** 4) - first**2
    rest = (dims - 1) * first
    rest_second = (dims - 1) * spread + rest**2
    shift = 0.0 if name == "score-function" else dims * first
    own = normal_mean(lambda e: ((m + e) ** 2 - shift) ** 2 * e**2)
    cross = normal_mean(lambda e: ((m + e) ** 2 - shift) * e**2)
    of_baseline = 0.0 if name == "score-function" else dims * spread / (BATCH - 1)
    return own + 2 * cross * rest + rest_second + of_baseline - (2 * m) ** 2


def _relative(values: Tensor) -> float:
    return float(values.std() / values.mean()) / math.sqrt(len(values))


def ratios() -> list[Row]:
    """Variance over that of the reparameterised estimator; 21.75 in one dimension at mean 2."""
    rows: list[Row] = []
    first: tuple[float, float] | None = None
    for dims in (1, 2, 10, 50):
        path = variances("reparameterised", dims)
        if dims == 1:
            error = float(path.std()) / math.sqrt(BATCHES)
            expected = exact_variance("reparameterised", 1)
            rows.append(
                _row(
                    "variance of the reparameterised gradient, z ~ N(2, 1)",
                    expected,
                    path.mean(),
                    error,
                )
            )
        for name in ("score-function", "score-function-baseline"):
            other = variances(name, dims)
            ratio = float(other.mean() / path.mean())
            error = ratio * math.hypot(_relative(other), _relative(path))
            expected = exact_variance(name, dims) / exact_variance("reparameterised", dims)
            label = (
                f"variance ratio {name} : reparameterised, {dims} "
                f"dimension{'s' if dims > 1 else ''}"
            )
            rows.append(_row(label, expected, ratio, error))
            if name == "score-function" and dims == 1:
                first = ratio, error
            elif name == "score-function" and first is not None and dims == 50:
                both = math.hypot(error, first[1])
                rows.append(
                    _row("the ratio in 50 dimensions above that in one", first[0], ratio, both, ">")
                )
    return rows


def _row(
    label: str, expected: float, measured: Tensor | float, error: float, relation: str = "="
) -> Row:
    return drawn(
        label,
        expected,
        float(measured),
        error,
        f"{BATCHES} batches of {BATCH}",
        n=BATCH * BATCHES,
        origin="quadrature" if relation == "=" else "the ratio in one dimension",
        relation=relation,
    )
