"""Guidance on one axis: score_gamma = score_u + gamma (score_c - score_u).

gamma = 0 is unconditional, or the weak model; gamma = 1 is Bayes, or the model itself. (Ho &
Salimans 2022, arXiv:2207.12598, write w = gamma - 1; Dhariwal & Nichol 2021, arXiv:2105.05233,
scale the classifier's gradient by gamma.) Guidance acts on eps = -s score, before any clipping.
GUIDANCES is the one list of its kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


Ends = tuple[float, float]
"""Log-SNR ends (low, high) of an interval of noise levels; high is not part of it."""


def within(ends: Ends, log_snr: Tensor) -> bool:
    """low <= log_snr < high: sigma_lo < s / a <= sigma_hi of the paper below."""
    return ends[0] <= float(log_snr) < ends[1]


def in_interval(
    model: Conditional, labels: Tensor, null: int, gamma: float, ends: Ends
) -> Predictor:
    """Classifier-free guidance at the noise levels of an interval, the conditional model at all
    others (Kynkaanniemi et al. 2024, arXiv:2404.07724)."""
    free = classifier_free(model, labels, null, gamma)
    own = conditional(model, labels)
    return lambda x_t, log_snr: (free if within(ends, log_snr) else own)(x_t, log_snr)


def autoguided(model: Conditional, weak: Conditional, labels: Tensor, gamma: float) -> Predictor:
    """eps_w + gamma (eps - eps_w), both with their labels: away from what a weaker version of the
    model gets wrong (Karras et al. 2024, arXiv:2406.02507)."""

    def guided(x_t: Tensor, log_snr: Tensor) -> Prediction:
        own, weaker = (one(x_t, log_snr, labels).eps for one in (model, weak))
        return of_eps(torch.lerp(weaker, own, gamma), x_t, log_snr)

    return guided


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a kind may be made of: the model, its null label, the labels that are asked for and
    gamma; and what kinds name: a classifier, a weaker model, the ends of an interval."""

    model: Conditional
    null: int
    labels: Tensor
    gamma: float
    classifier: LogProbability | None = None
    weak: Conditional | None = None
    ends: Ends | None = None


def _by_classifier(of: Parts) -> Predictor:
    assert of.classifier is not None
    return by_classifier(of.model, of.classifier, of.labels, of.null, of.gamma)


def _classifier_free(of: Parts) -> Predictor:
    return classifier_free(of.model, of.labels, of.null, of.gamma)


def _in_interval(of: Parts) -> Predictor:
    assert of.ends is not None
    return in_interval(of.model, of.labels, of.null, of.gamma, of.ends)


def _autoguided(of: Parts) -> Predictor:
    assert of.weak is not None
    return autoguided(of.model, of.weak, of.labels, of.gamma)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a kind is made; the classifier that it needs, trained for it (families/classifier), or
    ""; the key of a study's `guidance` that it alone reads, or ""."""

    build: Callable[[Parts], Predictor]
    guide: str
    reads: str


GUIDANCES: dict[str, Kind] = {
    "classifier": Kind(build=_by_classifier, guide="guide", reads=""),
    "classifier-free": Kind(build=_classifier_free, guide="", reads=""),
    "interval": Kind(build=_in_interval, guide="", reads="interval"),
    "autoguidance": Kind(build=_autoguided, guide="", reads="weak_at"),
    "classifier-clean": Kind(build=_by_classifier, guide="guide_clean", reads=""),
}
"""Kinds of guidance. What runs without torch reads `guide` and `reads` from this source, so they
are plain words."""
