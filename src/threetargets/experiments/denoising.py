"""The parameters of a perceptron that denoises images. Imports no torch."""

from __future__ import annotations

from threetargets.experiments.fitting import Fit
from threetargets.study.values import Positive, Section, TargetName


class Denoising(Section):
    """What its output is, its size, its training."""

    target: TargetName
    hidden: Positive
    depth: Positive
    training: Fit

    def operations(self, pixels: int, seen: int) -> float:
        """Floating-point operations of its training, and of `seen` images that it denoises
        afterwards: six and two for each weight and image."""
        weights = 2 * self.hidden * pixels + 3 * self.depth * self.hidden**2
        return float(weights * (6 * self.training.steps * self.training.batch + 2 * seen))
