"""From a hierarchical VAE to a diffusion, one restriction after the other. (Luo 2022,
arXiv:2208.11970.)"""
