"""Denoising as gradient flow on a density in the plane: exact arrows beside learned ones. (Kasy
2024, "Three equivalent prediction targets".)"""
