"""Guidance on one axis: score_gamma = score_u + gamma (score_c - score_u).

gamma = 0 is unconditional, gamma = 1 Bayes, for both kinds. (Ho & Salimans 2022, arXiv:2207.12598,
write w = gamma - 1; Dhariwal & Nichol 2021, arXiv:2105.05233, scale the classifier's gradient by
gamma.) Guidance acts on eps = -s score, before any clipping.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.diffusion.kernel import like, signal_noise
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.target import Prediction

Conditional = Callable[[Tensor, Tensor, Tensor], Prediction]
"""(x_t, log_snr (), labels (B,) or (1,)) -> Prediction."""

LogProbability = Callable[[Tensor, Tensor], Tensor]
"""(x_t (B, C, H, W), log_snr ()) -> log p(y | x_t), shape (B, classes)."""


def of_eps(eps: Tensor, x_t: Tensor, log_snr: Tensor) -> Prediction:
    """The pair whose noise is eps: x0 = (x_t - s eps) / a."""
    a, s = (like(v, x_t) for v in signal_noise(log_snr.to(x_t.device, torch.float64)))
    return Prediction((x_t - s * eps) / a, eps)


def conditional(model: Conditional, labels: Tensor) -> Predictor:
    """The model with its labels bound."""
    return lambda x_t, log_snr: model(x_t, log_snr, labels)


def classifier_free(model: Conditional, labels: Tensor, null: int, gamma: float) -> Predictor:
    """eps_u + gamma (eps_c - eps_u), both passes in one batch; exact at gamma = 0 and 1."""
    both = torch.cat([labels, torch.full_like(labels, null)])

    def guided(x_t: Tensor, log_snr: Tensor) -> Prediction:
        eps_c, eps_u = model(torch.cat([x_t, x_t]), log_snr, both).eps.chunk(2)
        return of_eps(torch.lerp(eps_u, eps_c, gamma), x_t, log_snr)

    return guided


def log_probability_gradient(
    classifier: LogProbability, labels: Tensor, x_t: Tensor, log_snr: Tensor
) -> Tensor:
    """grad_x log p(y | x_t) at x_t, in the dtype of x_t."""
    with torch.enable_grad():
        x = x_t.detach().requires_grad_(True)
        chosen = classifier(x, log_snr).gather(1, labels[:, None]).sum()
        return torch.autograd.grad(chosen, x)[0]


def by_classifier(
    model: Conditional, classifier: LogProbability, labels: Tensor, null: int, gamma: float
) -> Predictor:
    """eps_u - gamma s grad_x log p(y | x_t): the null label's branch guided by a classifier that
    sees x_t and its noise level."""
    unlabelled = torch.full_like(labels[:1], null)

    def guided(x_t: Tensor, log_snr: Tensor) -> Prediction:
        eps = model(x_t, log_snr, unlabelled).eps
        if gamma != 0:
            s = like(signal_noise(log_snr.to(x_t.device, torch.float64))[1], x_t)
            eps = eps - gamma * s * log_probability_gradient(classifier, labels, x_t, log_snr)
        return of_eps(eps, x_t, log_snr)

    return guided
