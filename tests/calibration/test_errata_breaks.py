"""Every erratum fails once what it measures is broken; and slips say two things."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from scipy.stats import norm

from threetargets.calibration.densities import HUMPS, TWINS
from threetargets.calibration.errata import ERRATA, SLIPS, diffusion, kernels, langevin, latent
from threetargets.calibration.errata import objectives as goals
from threetargets.diffusion.sampler import ancestral
from threetargets.diffusion.schedule import table_of_betas
from threetargets.diffusion.target import (
    TARGETS,
    Prediction,
    Target,
    inverse_noise,
    score_space,
)
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.oracles import Gaussian

ERRATUM = {entry.id: entry for entry in ERRATA}
Patch = pytest.MonkeyPatch


class WrongScore(Target):
    """Neither Tweedie's division by a nor the sign of the noise."""

    def encode(self, x0, eps, a, s):
        return eps / s

    def decode(self, out, x_t, a, s):
        return Prediction(x_t + s**2 * out, -s * out)


def _scaled(module: object, name: str, factor: float = 1.01) -> Callable[[Patch], None]:
    """A function's result, or the first number of it, times `factor`."""
    real = getattr(module, name)

    def broken(*arguments, **named):
        value = real(*arguments, **named)
        return (factor * value[0], *value[1:]) if isinstance(value, tuple) else factor * value

    return lambda p: p.setattr(module, name, broken)


def _posterior(module: object, **factors: float) -> Callable[[Patch], None]:
    real = module.posterior

    def broken(log_snr_s, log_snr_t):
        q = real(log_snr_s, log_snr_t)
        return q._replace(**{k: f * getattr(q, k) for k, f in factors.items()})

    return lambda p: p.setattr(module, "posterior", broken)


def _elbo_weight(p: Patch) -> None:
    real = WEIGHTINGS["elbo"]
    p.setitem(WEIGHTINGS, "elbo", lambda *arguments: 1.01 * real(*arguments))


def _log_ratios(p: Patch) -> None:
    real = diffusion.two_sided_terms

    def broken(*arguments, **named):
        terms = real(*arguments, **named)
        return replace(terms, ratios=terms.divergences)

    p.setattr(diffusion, "two_sided_terms", broken)


def _log_density(p: Patch) -> None:
    real = goals.log_density
    p.setattr(goals, "log_density", lambda x, mean, log_std: real(x, mean, log_std + 0.01))


def _wider(p: Patch) -> None:
    logpdf = SimpleNamespace(logpdf=lambda x, mean, std: norm.logpdf(x, mean, 1.1 * std))
    p.setattr(latent, "norm", logpdf)


def _density(p: Patch) -> None:
    p.setattr(langevin, "TARGET", Gaussian(torch.zeros(1), 1.1 * torch.eye(1)))


BREAKS: dict[str, Callable[[Patch], None]] = {
    "tweedie": lambda p: p.setitem(TARGETS, "score", WrongScore(score_space, inverse_noise)),
    "scale-of-z": _scaled(latent, "normal_mean"),
    "posterior-mean": _posterior(diffusion, B=1.01),
    "eps-mean": _posterior(diffusion, B=1.01),
    "x0-weight": _elbo_weight,
    "eps-objective": _elbo_weight,
    "bayes-rule": _posterior(diffusion, B=1.01),
    "consistency-term": _log_ratios,
    "langevin": _density,
    "entropy": _scaled(latent, "quad"),
    "reparameterised-bound": _scaled(latent, "normal_mean"),
    "marginal": _scaled(latent, "quad"),
    "phase-one": _wider,
    "reverse-deviation": lambda p: p.setattr(
        kernels, "ancestral", lambda: ancestral("fixed-large")
    ),
    "forward-kl": _posterior(kernels, C=1.01),
    "hierarchical-bound": _log_density,
    "monte-carlo-mean": _scaled(goals, "kl_to_standard"),
    "forward-noise": lambda p: p.setattr(
        kernels, "table_of_betas", lambda betas: table_of_betas(1.01 * betas)
    ),
    "posterior-variance": _posterior(kernels, C=1.01),
    "conditional-score": lambda p: p.setitem(
        TARGETS, "score", WrongScore(score_space, inverse_noise)
    ),
    "first-factor": _log_density,
    "objective-gradient": _log_density,
    "diffusion-flow": _density,
    "score-norm": lambda p: p.setattr(
        goals, "HUMPS", SimpleNamespace(predict=TWINS.predict, log_density=HUMPS.log_density)
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_seen(name: str, monkeypatch: Patch) -> None:
    BREAKS[name](monkeypatch)
    assert not all(one.agrees for one in ERRATUM[name].shown())


def test_every_erratum_has_been_seen_to_fail() -> None:
    assert set(BREAKS) == set(ERRATUM) and len(ERRATUM) == len(ERRATA)


def test_slips_say_what_is_printed_and_what_is_meant() -> None:
    assert len({(slip.source, slip.where) for slip in SLIPS}) == len(SLIPS)
    sources = {part for entry in ERRATA for part in entry.source.split("; ")}
    for slip in SLIPS:
        assert slip.printed and slip.meant and slip.printed != slip.meant
        assert slip.source in sources
