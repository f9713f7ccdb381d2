"""The known densities and processes that the checks share."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.diffusion.schedule import SCHEDULES, Table, table
from threetargets.oracles import Gaussian, Hierarchy, Layer, Mixture


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def layer(weight: object, bias: object, std: object) -> Layer:
    return Layer(tensor(weight), tensor(bias), tensor(std))


def isotropic(mean: float, variance: float) -> Gaussian:
    """N(mean, variance) in one dimension."""
    return Gaussian(tensor([mean]), tensor([[variance]]))


NARROW = isotropic(0.0, 0.25)
"""N(0, 0.25)."""

CORRELATED = Gaussian(
    tensor([0.2, -0.4, 0.1]), tensor([[0.25, 0.15, -0.10], [0.15, 0.13, 0.02], [-0.10, 0.02, 0.56]])
)

HUMPS = Mixture(tensor([0.3, 0.7]), [isotropic(-0.6, 0.02), isotropic(0.4, 0.05)])
"""Two humps in one dimension: 0.3 N(-0.6, 0.02) + 0.7 N(0.4, 0.05)."""

TWINS = Mixture(tensor([0.5, 0.5]), [isotropic(-0.3, 0.16), isotropic(0.3, 0.16)])
"""Two humps that overlap: where guidance and tilting differ."""

PLANE = Mixture(
    tensor([0.3, 0.5, 0.2]),
    [
        Gaussian(tensor([-0.6, 0.1]), tensor([[0.05, 0.02], [0.02, 0.04]])),
        Gaussian(tensor([0.5, 0.4]), tensor([[0.03, -0.01], [-0.01, 0.06]])),
        Gaussian(tensor([0.1, -0.7]), tensor([[0.08, 0.0], [0.0, 0.02]])),
    ],
)
"""Three components in the plane."""

ONE_LEVEL = Hierarchy([layer([[0.9]], [0.1], [0.4])], [layer([[0.5]], [0.2], [0.6])])
"""p(x | z) = N(0.9 z + 0.1, 0.4^2), q(z | x) = N(0.5 x + 0.2, 0.6^2), which is not the
posterior."""

TWO_LEVELS = Hierarchy(
    [
        layer([[0.9, -0.3], [0.2, 0.6]], [0.1, 0.0], [0.5, 0.6]),
        layer([[0.7], [0.4]], [-0.2, 0.1], [0.8, 0.7]),
    ],
    [layer([[0.5, 0.1], [0.0, 0.5]], [0.0, 0.1], [0.5, 0.6]), layer([[0.4, 0.2]], [0.1], [0.9])],
)

LATENT = {"one layer": ONE_LEVEL, "two layers": TWO_LEVELS}
SEEN = {
    "one layer": tensor([[-1.0], [0.6], [1.4]]),
    "two layers": tensor([[-1.0, 0.3], [0.6, 0.0], [1.2, -0.8]]),
}
"""Three examples for each."""


def cosine(steps: int, log_snr_max: float = 9.0, log_snr_min: float = -9.0) -> Table:
    return table(SCHEDULES["cosine"](log_snr_max, log_snr_min), steps)
