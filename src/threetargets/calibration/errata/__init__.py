"""ERRATA: where the lecture notes, as transcribed, are wrong, each with the error that the printed
formula makes.

000 M. Kasy, Oxford reading group, 2024; 001 B. Dai, lecture 12; 002 lecture-notes chapter 11; 003
G. Polyakov, MIPT, 2022 (after Luo 2022); 004 D. McAllester, TTIC 31230, 2022. Adding one: a
function that shows it, and an entry here.
"""

from __future__ import annotations

from threetargets.calibration.errata import diffusion, langevin, latent
from threetargets.calibration.misprint import (
    CHAPTER,
    DAI,
    KASY,
    MCALLESTER,
    POLYAKOV,
    Erratum,
    Shown,
)

__all__ = ["ERRATA", "Erratum", "Shown"]

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
)
