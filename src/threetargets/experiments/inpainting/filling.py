"""Ways to draw the second of two numbers given the first, from a denoiser that knows nothing of the
condition; and the denoiser that does."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.predictor import Predictor
from threetargets.diffusion.schedule import Table
from threetargets.experiments import conditioning
from threetargets.experiments.conditioning import Noise, Part
from threetargets.experiments.inpainting.laws import Rest

FIRST = Part(torch.tensor([[1.0, 0.0]], dtype=torch.float64))
"""What is seen of (x_1, x_2)."""


def _start(y: Tensor, noise: Noise) -> Tensor:
    return noise(torch.stack([y, y], 1))


def replaced(predictor: Predictor, path: Table, y: Tensor, noise: Noise, times: int = 1) -> Tensor:
    """x_2 (B,) with the first number replaced after every step, or each step taken `times` times
    (conditioning.replaced)."""
    x = _start(y, noise)
    return conditioning.replaced(predictor, path, FIRST, y[:, None], x, noise, times)[:, 1]


def guided(predictor: Predictor, path: Table, y: Tensor, noise: Noise) -> Tensor:
    """x_2 (B,) by a guided score (conditioning.guided), the first number's variance being 1."""
    x = _start(y, noise)
    return conditioning.sampled(conditioning.guided(predictor, FIRST, y[:, None]), path, x, noise)[
        :, 1
    ]


def known(law: Rest, path: Table, noise: Noise) -> Tensor:
    """x_2 (B,) by the exact denoiser of the conditional law: what the steps alone cost."""
    return conditioning.sampled(
        lambda x, log_snr: law.predict(x, *signal_noise(log_snr)),
        path,
        noise(law.means[:, 0]),
        noise,
    )
