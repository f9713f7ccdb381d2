"""Randomness as a function of (seed, purpose, index): nothing depends on what was drawn before.

Batch order of epoch e, noise of training step k and noise of sample j each come from a stream of
their own, so that training 10 steps equals 5 and a resume of 5, and sample j does not know how many
samples are drawn beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch


def key(seed: int, purpose: str, *index: int) -> int:
    """A 63-bit key of the stream: BLAKE2b of (seed, purpose, index)."""
    text = "/".join([str(seed), purpose, *(str(i) for i in index)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


ALL = slice(None)
"""The share of a batch that a process alone computes."""


def generator(
    seed: int, purpose: str, *index: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator at the start of the stream (seed, purpose, index)."""
    return torch.Generator(device=device).manual_seed(key(seed, purpose, *index))


class PerSample:
    """One stream for each sample: row j of every draw depends on (seed, purpose, first + j) alone.

    Draws are made on the CPU in float32, one stream after the other, and moved to the device
    afterwards.
    """

    def __init__(
        self, seed: int, purpose: str, indices: Sequence[int], device: torch.device | str = "cpu"
    ):
        self.generators = [generator(seed, purpose, int(j)) for j in indices]
        self.device = torch.device(device)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers of shape (number of samples, *shape)."""
        return torch.stack([torch.randn(shape, generator=g) for g in self.generators]).to(
            self.device
        )

    def uniform(self, *shape: int) -> torch.Tensor:
        """Uniform numbers in [0, 1) of shape (number of samples, *shape)."""
        return torch.stack([torch.rand(shape, generator=g) for g in self.generators]).to(
            self.device
        )
