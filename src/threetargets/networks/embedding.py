"""Embeddings of the noise level, as log-SNR, and of the label."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LogSnrFeatures(nn.Module):
    """sin and cos of log-SNR at `count` frequencies from 0.1 to 10, shape (B,) -> (B, 2 count).

    Over log-SNR in [-15, 15] the slowest passes half a period, so that no two noise levels share an
    embedding; the fastest tells log-SNR 0.05 apart from each other.
    """

    frequencies: Tensor

    def __init__(self, count: int = 16):
        super().__init__()
        self.register_buffer("frequencies", torch.logspace(-1, 1, count), persistent=False)
        self.width = 2 * count

    def forward(self, log_snr: Tensor) -> Tensor:
        angle = log_snr[:, None].to(torch.float32) * self.frequencies
        return torch.cat([torch.sin(angle), torch.cos(angle)], 1)


class Condition(nn.Module):
    """(log_snr (B,), labels (B,)) -> (B, width), where either may have one row for all; one row
    where both have. Label `classes` is the null label."""

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.features = LogSnrFeatures()
        self.noise_level = nn.Sequential(
            nn.Linear(self.features.width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.label = nn.Embedding(classes + 1, width)

    def forward(self, log_snr: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.silu(self.noise_level(self.features(log_snr)) + self.label(labels))
