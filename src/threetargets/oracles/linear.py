"""Linear-Gaussian latent variable models: log p, the ELBO and the gap between them are closed
forms.

p(z_L) = N(0, I), p(z_{l-1} | z_l) and p(x | z_1) linear-Gaussian; q(z_1 | x) and q(z_l | z_{l-1})
likewise, and not necessarily the true posterior. One layer is a VAE (probabilistic PCA, Tipping &
Bishop 1999), more a Markovian HVAE.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence


class Layer(NamedTuple):
    """N(weight u + bias, diag(std^2)) given u. weight: (out, in); bias and std: (out,)."""

    weight: Tensor
    bias: Tensor
    std: Tensor

    def log_density(self, x: Tensor, given: Tensor) -> Tensor:
        """log N(x; weight given + bias, diag(std^2)), nats, summed over the last dimension."""
        z = (x - given @ self.weight.T - self.bias) / self.std
        return (-0.5 * z**2 - torch.log(self.std) - 0.5 * math.log(2 * math.pi)).sum(-1)


class Hierarchy:
    """L layers each way. generative: p(x | z_1), p(z_1 | z_2), ..; inference: q(z_1 | x), q(z_2 |
    z_1), ..

    x has shape (B, D) throughout. Raises ValueError where the layers do not fit together.
    """

    def __init__(self, generative: Sequence[Layer], inference: Sequence[Layer]):
        if len(generative) != len(inference):
            raise ValueError(
                f"as many generative as inference layers; found {len(generative)} and "
                f"{len(inference)}"
            )
        if any(
            p.weight.shape != q.weight.T.shape for p, q in zip(generative, inference, strict=True)
        ):
            raise ValueError("each inference layer goes back where its generative layer came from")
        self.generative = [Layer(*(v.double() for v in layer)) for layer in generative]
        self.inference = [Layer(*(v.double() for v in layer)) for layer in inference]

    def joint(self) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Means and covariance blocks of (x, z_1, .., z_L) under p."""
        top = self.generative[-1].weight.shape[1]
        means, blocks = (
            [torch.zeros(top, dtype=torch.float64)],
            [[torch.eye(top, dtype=torch.float64)]],
        )
        for layer in reversed(self.generative):
            mean = layer.weight @ means[0] + layer.bias
            cross = [layer.weight @ block for block in blocks[0]]
            own = cross[0] @ layer.weight.T + torch.diag(layer.std**2)
            blocks = [[own, *cross], *([c.T, *row] for c, row in zip(cross, blocks, strict=True))]
            means = [mean, *means]
        return means, blocks

    def log_p(self, x: Tensor) -> Tensor:
        """log p(x), nats, shape (B,)."""
        means, blocks = self.joint()
        return MultivariateNormal(means[0], blocks[0][0]).log_prob(x.double())

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """The true p(z_1, .., z_L | x), batch shape (B,), the layers one after the other."""
        means, blocks = self.joint()
        cross = torch.cat(blocks[0][1:], 1)
        prior = torch.cat([torch.cat(row[1:], 1) for row in blocks[1:]])
        gain = torch.linalg.solve(blocks[0][0], cross).T
        covariance = prior - gain @ cross
        return MultivariateNormal(
            torch.cat(means[1:]) + (x.double() - means[0]) @ gain.T, (covariance + covariance.T) / 2
        )

    def approximate(self, x: Tensor) -> MultivariateNormal:
        """q(z_1, .., z_L | x), as a Gaussian like `posterior`."""
        means, blocks = self._inferred(x)
        return MultivariateNormal(
            torch.cat(means, 1), torch.cat([torch.cat(row, 1) for row in blocks])
        )

    def _inferred(self, x: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Means (B, d_l) and covariance blocks of z_1 .. z_L under q given x."""
        first, *rest = self.inference
        means = [x.double() @ first.weight.T + first.bias]
        blocks = [[torch.diag(first.std**2)]]
        for layer in rest:
            means.append(means[-1] @ layer.weight.T + layer.bias)
            cross = [layer.weight @ block for block in blocks[-1]]
            own = cross[-1] @ layer.weight.T + torch.diag(layer.std**2)
            blocks = [*([*row, c.T] for c, row in zip(cross, blocks, strict=True)), [*cross, own]]
        return means, blocks

    def elbo_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The parts of the negative ELBO, nats, each (B,): reconstruction -E_q log p(x | z_1), and
        for each layer kl_l = E_q [log q(z_l | z_{l-1}) - log p(z_l | z_{l+1})]."""
        means, blocks = self._inferred(x)
        layer = self.generative[0]
        spread = (layer.weight @ blocks[0][0] @ layer.weight.T).diagonal()
        miss = x.double() - means[0] @ layer.weight.T - layer.bias
        terms = {"reconstruction": _expected(miss, spread, layer.std)}
        for index, q in enumerate(self.inference):
            negative_entropy = -(torch.log(q.std) + 0.5 * math.log(2 * math.pi * math.e)).sum()
            if index + 1 < len(self.inference):
                p = self.generative[index + 1]
                cross = p.weight @ blocks[index + 1][index]
                own = blocks[index][index] + p.weight @ blocks[index + 1][index + 1] @ p.weight.T
                spread = (own - cross - cross.T).diagonal()
                miss, std = means[index] - means[index + 1] @ p.weight.T - p.bias, p.std
            else:
                spread, miss = blocks[index][index].diagonal(), means[index]
                std = torch.ones_like(spread)
            terms[f"kl_{index + 1}"] = negative_entropy + _expected(miss, spread, std)
        return terms

    def elbo(self, x: Tensor) -> Tensor:
        """E_q [log p(x, z) - log q(z | x)], nats, shape (B,)."""
        return -torch.stack(list(self.elbo_terms(x).values())).sum(0)

    def gap(self, x: Tensor) -> Tensor:
        """KL(q(z | x) || p(z | x)) = log p(x) - ELBO, nats, shape (B,); from the two posteriors
        alone."""
        return kl_divergence(self.approximate(x), self.posterior(x))

    def log_weights(self, x: Tensor, samples: int, generator: torch.Generator) -> Tensor:
        """log p(x, z) - log q(z | x) of draws z from q, nats, shape (samples, B)."""
        x = x.double().expand(samples, *x.shape)
        below, log_q, drawn = x, torch.zeros(x.shape[:2], dtype=torch.float64), [x]
        for layer in self.inference:
            noise = torch.randn(
                *x.shape[:2], len(layer.bias), generator=generator, dtype=torch.float64
            )
            z = below @ layer.weight.T + layer.bias + layer.std * noise
            log_q, below = log_q + layer.log_density(z, below), z
            drawn.append(z)
        pairs = zip(self.generative, drawn[:-1], drawn[1:], strict=True)
        log_p = sum((p.log_density(low, high) for p, low, high in pairs), torch.zeros_like(log_q))
        return log_p + (-0.5 * drawn[-1] ** 2 - 0.5 * math.log(2 * math.pi)).sum(-1) - log_q


def _expected(miss: Tensor, spread: Tensor, std: Tensor) -> Tensor:
    """-E log N(r; 0, diag(std^2)) of a residual r with mean `miss` and variances `spread`."""
    return (0.5 * (miss**2 + spread) / std**2 + torch.log(std) + 0.5 * math.log(2 * math.pi)).sum(
        -1
    )
