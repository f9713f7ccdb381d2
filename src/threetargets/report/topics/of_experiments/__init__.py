"""Experiments, each under its own name: picture, table and claims."""
