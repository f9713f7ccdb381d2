"""Every check agrees with what is known, and every check disagrees once the function that it
measures is broken."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from threetargets.calibration import bounds, densities, evidence, flow, forward, reverse_steps
from threetargets.calibration import gradient_checks as gradients
from threetargets.calibration import guidance_checks as guided
from threetargets.calibration import target_checks as targets
from threetargets.calibration.checks import CHECKS, Check
from threetargets.diffusion.kernel import Posterior
from threetargets.diffusion.sampler import SAMPLERS, ddim
from threetargets.diffusion.schedule import SCHEDULES
from threetargets.diffusion.target import (
    TARGETS,
    Prediction,
    Target,
    inverse_noise,
    score_space,
)
from threetargets.likelihood import decoders
from threetargets.likelihood.bound import FITTED, VARIANCES
from threetargets.likelihood.gradients import ESTIMATORS

CHECK = {check.id: check for check in CHECKS}
Patch = pytest.MonkeyPatch


@pytest.mark.parametrize("name", CHECK)
def test_every_row_agrees(name: str) -> None:
    rows = CHECK[name].rows()
    assert rows
    assert [row.quantity for row in rows if not row.agrees] == []
    assert len({row.quantity for row in rows}) == len(rows)
    assert all(row.uncertainty > 0 and row.basis and row.origin and row.n > 0 for row in rows)
    for telling in CHECK[name].telling:
        assert any(row.quantity.startswith(telling) for row in rows), telling


REAL_CUT = reverse_steps.cut


class NoTweedie(Target):
    """Without the division by a, as one of the notes prints it."""

    def decode(self, out, x_t, a, s):
        return Prediction(x_t + s**2 * out, -s * out)


NO_TWEEDIE = NoTweedie(score_space, inverse_noise)


def _mean_of_logs(weights, k):
    return weights(0, k).mean(0)


def _swapped(log_snr_s, log_snr_t):
    q = REAL_POSTERIOR(log_snr_s, log_snr_t)
    return Posterior(q.B, q.A, q.C)


def _wide(log_snr_s, log_snr_t):
    q = REAL_POSTERIOR(log_snr_s, log_snr_t)
    return Posterior(q.A, q.B, 1.001 * q.C)


def _divergences(*arguments, **named):
    found = REAL_TWO_SIDED(*arguments, **named)
    return replace(found, ratios=found.divergences)


def _no_end_bins(levels, count):
    k = levels.double()
    return 2 * k / count - 1, 2 * (k + 1) / count - 1


REAL_POSTERIOR, REAL_TWO_SIDED, REAL_GUIDE = (
    forward.posterior,
    bounds.two_sided_terms,
    guided.by_classifier,
)
REAL_VARIANCE, REAL_LOG_PROB, REAL_KL = (
    forward.transition_variance,
    flow.log_prob,
    evidence.kl_to_standard,
)


def _guide(factor: float):
    return lambda model, classifier, labels, null, gamma: REAL_GUIDE(
        model, classifier, labels, null, factor * gamma
    )


BREAKS: dict[str, tuple[str, Callable[[Patch], None]]] = {
    "the VAE's divergence doubled": (
        "elbo-identity",
        lambda p: p.setattr(evidence, "kl_to_standard", lambda m, s: 2 * REAL_KL(m, s)),
    ),
    "weights without their factor": (
        "elbo-identity",
        lambda p: p.setattr(evidence, "log_mean_weights", lambda w, k: _mean_of_logs(w, k) + 0.03),
    ),
    "mean of logarithms": (
        "elbo-bound",
        lambda p: p.setattr(evidence, "log_mean_weights", _mean_of_logs),
    ),
    "no 1/k": (
        "elbo-bound",
        lambda p: p.setattr(evidence, "log_mean_weights", lambda w, k: torch.logsumexp(w(0, k), 0)),
    ),
    "a baseline where there is none": (
        "reparam-variance",
        lambda p: p.setitem(ESTIMATORS, "score-function", ESTIMATORS["score-function-baseline"]),
    ),
    "steps with too much noise": (
        "forward-marginal",
        lambda p: p.setattr(
            forward, "transition_variance", lambda s, t: 1.001 * REAL_VARIANCE(s, t)
        ),
    ),
    "L_T of x0 itself": (
        "forward-marginal",
        lambda p: p.setattr(forward, "prior_term", lambda x, t: x.sum()),
    ),
    "A and B swapped": ("posterior-constants", lambda p: p.setattr(forward, "posterior", _swapped)),
    "C too wide": ("posterior-constants", lambda p: p.setattr(forward, "posterior", _wide)),
    "Tweedie without 1/a": ("tweedie", lambda p: p.setitem(TARGETS, "score", NO_TWEEDIE)),
    "a target that decodes wrongly": (
        "targets-equivalent",
        lambda p: p.setitem(TARGETS, "score", NO_TWEEDIE),
    ),
    "the weight of eps for x0": (
        "targets-equivalent",
        lambda p: p.setattr(
            type(TARGETS["x0"]), "eps_scale", lambda self, a, s: torch.ones_like(a)
        ),
    ),
    "F of the best output decoded wrongly": (
        "targets-optimum",
        lambda p: p.setitem(TARGETS, "score", NO_TWEEDIE),
    ),
    "reverse steps that no longer change with T": (
        "reverse-steps",
        lambda p: p.setattr(reverse_steps, "cut", lambda steps, real=REAL_CUT: real(16)),
    ),
    "divergences for log ratios": (
        "two-elbos",
        lambda p: p.setattr(bounds, "two_sided_terms", _divergences),
    ),
    "posterior variance": ("bound-excess", lambda p: p.setattr(bounds.bound, "posterior", _wide)),
    "fixed-large for all": (
        "bound-excess",
        lambda p: p.setattr(
            bounds.bound,
            "reverse_variance",
            lambda t, i, v, mse=None: REAL_VARIANCE(t.log_snr[i - 1], t.log_snr[i]),
        ),
    ),
    "too few steps": (
        "flow-likelihood",
        lambda p: p.setattr(
            flow, "log_prob", lambda f, x, h, low, n, *m: REAL_LOG_PROB(f, x, h, low, n // 10, *m)
        ),
    ),
    "Euler for Heun": ("sampler-order", lambda p: p.setitem(SAMPLERS, "heun", ddim)),
    "another gamma": ("guidance-same", lambda p: p.setattr(guided, "by_classifier", _guide(1.01))),
    "a weaker gamma": ("guidance-tilt", lambda p: p.setattr(guided, "by_classifier", _guide(0.8))),
    "bins that end": ("decoder-sums", lambda p: p.setattr(decoders, "bin_edges", _no_end_bins)),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_is_seen(broken: str, monkeypatch: Patch) -> None:
    name, apply = BREAKS[broken]
    apply(monkeypatch)
    assert not all(row.agrees for row in CHECK[name].rows())


def test_every_check_has_been_seen_to_fail() -> None:
    assert {name for name, _ in BREAKS.values()} == set(CHECK)


def test_checks_have_names_of_their_own() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    claims = [check.claim for check in CHECKS if check.claim]
    assert len(set(claims)) == len(claims)
    assert all(isinstance(check, Check) for check in CHECKS)


@pytest.mark.parametrize(
    "steps, known",
    [(1000, (0.82223, 0.00158, 0.16543, 0.0)), (100, (1.83540, 0.01581, 0.04765, 0))],
)
def test_excess_of_the_oracle_itself(steps: int, known: tuple[float, ...]) -> None:
    """Figures of an independent computation."""
    textbook = bounds.textbook_variances(steps)
    names = ("fixed-small", "fixed-large", "fixed-large-override", bounds.EXACT)
    for name, value in zip(names, known, strict=True):
        assert bounds.known_excess(steps, textbook[name]) == pytest.approx(value, abs=6e-6)
    assert set(VARIANCES + FITTED) <= set(textbook), (
        "a new reverse variance has a textbook form in calibration/bounds.py"
    )


def test_the_oracle_of_gradient_variances() -> None:
    """21.75 in one dimension; in d dimensions, mean m = 2/sqrt(d) each, by hand from moments of a
    Gaussian."""
    assert gradients.exact_variance("score-function", 1) == pytest.approx(87.0)
    assert gradients.exact_variance("reparameterised", 1) == pytest.approx(4.0)
    assert gradients.exact_variance("score-function", 1) / 4 == pytest.approx(21.75)


def test_registries_are_covered() -> None:
    said = " ".join(row.quantity for row in forward.marginal())
    assert all(name in said for name in SCHEDULES)
    assert all(
        any(row.quantity.endswith(f"as {name}") for row in targets.equivalent()) for name in TARGETS
    )
    assert densities.PLANE.null == 3
