"""What a network makes of noised examples, in one pass over the noise levels, and the bounds that
follow from it under every reverse variance, the network's own among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from threetargets.diffusion.kernel import add_noise
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import Prediction
from threetargets.levels import centres
from threetargets.likelihood.bound import (
    LEARNED,
    Bound,
    decoder_term,
    denoising_terms,
    prior_term,
)
from threetargets.likelihood.gaussian import total
from threetargets.likelihood.learned import terms
from threetargets.streams import generator


@dataclass(frozen=True)
class Denoised:
    """What a denoiser did with N noised examples, float64: all that the bound takes from it,
    whatever the variance.

    levels (N, ...) and their K; squared (N, T): |x_0 - x0^(x_i)|^2, averaged over the draws; first
    (draws, N, ...): x0^(x_1); own (N, T): the bound's terms at i = 1..T under the network's own
    variance, averaged over the draws, where it has a head of it.
    """

    table: Table
    levels: Tensor
    count: int
    squared: Tensor
    first: Tensor
    own: Tensor | None = None

    @property
    def dims(self) -> int:
        return self.levels[0].numel()

    @property
    def x0_mse(self) -> Tensor:
        """Per dimension, over examples, noise levels 1..T, shape (T,)."""
        return self.squared.mean(0) / self.dims

    @property
    def eps_mse(self) -> Tensor:
        """The same of eps^: SNR_i times that of x0^, since x_i = a x0^ + s eps^."""
        return self.x0_mse * torch.exp(self.table.log_snr[1:])

    def of_first(self, n: int) -> Denoised:
        """Of the first n examples alone."""
        squared, first = self.squared[:n], self.first[:, :n]
        own = self.own if self.own is None else self.own[:n]
        return Denoised(self.table, self.levels[:n], self.count, squared, first, own)

    def respaced(self, steps: int) -> Denoised:
        """At `steps` of the noise levels, evenly chosen, the first and the last among them: what
        the shorter process takes from the same network calls (Nichol & Dhariwal 2021,
        arXiv:2102.09672, section 4, on fewer sampling steps). The network's own variance is of
        single steps, and is left out."""
        i, table = _spread(self.table, steps), spaced(self.table, steps)
        return Denoised(table, self.levels, self.count, self.squared[:, i - 1], self.first)

    def bound(self, variance: str, mse: Tensor | None = None) -> Bound:
        """The bound with this reverse variance; mse (T,) for a fitted one, from examples other than
        these. Raises ValueError for `learned` where the network has no head."""
        prior = prior_term(centres(self.levels, self.count).double(), self.table)
        if variance in LEARNED:
            if self.own is None:
                raise ValueError(f"variance {variance!r}: the network has no head for it")
            return Bound(prior, self.own[:, 1:], self.own[:, 0])
        denoising = denoising_terms(self.squared[:, 1:], self.table, variance, self.dims, mse)
        decoder = [
            decoder_term(self.levels, x0, self.table, variance, self.count, mse)
            for x0 in self.first
        ]
        return Bound(prior, denoising, torch.stack(decoder).mean(0))


def _spread(table: Table, steps: int) -> Tensor:
    """`steps` of the indices 1..T, evenly chosen, the first and the last among them."""
    return torch.linspace(1, table.steps, steps, dtype=torch.float64).round().long()


def spaced(table: Table, steps: int) -> Table:
    """The process at `steps` of its noise levels, evenly chosen, the first and the last among
    them."""
    index = torch.cat([torch.zeros(1, dtype=torch.long), _spread(table, steps)])
    return Table(table.log_snr[index.to(table.log_snr.device)])


class Headed(NamedTuple):
    """x0^ and the head of the variance (likelihood.learned), both (B, C, ...)."""

    x0: Tensor
    head: Tensor


Denoiser = Callable[[Tensor, Tensor], Prediction | Headed]
"""(x_t (B, C, ...), log_snr ()) -> x0^, and what comes with it."""


def denoise(
    predictors: Sequence[tuple[slice, Denoiser]],
    table: Table,
    levels: Tensor,
    count: int,
    *,
    seed: int,
    draws: int = 1,
) -> Denoised:
    """Noise every example to every noise level, `draws` times each, and denoise it.

    levels: (N, C, H, W) integers. predictors: the predictor of each batch (its labels are bound).
    The noise of step i and draw d is one stream over all N examples, so the batch size changes
    nothing. Computed in float64 around a float32 network; the result lies on the CPU.
    """
    x0 = centres(levels, count).double()
    squared = torch.zeros(len(x0), table.steps, dtype=torch.float64)
    first = torch.zeros(draws, *x0.shape, dtype=torch.float64)
    own: Tensor | None = None
    with torch.no_grad():
        for i in range(1, table.steps + 1):
            log_snr = table.log_snr[i].to(x0.device)
            for draw in range(draws):
                noise = torch.randn(x0.shape, generator=generator(seed, "bound", i, draw)).to(x0)
                for rows, predictor in predictors:
                    guess = predictor(add_noise(x0[rows], noise[rows], log_snr), log_snr)
                    squared[rows, i - 1] += (total((guess.x0 - x0[rows]) ** 2) / draws).cpu()
                    if i == 1:
                        first[draw, rows] = guess.x0.cpu()
                    if isinstance(guess, Headed):
                        own = torch.zeros_like(squared) if own is None else own
                        index = torch.full((len(guess.x0),), i, device=x0.device)
                        part = terms(levels[rows], *guess, table, index, count)
                        own[rows, i - 1] += part.cpu() / draws
    return Denoised(table, levels.cpu(), count, squared, first, own)
