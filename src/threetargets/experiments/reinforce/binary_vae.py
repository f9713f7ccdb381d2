"""A VAE with M binary latents, whose bound and gradient are sums over all 2^M codes.

p(z) is even over the codes, p(x | z) is Bernoulli pixel by pixel, q(z | x) Bernoulli latent by
latent. The divergence from the prior is a closed form in every gradient; what differs is E_q log
p(x | z).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from threetargets.experiments.reinforce.estimators import leave_one_out, score
from threetargets.networks.mlp import Perceptron
from threetargets.streams import key

DEPTH = 1


def log_bernoulli(logits: Tensor, value: Tensor) -> Tensor:
    """log p of 0 and 1, nats, over the last dimension; linear in values between them."""
    return (value * logsigmoid(logits) + (1 - value) * logsigmoid(-logits)).sum(-1)


class BinaryVae(nn.Module):
    """x (.., pixels), 0 and 1 as float."""

    def __init__(self, pixels: int, latent: int, hidden: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(key(seed, "reinforce/init"))
            self.encoder = Perceptron(pixels, latent, hidden, DEPTH)
            self.decoder = Perceptron(latent, pixels, hidden, DEPTH)
        codes = torch.cartesian_prod(*[torch.arange(2.0)] * latent)
        self.register_buffer("codes", codes)
        self.codes: Tensor

    def log_p(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z); z may lie between 0 and 1."""
        return log_bernoulli(self.decoder(2 * z - 1), x)

    def divergence(self, logits: Tensor) -> Tensor:
        """KL(q(z | x) || p(z)), nats, (..)."""
        p = torch.sigmoid(logits)
        entropy = -(p * logsigmoid(logits) + (1 - p) * logsigmoid(-logits))
        half = torch.log(torch.tensor(2.0))
        return (half - entropy).sum(-1)

    def elbo(self, x: Tensor) -> Tensor:
        """The bound, its expectation summed over all codes, (B,)."""
        logits = self.encoder(x)
        q = log_bernoulli(logits[:, None], self.codes).exp()
        log_p = log_bernoulli(self.decoder(2 * self.codes - 1), x[:, None])
        return (q * log_p).sum(1) - self.divergence(logits)

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x), (B,)."""
        log_p = log_bernoulli(self.decoder(2 * self.codes - 1), x[:, None])
        return torch.logsumexp(log_p, 1) - torch.log(torch.tensor(float(len(self.codes))))


def concrete(logits: Tensor, temperature: float, source: torch.Generator) -> Tensor:
    """sigmoid((logits + logistic noise) / temperature): 0 or 1 with q's probabilities as the
    temperature goes to 0 (Maddison et al. 2017, arXiv:1611.00712; Jang et al. 2017,
    arXiv:1611.01144)."""
    u = torch.rand(logits.shape, generator=source).clamp(1e-7, 1 - 1e-7)
    return torch.sigmoid((logits + torch.logit(u)) / temperature)


def objective(
    model: BinaryVae, x: Tensor, how: str, temperature: float, source: torch.Generator
) -> Tensor:
    """One of BINARY, of x (B, pixels), a draw of z for each; where one is left out, two for each of
    the first half."""
    if how == "exact":
        return model.elbo(x).mean()
    if how == "leave-one-out":
        x = x[: len(x) // 2].expand(2, -1, -1)
    logits = model.encoder(x[0] if x.ndim > 2 else x)
    apart = model.divergence(logits).mean()
    logits = logits.expand(*x.shape[:-1], -1)
    if how == "gumbel":
        return model.log_p(x, concrete(logits, temperature, source)).mean() - apart
    z = (torch.rand(logits.shape, generator=source) < torch.sigmoid(logits.detach())).float()
    log_p, log_q = model.log_p(x, z), log_bernoulli(logits, z)
    # The divergence is a closed form here: f is log p(x | z) alone.
    weighed = leave_one_out if how == "leave-one-out" else score
    return weighed(log_p + log_q.detach(), log_q) - apart
