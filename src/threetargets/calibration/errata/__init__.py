"""ERRATA: where the lecture notes, as transcribed, are wrong, each with the error that the printed
formula makes.

000 M. Kasy, Oxford reading group, 2024; 001 B. Dai, lecture 12; 002 lecture-notes chapter 11; 003
G. Polyakov, MIPT, 2022 (after Luo 2022); 004 D. McAllester, TTIC 31230, 2022. Adding one: a
function that shows it, and an entry here. SLIPS, in slips.py, have no number.
"""

from __future__ import annotations

from threetargets.calibration.errata import diffusion, kernels, langevin, latent, objectives
from threetargets.calibration.errata.slips import SLIPS
from threetargets.calibration.misprint import (
    CHAPTER,
    DAI,
    KASY,
    MCALLESTER,
    POLYAKOV,
    Erratum,
    Shown,
    Slip,
)

__all__ = ["ERRATA", "SLIPS", "Erratum", "Shown", "Slip"]

ERRATA = (
    Erratum(
        "tweedie",
        KASY,
        "Three equivalent prediction targets",
        "E[x⁰ | xᵗ] = xᵗ + (1 − ᾱₜ) ∇ log p(xᵗ)",
        "E[x₀ | xₜ] = (xₜ + (1 − ᾱₜ) ∇ log p(xₜ)) / √ᾱₜ",
        diffusion.tweedie,
    ),
    Erratum(
        "scale-of-z",
        f"{CHAPTER}; {POLYAKOV}",
        "11.1.2 Autoencoding Variational Bayes; Reparametrization trick",
        "z = μ(x) + σ²(x) ⊙ ε",
        "z = μ(x) + σ(x) ⊙ ε",
        latent.scale_of_z,
    ),
    Erratum(
        "posterior-mean",
        CHAPTER,
        "11.2.3 Denoising parametrization",
        "μₜ(xₜ, x₀) = √ᾱₜ (1 − ᾱₜ₋₁) / (1 − ᾱₜ) xₜ + √ᾱₜ₋₁ βₜ / (1 − ᾱₜ) x₀",
        "μₜ(xₜ, x₀) = √αₜ (1 − ᾱₜ₋₁) / (1 − ᾱₜ) xₜ + √ᾱₜ₋₁ βₜ / (1 − ᾱₜ) x₀",
        diffusion.posterior_mean,
    ),
    Erratum(
        "eps-mean",
        CHAPTER,
        "11.2.3 Denoising parametrization",
        "μₜ(xₜ, εₜ) = 1/√ᾱₜ (xₜ − (1 − αₜ)/√(1 − ᾱₜ) εₜ)",
        "μₜ(xₜ, εₜ) = 1/√αₜ (xₜ − (1 − αₜ)/√(1 − ᾱₜ) εₜ)",
        diffusion.eps_mean,
    ),
    Erratum(
        "x0-weight",
        POLYAKOV,
        "Optimizing denoising matching term",
        "1/(2σ²(t)) · ᾱₜ (1 − αₜ)² / (1 − ᾱₜ)² · ‖x̂ − x₀‖²",
        "1/(2σ²(t)) · ᾱₜ₋₁ (1 − αₜ)² / (1 − ᾱₜ)² · ‖x̂ − x₀‖²",
        diffusion.x0_weight,
    ),
    Erratum(
        "eps-objective",
        POLYAKOV,
        "Equivalent interpretations of diffusion",
        "1/(2σ²(t)) · ᾱₜ (1 − αₜ)² / (1 − ᾱₜ)² · ‖ε̂ − x₀‖²",
        "1/(2σ²(t)) · (1 − αₜ)² / ((1 − ᾱₜ) αₜ) · ‖ε̂ − ε₀‖²",
        diffusion.eps_objective,
    ),
    Erratum(
        "bayes-rule",
        POLYAKOV,
        "Denoising term distributions",
        "q(xₜ₋₁ | xₜ, x₀) = q(xₜ | xₜ₋₁, x₀) q(xₜ₋₁ | x₀) / q(xₜ₋₁ | x₀)",
        "q(xₜ₋₁ | xₜ, x₀) = q(xₜ | xₜ₋₁, x₀) q(xₜ₋₁ | x₀) / q(xₜ | x₀)",
        diffusion.bayes_rule,
    ),
    Erratum(
        "consistency-term",
        POLYAKOV,
        "Variational diffusion models, Optimization",
        "− Σ E over q(xₜ₋₁, xₜ₊₁ | x₀) of KL(q(xₜ | xₜ₋₁) ‖ p(xₜ | xₜ₊₁))",
        "− Σ E over q(xₜ₋₁, xₜ, xₜ₊₁ | x₀) of log q(xₜ | xₜ₋₁) − log p(xₜ | xₜ₊₁), t from 1",
        diffusion.consistency,
    ),
    Erratum(
        "langevin",
        MCALLESTER,
        "Langevin Dynamics; The Stationary Density",
        "y(t + Δt) = y(t) + 2g Δt + ε √Δt, stationary density exp(score)/Z",
        "y(t + Δt) = y(t) + g Δt + ε √(2Δt); as printed it is exp(4 score)/Z",
        langevin.langevin,
    ),
    Erratum(
        "entropy",
        DAI,
        "12.2.3 Using Auxiliary function in MLE and ELBO",
        "E[log p(x, z)] − H(q), H(q) = ∫ q log q, called the entropy",
        "E[log p(x, z)] + H(q), H(q) = −∫ q log q",
        latent.entropy,
    ),
    Erratum(
        "reparameterised-bound",
        DAI,
        "12.2.5 Reparametrization Trick for Backpropagation",
        "E over p₀(ε) of log p(x, T(x, ε, λ)) − log p₀(T(x, ε, λ))",
        "E over p₀(ε) of log p(x, T(x, ε, λ)) − log q(T(x, ε, λ) | x)",
        latent.reparameterised_bound,
    ),
    Erratum(
        "marginal",
        DAI,
        "12.2.6 Denoising Diffusion Process with VAE",
        "p(x) = ∫ p(x|z) p(z) dx",
        "p(x) = ∫ p(x|z) p(z) dz",
        latent.marginal,
    ),
    Erratum(
        "phase-one",
        MCALLESTER,
        "Phase One Training",
        "enc*, dec* of layer ℓ + 1 minimise E[−ln P_dec(z_{ℓ−1} | z_ℓ)]",
        "enc*, dec* of layer ℓ + 1 minimise E[−ln P_dec(z_ℓ | z_{ℓ+1})]",
        latent.phase_one,
    ),
    Erratum(
        "reverse-deviation",
        CHAPTER,
        "11.2.3 Denoising parametrization; Algorithm 2",
        "N(xₜ₋₁; μₜ, σₜ I), σₜ = (1 − ᾱₜ₋₁) βₜ / (1 − ᾱₜ), and xₜ₋₁ = … + σₜ z",
        "N(xₜ₋₁; μₜ, σₜ² I), σₜ² = (1 − ᾱₜ₋₁) βₜ / (1 − ᾱₜ), and xₜ₋₁ = … + σₜ z",
        kernels.reverse_deviation,
    ),
    Erratum(
        "forward-kl",
        CHAPTER,
        "11.2.2 Backward Process",
        "the minimised KL(p(x₀, …, x_T) ‖ q(x₀, …, x_T)) is called the inverse KL divergence",
        "it is the forward one, hence maximum likelihood; the inverse one is KL(q ‖ p)",
        kernels.forward_kl,
    ),
    Erratum(
        "hierarchical-bound",
        POLYAKOV,
        "Hierarchical VAE",
        "log p(x) ≥ E over q of p(x, z₁, …, z_T) / q(z₁, …, z_T | x)",
        "log p(x) ≥ E over q of log [p(x, z₁, …, z_T) / q(z₁, …, z_T | x)]",
        objectives.hierarchical_bound,
    ),
    Erratum(
        "monte-carlo-mean",
        POLYAKOV,
        "VAE, Monte Carlo estimate",
        "Σ over l = 1 … L of log p(x | z⁽ˡ⁾) − KL(q(z|x) ‖ p(z))",
        "1/L Σ over l = 1 … L of log p(x | z⁽ˡ⁾) − KL(q(z|x) ‖ p(z))",
        objectives.monte_carlo_mean,
    ),
    Erratum(
        "forward-noise",
        POLYAKOV,
        "Denoising term distributions",
        "xₜ = √αₜ xₜ₋₁ + √(1 − αₜ)",
        "xₜ = √αₜ xₜ₋₁ + √(1 − αₜ) ε",
        kernels.forward_noise,
    ),
    Erratum(
        "posterior-variance",
        POLYAKOV,
        "Denoising term distributions",
        "Σ_q(t) = √ᾱₜ₋₁ (1 − αₜ) x₀ / (1 − ᾱₜ), (1 − αₜ)(1 − ᾱₜ₋₁) / (1 − ᾱₜ)",
        "Σ_q(t) = (1 − αₜ)(1 − ᾱₜ₋₁) / (1 − ᾱₜ) I; the first part belongs to the mean",
        kernels.posterior_variance,
    ),
    Erratum(
        "conditional-score",
        POLYAKOV,
        "Equivalent interpretations of diffusion, Our case",
        "μ_q(xₜ, x₀) = xₜ / √αₜ + (1 − αₜ) / √αₜ ∇ log p(xₜ)",
        "μ_q(xₜ, x₀) = xₜ / √αₜ + (1 − αₜ) / √αₜ ∇ log q(xₜ | x₀); "
        "with ∇ log p(xₜ) it is the mean over x₀ given xₜ",
        kernels.conditional_score,
    ),
    Erratum(
        "first-factor",
        DAI,
        "12.2.6 Denoising Diffusion Process with VAE",
        "q(z₁, …, z_m | x) = Π over i = 1 … n of q(zᵢ₊₁ | zᵢ)",
        "q(z₁, …, z_m | x) = q(z₁ | x) Π over i = 1 … m − 1 of q(zᵢ₊₁ | zᵢ)",
        objectives.first_factor,
    ),
    Erratum(
        "objective-gradient",
        DAI,
        "12.2.2 Ineffective ways of learning; 12.2.4 Adding λ Parameter; "
        "12.2.5 Reparametrization Trick",
        "E over ε of log p(x, T) − log p₀(T) = E over ε of ∇_λ log p(x, T) − ∇_λ log p₀(T); "
        "L(θ, φ) = 1/n Σ ∫ ∇_θ p(xᵢ|zᵢ) p(zᵢ) dzᵢ / ∫ p(xᵢ|zᵢ) p(zᵢ) dzᵢ",
        "the right-hand sides are the gradients: ∇_λ E over ε, and ∇_θ L(θ, φ)",
        objectives.objective_gradient,
    ),
    Erratum(
        "diffusion-flow",
        MCALLESTER,
        "Langevin Dynamics; The Stationary Density",
        "y(t + Δt) = y(t) + 2g Δt + ε √Δt has the diffusion flow −2 ∇p(y)",
        "it has −½ ∇p(y); −2 ∇p(y), which balances 2 p g, is that of y + 2g Δt + 2ε √Δt",
        langevin.diffusion_flow,
    ),
    Erratum(
        "score-norm",
        CHAPTER,
        "11.2.5 Score SDE, denoising score matching",
        "E ‖s(xₜ, t) − ∇ ln p(xₜ | x₀)‖",
        "E ‖s(xₜ, t) − ∇ ln p(xₜ | x₀)‖²",
        objectives.score_norm,
    ),
)
