"""A plain image transformer, for any image whose sides the patch divides."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from threetargets.networks.embedding import Condition


class Block(nn.Module):
    """Attention between all patches and a perceptron of each, both behind a normalisation that the
    condition scales and shifts: h + f(norm(h) (1 + p) + q). (Peebles & Xie 2023, arXiv:2212.09748,
    without the gates.)"""

    def __init__(self, width: int, heads: int, condition: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(condition, 4 * width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale_1, shift_1, scale_2, shift_2 = self.modulation(condition)[:, None].chunk(4, 2)
        h = h + self._attention(self.norm(h) * (1 + scale_1) + shift_1)
        return h + self.outer(silu(self.inner(self.norm(h) * (1 + scale_2) + shift_2)))

    def _attention(self, h: Tensor) -> Tensor:
        # (B, patches, width) -> (3, B, heads, patches, width / heads)
        parts = self.query_key_value(h).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        out: Tensor = self.mixed(
            scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        )
        return out


class Denoiser(nn.Module):
    """(x_t (B, C, H, W), log_snr (B,), labels (B,)) -> (B, `outputs` or C, H, W): patches of
    `patch` x `patch` pixels, each with a learned position, through `depth` blocks. The last layer
    starts at zero."""

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        outputs: int | None = None,
    ):
        super().__init__()
        channels, height, breadth = shape
        self.patch = patch
        dims, patches = channels * patch**2, (height // patch) * (breadth // patch)
        self.condition = Condition(width, classes)
        self.first = nn.Linear(dims, width)
        self.position = nn.Parameter(0.02 * torch.randn(1, patches, width))
        self.blocks = nn.ModuleList(Block(width, heads, width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, (outputs or channels) * patch**2)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor) -> Tensor:
        condition = self.condition(log_snr, labels)
        h = self.first(nn.functional.pixel_unshuffle(x, self.patch).flatten(2).transpose(1, 2))
        h = h + self.position
        for block in self.blocks:
            h = block(h, condition)
        # In float32 whatever the rest is in: eight bits would round an image that is nearly clean
        # to half a grey level.
        with torch.autocast(h.device.type, enabled=False):
            out = self.last(self.norm(h.float())).transpose(1, 2)
        rows, columns = (side // self.patch for side in x.shape[2:])
        return nn.functional.pixel_shuffle(out.unflatten(2, (rows, columns)), self.patch)
