"""Likelihood: its estimators beside each other, and noise level by noise level."""
