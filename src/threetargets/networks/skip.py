"""A path from the noisy image to the output, beside any network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from threetargets.networks.embedding import LogSnrFeatures


class InputSkip(nn.Module):
    """net(x_t, l, y) + g(l) x_t, on the first C channels: the noisy image reaches the last layer
    through a gate that is learned on the noise level, one number for each, and starts at 0. A
    network that has to return its input to a precision (x0 at fine noise, eps at coarse noise) need
    not carry it through its layers."""

    def __init__(self, net: nn.Module, width: int = 64):
        super().__init__()
        self.net = net
        features = LogSnrFeatures()
        gate = nn.Linear(width, 1)
        nn.init.zeros_(gate.weight)
        nn.init.zeros_(gate.bias)
        self.gate = nn.Sequential(features, nn.Linear(features.width, width), nn.SiLU(), gate)

    @property
    def last(self) -> nn.Module:
        """The network's own last layer."""
        last = self.net.last
        assert isinstance(last, nn.Module)
        return last

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        out: Tensor = self.net(x, log_snr, labels)
        # In float32 whatever the rest is in, as the last layer is.
        with torch.autocast(x.device.type, enabled=False):
            gate: Tensor = self.gate(log_snr)
            through, channels = gate.view(-1, *[1] * (x.ndim - 1)) * x, x.shape[1]
            if out.shape[1] == channels:
                return out + through
            return torch.cat([out[:, :channels] + through, out[:, channels:]], 1)
