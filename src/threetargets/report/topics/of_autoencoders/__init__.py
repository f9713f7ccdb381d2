"""Autoencoders: latent widths, importance weighting, the latent plane."""
