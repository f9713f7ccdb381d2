"""Rates of training, guided sampling and likelihood beside those of other code bases and of the
machine: `python -m benchmarks`, or `make benchmark`."""
