"""Guidance: sweeps over gamma, kinds at matched accuracy, samples."""
