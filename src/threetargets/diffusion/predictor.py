"""From a network to what samplers, guidance and bounds ask for: the prediction (x0, eps) at a noise
level."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from threetargets.diffusion.kernel import aligned, like, signal_noise
from threetargets.diffusion.target import Prediction, Target

Network = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x_t (B, C, H, W) float32, log_snr (B,) float32, labels (B,)) -> raw output (B, C, H, W). A
log_snr or a label that all rows share may come as one row: what depends on them alone is then
computed once."""

Predictor = Callable[[Tensor, Tensor], Prediction]
"""(x_t (B, ...), log_snr ()) -> Prediction, in the dtype of x_t. A guided predictor is a
predictor."""


def raw(network: Network, x_t: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
    """The network's output in the dtype of x_t, (B, C or 2C, ...): it runs in float32 (or
    autocast), whatever the state's precision."""
    out = network(x_t.to(torch.float32), log_snr.to(x_t.device, torch.float32).view(-1), labels)
    return out.to(x_t.dtype)


def predict(
    network: Network, target: Target, x_t: Tensor, log_snr: Tensor, labels: Tensor
) -> Prediction:
    """Decode the network's output at x_t. `log_snr` has shape () or (B,)."""
    a, s = (aligned(v, x_t) for v in signal_noise(log_snr.to(x_t.device, torch.float64)))
    return read(raw(network, x_t, log_snr, labels), target, x_t, a, s)


def read(out: Tensor, target: Target, x_t: Tensor, a: Tensor, s: Tensor) -> Prediction:
    """Decode a raw output, whose first C channels are the target's; a head of the variance may
    follow them (likelihood.learned)."""
    own = out[:, : x_t.shape[1]]
    return target.decode(target.scale(a, s).to(own) * own, x_t, a, s)


def clipped(predictor: Predictor, low: float = -1.0, high: float = 1.0) -> Predictor:
    """x0 clipped to the pixels' range and eps re-derived, so that x_t = a x0 + s eps still holds.
    Comes last, after guidance."""

    def clip(x_t: Tensor, log_snr: Tensor) -> Prediction:
        a, s = (like(v, x_t) for v in signal_noise(log_snr.to(x_t.device, torch.float64)))
        x0 = predictor(x_t, log_snr).x0.clamp(low, high)
        return Prediction(x0, (x_t - a * x0) / s)

    return clip
