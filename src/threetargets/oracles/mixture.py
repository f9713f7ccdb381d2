"""A mixture of Gaussians, one class a component: a density with many modes whose noisy classifier
is known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from threetargets.diffusion.target import Prediction
from threetargets.oracles.gaussian_data import CLEAN, Gaussian


class Mixture:
    """sum_k weight_k N(mean_k, covariance_k). Label k is component k, label K says nothing.

    weights: (K,), positive, of sum 1, or ValueError; components: K Gaussians of one dimension.
    Shapes as in `Gaussian`.
    """

    def __init__(self, weights: Tensor, components: Sequence[Gaussian]):
        weights = weights.double()
        if (
            len(weights) != len(components)
            or not bool((weights > 0).all())
            or abs(float(weights.sum()) - 1) > 1e-6
        ):
            raise ValueError(
                f"{len(components)} components need as many positive weights of sum 1; found "
                f"{weights.tolist()}"
            )
        self.weights, self.components = weights / weights.sum(), tuple(components)

    @property
    def null(self) -> int:
        """The label that says nothing: K."""
        return len(self.components)

    def log_joint(self, x_t: Tensor, log_snr: Tensor = CLEAN) -> Tensor:
        """log p_t(x_t, y), nats, shape (B, K)."""
        return torch.log(self.weights) + torch.stack(
            [c.log_density(x_t, log_snr) for c in self.components], 1
        )

    def log_density(self, x_t: Tensor, log_snr: Tensor = CLEAN) -> Tensor:
        """log p_t(x_t), nats, shape (B,)."""
        return torch.logsumexp(self.log_joint(x_t, log_snr), 1)

    def classify(self, x_t: Tensor, log_snr: Tensor = CLEAN) -> Tensor:
        """log p(y | x_t), shape (B, K): the classifier that guidance would like to have.
        Differentiable in x_t."""
        return torch.log_softmax(self.log_joint(x_t, log_snr), 1)

    def classify_gradient(self, x_t: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        """grad log p(y | x_t) for one label each: the component's score less the mixture's."""
        each = torch.stack([c.score(x_t, log_snr).flatten(1) for c in self.components], 1)
        shares = self.classify(x_t, log_snr).exp()
        own = each[torch.arange(len(labels)), labels]
        return (own - (shares[:, :, None] * each).sum(1)).view(x_t.shape)

    def score(self, x_t: Tensor, log_snr: Tensor = CLEAN) -> Tensor:
        """grad log p_t at x_t."""
        each = torch.stack([c.score(x_t, log_snr).flatten(1) for c in self.components], 1)
        return (self.classify(x_t, log_snr).exp()[:, :, None] * each).sum(1).view(x_t.shape)

    def posterior(self, x_t: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """p(x_0 | x_t), again a mixture: weights (B, K), means (B, K, D), covariances (B or 1, K,
        D, D)."""
        means, covariances = zip(*(c.posterior(x_t, log_snr) for c in self.components), strict=True)
        flat = torch.stack([m.flatten(1) for m in means], 1)
        return self.classify(x_t, log_snr).exp(), flat, torch.stack(covariances, 1)

    def predict(self, x_t: Tensor, log_snr: Tensor) -> Prediction:
        """E[x_0 | x_t] and E[eps | x_t] without a label."""
        return self._weighted(x_t, log_snr, self.classify(x_t, log_snr).exp())

    def conditional(self, x_t: Tensor, log_snr: Tensor, labels: Tensor) -> Prediction:
        """E[x_0 | x_t, y] and E[eps | x_t, y]; for the null label those of `predict`."""
        known = (labels != self.null)[:, None]
        own = torch.nn.functional.one_hot(labels, self.null + 1)[:, :-1].double()
        return self._weighted(
            x_t, log_snr, torch.where(known, own, self.classify(x_t, log_snr).exp())
        )

    def _weighted(self, x_t: Tensor, log_snr: Tensor, shares: Tensor) -> Prediction:
        each = [c.predict(x_t.flatten(1), log_snr) for c in self.components]
        x0, eps = (torch.stack(parts, 1) for parts in zip(*each, strict=True))
        return Prediction(
            *((shares[:, :, None] * part).sum(1).view(x_t.shape) for part in (x0, eps))
        )

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """`count` vectors x_0, (count, D), and the labels of their components, (count,)."""
        labels = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        pool = torch.stack([c.draw(count, generator) for c in self.components])
        return pool[labels, torch.arange(count)], labels
