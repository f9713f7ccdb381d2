"""Score-based diffusion in continuous time: the chain's limit, denoising score matching, and the
reversed equation solved. (Song et al. 2021, arXiv:2011.13456; lecture notes, 11.2.5.)"""
