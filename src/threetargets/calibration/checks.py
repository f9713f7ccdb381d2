"""The checks, in the order of the page. Adding one: a function that returns rows, and an entry of
CHECKS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from threetargets.calibration import (
    bounds,
    decoder_checks,
    evidence,
    flow,
    forward,
    gradient_checks,
    guidance_checks,
    reverse_steps,
    samplers,
    target_checks,
)
from threetargets.calibration.check_rows import Row


@dataclass(frozen=True)
class Check:
    """`what` is checked, in words; `claim` is the row of the report that it decides, if any.

    `telling` are beginnings of the quantities that the report quotes.
    """

    id: str
    what: str
    claim: str
    source: str
    rows: Callable[[], list[Row]]
    telling: tuple[str, ...]


CHECKS = (
    Check(
        "elbo-identity",
        "log p(x) − ELBO is KL(q(z|x) ‖ p(z|x)) on linear-Gaussian models of one and two "
        "layers, whose q is not the posterior.",
        "elbo-identity",
        "Kingma & Welling 2014, arXiv:1312.6114",
        evidence.identity,
        ("log p(x) − ELBO, one layer", "log p(x) − ELBO, two layers"),
    ),
    Check(
        "elbo-bound",
        "ELBO ≤ IWAE bound ≤ log p(x), rising with k, and equal to quadrature, on the same models.",
        "elbo-bound (toy)",
        "Burda et al. 2016, arXiv:1509.00519",
        evidence.bound,
        ("IWAE bound, k = 3", "IWAE bound, k = 500", "log p(x) less"),
    ),
    Check(
        "reparam-variance",
        "Variance of the gradient estimators on f(z) = |z|², z ~ N(m, I), |m| = 2: 21.75 times "
        "as much for the score function in one dimension, more in higher.",
        "reparam-variance (toy)",
        "Mohamed et al. 2020, arXiv:1906.10652",
        gradient_checks.ratios,
        ("variance ratio score-function : reparameterised",),
    ),
    Check(
        "forward-marginal",
        "Iterated noising is xᵢ = aᵢ x₀ + sᵢ ε, and its end tends to N(0, I).",
        "forward-marginal",
        "Ho et al. 2020, arXiv:2006.11239",
        forward.marginal,
        ("largest error of aᵢ and sᵢ²", "L_T tends to 0"),
    ),
    Check(
        "posterior-constants",
        "q(xᵢ₋₁ | x₀, xᵢ) is Gaussian with A x₀ + B xᵢ and C.",
        "posterior-constants",
        "Ho et al. 2020, eq. 7",
        forward.posterior_constants,
        (
            "A x₀ + B xᵢ, log-SNR 1",
            "C, log-SNR 1",
            "density at two deviations over the top, log-SNR 1",
        ),
    ),
    Check(
        "targets-equivalent",
        "One predictor, spoken as each target: round trips, one elbo loss to 1e-10, one bound.",
        "targets-equivalent",
        "Luo 2022, arXiv:2208.11970; Kingma et al. 2021, arXiv:2107.00630",
        target_checks.equivalent,
        ("elbo loss", "bound of the converted predictor"),
    ),
    Check(
        "targets-optimum",
        "The best output of every target, whatever its weighting, is decoded to the same E[x₀ | "
        "xᵢ], on a mixture.",
        "targets-optimum",
        "Luo 2022, arXiv:2208.11970",
        target_checks.optimum,
        ("largest distance",),
    ),
    Check(
        "reverse-steps",
        "The exact reverse steps of a mixture are nearer to Gaussians the more of them there are, "
        "and the bound of a perfect denoiser falls with T and saturates.",
        "schedule",
        "Sohl-Dickstein et al. 2015, arXiv:1503.03585",
        reverse_steps.rows,
        ("distance of the reverse steps from Gaussians, T = 32", "gain of the bound", "order"),
    ),
    Check(
        "tweedie",
        "The score of xᵢ gives E[x₀ | xᵢ] on mixtures.",
        "tweedie",
        "Efron 2011, doi:10.1198/jasa.2011.tm11181",
        target_checks.tweedie,
        ("E[x₀ | xᵢ = 0.3]", "largest error in the plane, log-SNR 0"),
    ),
    Check(
        "two-elbos",
        "The bound over q(xᵢ₋₁, xᵢ, xᵢ₊₁ | x₀) is the number that the bound over q(xᵢ | x₀) "
        "is, with more variance; exact predictor, 256 levels. Written with divergences, as "
        "notes print it, it is another number.",
        "two-elbos (toy)",
        "Luo 2022, arXiv:2208.11970",
        bounds.two_forms,
        (
            "bound over three neighbours, mixture",
            "variance of one draw over that of the usual form, mixture",
            "KL(",
        ),
    ),
    Check(
        "bound-excess",
        "With a perfect denoiser on N(0, 0.25) data the bound exceeds the entropy by what the "
        "reverse variance costs.",
        "",
        "Ho et al. 2020; Bao et al. 2022, arXiv:2201.06503",
        bounds.excess_rows,
        ("bound less entropy",),
    ),
    Check(
        "flow-likelihood",
        "Log-densities by the probability-flow ODE, exact trace and one fixed probe.",
        "",
        "Song et al. 2021, arXiv:2011.13456",
        flow.rows,
        (
            "log p, mixture",
            "log p, correlated Gaussian, 8 dimensions, largest",
            "log p, correlated Gaussian, 8 dimensions, one",
        ),
    ),
    Check(
        "sampler-order",
        "The error of a sampler falls with the number of steps as 1/n, Heun's as 1/n².",
        "",
        "Karras et al. 2022, arXiv:2206.00364",
        samplers.orders,
        ("order of the error of the covariance",),
    ),
    Check(
        "guidance-same",
        "Both kinds of guidance follow one path on a mixture with its exact noisy classifier.",
        "guidance-same",
        "Dhariwal & Nichol 2021, arXiv:2105.05233; Ho & Salimans 2022, arXiv:2207.12598",
        guidance_checks.same,
        ("largest distance of the two paths, γ = 2", "largest distance of the two paths, γ = 5"),
    ),
    Check(
        "guidance-tilt",
        "Guided samples of two overlapping humps: γ = 0 gives the mixture, γ = 1 the "
        "component, γ = 4 not p(x) p(y|x)⁴.",
        "guidance-tilt",
        "Beyond the lecture notes",
        guidance_checks.tilt,
        ("mean of guided samples",),
    ),
    Check(
        "decoder-sums",
        "The probabilities of the K levels add up to 1, and a bin far away keeps its gradient.",
        "",
        "Salimans et al. 2017, arXiv:1701.05517",
        decoder_checks.sums,
        ("log of the sum over 256", "its gradient"),
    ),
)
