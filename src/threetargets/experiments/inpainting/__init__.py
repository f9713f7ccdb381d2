"""Filling holes where the law of what is missing is known: by a diffusion model's sampler, and by a
VAE's two halves in turn. (Lugmayr et al. 2022, arXiv:2201.09865; Rezende et al. 2014,
arXiv:1401.4082.)"""
