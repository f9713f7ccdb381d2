"""Models whose every quantity is known in closed form, to calibrate estimators, samplers and
guidance with.

    Gaussian   N(mean, covariance): log p_t, score, denoiser, posterior, probability flow
    Mixture    of Gaussians, one class each: the same, and the exact noisy classifier p(y | x_t)
    Hierarchy  linear-Gaussian latent variables, one layer (a VAE) or more (an HVAE): log p, ELBO,
    their gap

`Gaussian.predict` and `Mixture.predict` are Predictors, `Mixture.conditional` is a Conditional and
`Mixture.classify` a LogProbability, so that they stand wherever a trained network does. Everything
is computed in float64.
"""

from threetargets.oracles.gaussian_data import CLEAN, Gaussian
from threetargets.oracles.linear import Hierarchy, Layer
from threetargets.oracles.mixture import Mixture

__all__ = ["CLEAN", "Gaussian", "Hierarchy", "Layer", "Mixture"]
