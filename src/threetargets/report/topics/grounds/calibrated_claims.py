"""What is claimed of the mathematics alone, and decided where the answer is known."""

from __future__ import annotations

from collections.abc import Callable

from threetargets.report.parts.topic import CHAPTER, DAI, KASY, POLYAKOV, Claim, Topic
from threetargets.report.parts.verdicts import NOTHING, Finding
from threetargets.report.reading.collect import Results
from threetargets.report.topics.grounds import calibrations
from threetargets.report.topics.grounds.calibrations import row_in_words


def by_calibration(name: str) -> Callable[[Results], Finding]:
    """The verdict of the check that decides this claim, with its telling rows; no data without
    calibration.json."""

    def decide(results: Results) -> Finding:
        check = results.calibration.claim(name) if results.calibration else None
        if results.calibration is None or check is None or not check.rows:
            return NOTHING
        rows = [f"{check.agreeing} of {len(check.rows)} rows agree"]
        rows += [row_in_words(row) for row in check.telling_rows]
        digest = results.calibration.provenance.get("code_digest", "")
        return Finding(
            check.verdict, "; ".join(rows), f"{results.calibration.command}; code {digest}"
        )

    return decide


CALIBRATED = (
    "Reproduced: every row of the check agrees (tolerance, or 4 standard errors). Not "
    "reproduced: a row is refuted. Inconclusive: a difference that is claimed lies within its "
    "margin."
)


CLAIMS = (
    Claim(
        "elbo-identity",
        "The gap between log p(x) and the bound is exactly a KL divergence.",
        f"{KASY}; {DAI}; {POLYAKOV}",
        "Linear-Gaussian models of one and two layers, with a q that is not the posterior: log "
        "p, bound and divergence, each in closed form, and the bound sampled.",
        CALIBRATED,
        by_calibration("elbo-identity"),
    ),
    Claim(
        "elbo-bound (toy)",
        "The evidence bound is below the importance-weighted bound, which rises with every "
        "further sample to log p(x).",
        f"{KASY}; {POLYAKOV}",
        "The same models, k = 1, 5, 50, 500, and quadrature for k = 1, 2, 3.",
        CALIBRATED,
        by_calibration("elbo-bound (toy)"),
    ),
    Claim(
        "reparam-variance (toy)",
        "Reparameterised gradients vary far less than score-function ones, more so in higher "
        "dimension.",
        f"{DAI}; {CHAPTER}",
        "f(z) = |z|², z ~ N(m, I), |m| = 2: ratio of variances in 1, 2, 10 and 50 dimensions, "
        "against quadrature.",
        CALIBRATED,
        by_calibration("reparam-variance (toy)"),
    ),
    Claim(
        "forward-marginal",
        "Iterated noising equals its closed form, and its end tends to N(0, I).",
        f"{KASY}; {CHAPTER}; {POLYAKOV}",
        "Recursion for mean and variance on every schedule; chains on a mixture; L_T.",
        CALIBRATED,
        by_calibration("forward-marginal"),
    ),
    Claim(
        "posterior-constants",
        "The posterior of one step back is Gaussian, with constants in closed form.",
        f"{KASY}; {CHAPTER}; {POLYAKOV}",
        "Bayes' rule summed over a grid: mean, variance, and the density at two deviations.",
        CALIBRATED,
        by_calibration("posterior-constants"),
    ),
    Claim(
        "targets-equivalent",
        "The targets are one function of the noisy image, and give one bound.",
        f"{KASY}; {POLYAKOV}",
        "One imperfect predictor spoken as every target: round trips, elbo loss (to 1e-10), bound.",
        CALIBRATED,
        by_calibration("targets-equivalent"),
    ),
    Claim(
        "targets-optimum",
        "At the optimum the targets are one predictor, whatever the weighting.",
        f"{KASY}; {POLYAKOV}",
        "A mixture: for every target the output of least expected squared error, found by "
        "minimising it, decoded, against the posterior mean on a grid.",
        CALIBRATED,
        by_calibration("targets-optimum"),
    ),
    Claim(
        "schedule",
        "Slower noising makes the reverse steps more Gaussian: the bound improves with T, and "
        "saturates.",
        CHAPTER,
        "A mixture with its exact denoiser, T from 4 to 64 between the same ends: the KL of p(xᵢ₋₁ "
        "| xᵢ) to the Gaussian of its moments, summed over i, and the bound less the entropy. (The "
        "trained models stand beside it.)",
        CALIBRATED,
        by_calibration("schedule"),
        "it was decided by trained models",
    ),
    Claim(
        "tweedie",
        "The clean image's posterior mean follows from the score.",
        f"{KASY}; {POLYAKOV}",
        "Mixtures with an exact posterior; a grid in one dimension. (As corrected: see the "
        "errata.)",
        CALIBRATED,
        by_calibration("tweedie"),
    ),
    Claim(
        "two-elbos (toy)",
        "Two ways to write the bound give the same number, one with more Monte Carlo variance.",
        POLYAKOV,
        "Exact predictors on Gaussian and mixture data, two reverse variances: both bounds and "
        "the variance of one draw. The second form is taken with log ratios; with divergences, "
        "as printed, it is another number (errata).",
        CALIBRATED,
        by_calibration("two-elbos (toy)"),
    ),
    Claim(
        "guidance-same",
        "Both kinds of guidance follow one path when the classifier is exact.",
        f"{KASY}; {POLYAKOV}",
        "A mixture with its exact noisy classifier: every state of DDIM and Heun, γ from 0 to "
        "5. (The trained curves stand side by side under Guidance.)",
        CALIBRATED,
        by_calibration("guidance-same"),
    ),
    Claim(
        "guidance-tilt",
        "Guided samples are not drawn from p(x) p(y given x)^γ.",
        "beyond the lecture notes",
        "Two overlapping humps, exact score and classifier: mean and variance at γ = 0 and 1 "
        "against the mixture and the component, at γ = 4 against the tilted density.",
        CALIBRATED,
        by_calibration("guidance-tilt"),
    ),
)


TOPIC = Topic("calibration", calibrations.sections, CLAIMS)
