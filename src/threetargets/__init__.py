"""Three Targets: x0, eps or score? A reproducibility study of diffusion targets, run by a
pipeline."""

__version__ = "0.1.0"
