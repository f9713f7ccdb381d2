"""A VAE trained by the score-function gradient (REINFORCE, Williams 1992), with Gaussian latents
whose optimum is known and with binary ones whose gradient is summed out."""
