"""Figures of merit: fidelity through torch-fidelity, accuracy by the judge, and the statistics of
comparisons."""
