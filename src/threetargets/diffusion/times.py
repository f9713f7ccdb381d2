"""How the noise level i of a training example is drawn: unbiased for the mean over i = 1..T,
whatever the proposal."""

from __future__ import annotations

import torch
from torch import Tensor

from threetargets.diffusion.schedule import Table

PROPOSALS = ("uniform", "log-snr", "log-snr-decoder")
DECODER_SHARE = 0.25


def proposal(table: Table, name: str) -> Tensor:
    """Probabilities of i = 1..T, shape (T,), float64.

    uniform: 1/T. log-snr: proportional to l_{i-1} - l_i, so that the elbo weight in eps units is
    nearly constant over draws; i = 1, whose interval is infinite, takes as much as i = 2.
    log-snr-decoder: a quarter of the draws at i = 1, the decoder's term, which is one noise level
    of T and a large part of the bound; the others as log-snr.
    """
    if name not in PROPOSALS:
        raise ValueError(f"unknown proposal {name!r}; expected one of {', '.join(PROPOSALS)}")
    if name == "uniform" or table.steps == 1:
        return table.log_snr.new_full((table.steps,), 1.0 / table.steps, dtype=torch.float64)
    width = table.log_snr[1:-1] - table.log_snr[2:]
    if name == "log-snr-decoder":
        rest = (1.0 - DECODER_SHARE) * width / width.sum()
        return torch.cat([rest.new_full((1,), DECODER_SHARE), rest])
    width = torch.cat([width[:1], width])
    return width / width.sum()


def stratified(count: int, generator: torch.Generator) -> Tensor:
    """`count` numbers in [0, 1), one in each interval [b/count, (b+1)/count), float64 (Kingma et
    al. 2021, section I.1)."""
    u = torch.rand((), generator=generator, dtype=torch.float64, device=generator.device)
    return (torch.arange(count, dtype=torch.float64, device=generator.device) + u) / count


def draw(table: Table, name: str, u: Tensor) -> tuple[Tensor, Tensor]:
    """Noise levels i in 1..T and weights 1 / (T p_i) of uniform numbers u: the mean of weight *
    f(i) estimates mean_i f(i)."""
    p = proposal(table, name).to(u.device)
    i = torch.searchsorted(p.cumsum(0), u, right=True).clamp(max=table.steps - 1) + 1
    return i, 1.0 / (table.steps * p[i - 1])


def single_draw_std(terms: Tensor, table: Table, name: str) -> float:
    """Standard deviation of the estimate terms[n, i - 1] / p_i of the bound by one image n and one
    noise level i ~ p.

    terms: (N, T), the bound's terms of N images. Exact over i, empirical over images: sqrt(mean_n
    sum_i f^2 / p_i - (mean_n sum_i f)^2).
    """
    second = (terms.double() ** 2 / proposal(table, name)).sum(1).mean()
    return float((second - terms.double().sum(1).mean() ** 2).clamp(min=0).sqrt())
