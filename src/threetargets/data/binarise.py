"""Binary images from grey ones: each pixel is 1 with the probability of its grey level.

Static binarisation draws once, before the study; dynamic binarisation draws training images anew
whenever they are seen (Salakhutdinov & Murray 2008; Burda et al. 2016, arXiv:1509.00519, section
5).
"""

from __future__ import annotations

import torch
from torch import Tensor


def draw(grey: Tensor, generator: torch.Generator) -> Tensor:
    """Levels 0 and 1, uint8, P(1) = grey / 255, of grey levels 0..255 of any shape.

    u < grey / 255 with u uniform in [0, 1): black stays 0 and white stays 1, whatever u is.
    """
    u = torch.rand(grey.shape, generator=generator, device=generator.device)
    return (u.to(grey.device) * 255 < grey).to(torch.uint8)
