"""Proper distributions over the K grey levels of a pixel, in log space, with no clamp.

Level k stands for the bin [2k/K - 1, 2(k+1)/K - 1]; the end bins reach to infinity, so the K
probabilities sum to 1. Adding one: a class with `channels`, `log_prob` and `sample`, and a line in
DECODERS.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from threetargets.levels import nearest
from threetargets.likelihood.gaussian import total


class Decoder(Protocol):
    def channels(self, count: int) -> int:
        """Numbers of parameters for each pixel."""
        ...

    def log_prob(self, levels: Tensor, parameters: Tensor, count: int) -> Tensor:
        """log p(levels), nats per example, shape (B,). levels: (B, *shape) integers; parameters:
        (B, channels, *shape)."""
        ...

    def sample(self, parameters: Tensor, u: Tensor, count: int) -> Tensor:
        """Levels, uint8, of uniform numbers u in [0, 1) of shape (B, *shape), by the inverse of the
        distribution function."""
        ...


def bin_edges(levels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Lower and upper edge of the bins, float64; -inf below level 0 and +inf above level K - 1."""
    k = levels.double()
    low = torch.where(k <= 0, -torch.inf, 2 * k / count - 1)
    high = torch.where(k >= count - 1, torch.inf, 2 * (k + 1) / count - 1)
    return low, high


def _log_difference(log_big: Tensor, log_small: Tensor) -> Tensor:
    """log(exp(log_big) - exp(log_small)) for log_big > log_small; log_small may be -inf."""
    return log_big + torch.log(-torch.expm1(log_small - log_big))


def gaussian_log_mass(levels: Tensor, mean: Tensor, std: Tensor, count: int) -> Tensor:
    """log [Phi((high - mean) / std) - Phi((low - mean) / std)] per element, float64.

    Both tails are taken on the side where Phi is small, so that the logarithm is right, and its
    gradient alive, however far `mean` lies from the bin. (The usual form clamps at 1e-12 and is
    then no bound: 39.9 bits where 438.9 are due.)
    """
    low, high = bin_edges(levels, count)
    mean, std = mean.double(), std.double()
    # An infinite edge is replaced before the division: its gradient would be 0 * inf.
    no_low, no_high = torch.isinf(low), torch.isinf(high)
    z_low = (torch.where(no_low, 0.0, low) - mean) / std
    z_high = (torch.where(no_high, 0.0, high) - mean) / std
    upper = (z_low + z_high) > 0
    near = torch.where(upper, -z_low, z_high)
    far = torch.where(upper, -z_high, z_low)
    inner = no_low | no_high
    safe_far = torch.where(inner, near - 1.0, far)
    middle = _log_difference(torch.special.log_ndtr(near), torch.special.log_ndtr(safe_far))
    ends = torch.special.log_ndtr(torch.where(no_low, z_high, -z_low))
    return torch.where(no_low & no_high, torch.zeros_like(middle), torch.where(inner, ends, middle))


class Gaussian:
    """A Gaussian for each pixel, integrated over the bins. Parameters: mean, log standard
    deviation."""

    def channels(self, count: int) -> int:
        return 2

    def log_prob(self, levels: Tensor, parameters: Tensor, count: int) -> Tensor:
        mean, log_std = parameters.double().unbind(1)
        return total(gaussian_log_mass(levels, mean, torch.exp(log_std), count))

    def sample(self, parameters: Tensor, u: Tensor, count: int) -> Tensor:
        mean, log_std = parameters.double().unbind(1)
        return nearest(
            mean + torch.exp(log_std) * torch.special.ndtri(u.double().clamp(min=1e-300)), count
        )


class Logistic:
    """A logistic for each pixel, integrated over the bins (Salimans et al. 2017, arXiv:1701.05517).
    Parameters: mean, log scale.

    sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)) keeps the logarithm exact in
    both tails.
    """

    def channels(self, count: int) -> int:
        return 2

    def log_prob(self, levels: Tensor, parameters: Tensor, count: int) -> Tensor:
        mean, log_scale = parameters.double().unbind(1)
        low, high = bin_edges(levels, count)
        no_low, no_high = torch.isinf(low), torch.isinf(high)
        inverse = torch.exp(-log_scale)
        z_low = (torch.where(no_low, 0.0, low) - mean) * inverse
        z_high = (torch.where(no_high, 0.0, high) - mean) * inverse
        below_high = torch.where(no_high, 0.0, F.logsigmoid(z_high))
        above_low = torch.where(no_low, 0.0, F.logsigmoid(-z_low))
        width = torch.where(no_low | no_high, 1.0, 2.0 / count * inverse)
        shrink = torch.where(no_low | no_high, 0.0, torch.log(-torch.expm1(-width)))
        return total(below_high + above_low + shrink)

    def sample(self, parameters: Tensor, u: Tensor, count: int) -> Tensor:
        mean, log_scale = parameters.double().unbind(1)
        u = u.double().clamp(min=1e-300)
        return nearest(mean + torch.exp(log_scale) * (torch.log(u) - torch.log1p(-u)), count)


class Categorical:
    """Free probabilities of the K levels. Parameters: K logits. With K = 2 it is the Bernoulli
    decoder."""

    def channels(self, count: int) -> int:
        return count

    def log_prob(self, levels: Tensor, parameters: Tensor, count: int) -> Tensor:
        return total(F.log_softmax(parameters, 1).gather(1, levels.long().unsqueeze(1)).squeeze(1))

    def sample(self, parameters: Tensor, u: Tensor, count: int) -> Tensor:
        below = F.softmax(parameters.double(), 1).cumsum(1)
        return (u.double().unsqueeze(1) >= below).sum(1).clamp(max=count - 1).to(torch.uint8)


class Bernoulli:
    """K = 2 only: the probability of level 1. Parameters: its logit. Half the outputs of
    Categorical."""

    def channels(self, count: int) -> int:
        if count != 2:
            raise ValueError(f"the bernoulli decoder is for 2 levels, not {count}")
        return 1

    def log_prob(self, levels: Tensor, parameters: Tensor, count: int) -> Tensor:
        logits = parameters.squeeze(1)
        return -total(
            F.binary_cross_entropy_with_logits(logits, levels.to(logits), reduction="none")
        )

    def sample(self, parameters: Tensor, u: Tensor, count: int) -> Tensor:
        return (u.double() >= torch.sigmoid(-parameters.squeeze(1).double())).to(torch.uint8)


def expected_level(decoder: Decoder, parameters: Tensor, count: int) -> Tensor:
    """sum_k k p(k) of each pixel, float64 (B, *shape): what a decoder's mean image is, whatever its
    form."""
    channels, shape = parameters.shape[1], parameters.shape[2:]
    pixels = parameters.movedim(1, -1).reshape(-1, channels, 1)  # each pixel as an image of its own
    levels = torch.arange(count, device=parameters.device)
    chances = [
        torch.exp(decoder.log_prob(k.expand(len(pixels), 1), pixels, count).double())
        for k in levels
    ]
    return (
        torch.stack([k * p for k, p in zip(levels, chances, strict=True)]).sum(0).view(-1, *shape)
    )


DECODERS: dict[str, Decoder] = {
    "gaussian": Gaussian(),
    "logistic": Logistic(),
    "categorical": Categorical(),
    "bernoulli": Bernoulli(),
}
