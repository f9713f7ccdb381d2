"""A VAE of several layers in two phases: encoders and decoders without a prior, then the prior.
(McAllester 2022, TTIC 31230, "Diffusion Models".)"""
