"""SLIPS: what the lecture notes, as transcribed, print and cannot mean, where no number is at
stake. Adding one: an entry here."""

from __future__ import annotations

from threetargets.calibration.misprint import CHAPTER, DAI, MCALLESTER, POLYAKOV, Slip

SLIPS = (
    Slip(
        DAI,
        "12.1 Recap, the table of comparison",
        "Π over i of p(xᵢ x_{<i})",
        "Π over i of p(xᵢ | x_{<i})",
    ),
    Slip(
        DAI,
        "12.2.4 Adding λ Parameter to MLE, gradient in λ",
        "p_λ(z)",
        "p_φ(z)",
    ),
    Slip(
        DAI,
        "12.2.5 Reparametrization Trick for Backpropagation",
        "q ∼ p₀(q)",
        "ε ∼ p₀(ε)",
    ),
    Slip(
        DAI,
        "12.2.6 Denoising Diffusion Process with VAE",
        "p(zᵢ | zᵢ₋₁) = N(μ(zᵢ₊₁, i + 1), ηᵢ₊₁ I)",
        "p(zᵢ | zᵢ₊₁) = N(μ(zᵢ₊₁, i + 1), ηᵢ₊₁ I)",
    ),
    Slip(
        CHAPTER,
        "11.2.2 Backward Process",
        "Σ over t = 0 … T of log q(xₜ₋₁ | xₜ)",
        "Σ over t = 1 … T: there is no x₋₁",
    ),
    Slip(
        POLYAKOV,
        "Hierarchical VAE, the joint distribution and the bound",
        "p(zₜ), p(x, z₁, …, zₜ)",
        "p(z_T), p(x, z₁, …, z_T)",
    ),
    Slip(
        POLYAKOV,
        "Tweedie's Formula",
        "E[μ_z | z] = z + Σ over z of ∇ log p(z)",
        "E[μ_z | z] = z + Σ_z ∇ log p(z), Σ_z the covariance",
    ),
    Slip(
        POLYAKOV,
        "Denoising term distributions; Our case",
        "xₜ ∼ N(√ᾱₜ, (1 − ᾱₜ) I); the mean of xₜ is √ᾱₜ",
        "xₜ ∼ N(√ᾱₜ x₀, (1 − ᾱₜ) I); the mean of xₜ is √ᾱₜ x₀",
    ),
    Slip(
        MCALLESTER,
        "The Stationary Density",
        "sampling by Langevin dynamics is called score matching",
        "Langevin sampling; score matching fits a score to data (Hyvärinen 2005)",
    ),
)
