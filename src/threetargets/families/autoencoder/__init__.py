"""Variational autoencoders, flat and hierarchical."""
