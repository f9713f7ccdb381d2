"""A VAE of L layers whose encoders' conditional entropies are known, and its bound cut by phases.

q(z_l | z_{l-1}) = N(sqrt(1 - tau^2) f(z_{l-1}), tau^2 I), z_0 = y in [-1, 1], f of root mean square
1: without that, and with a tau that is learned, phase one has no optimum, since z_l tells the more
of z_{l-1} the larger it is beside its noise. p(z_{l-1} | z_l) = N(g(z_l), sigma_l^2 I), of y over
its bins; p(z_L) a mixture of Gaussians.

-log p(y) <= sum_l E[-log p(z_{l-1} | z_l)] + E[-log p(z_L)] - sum_l H(z_l | z_{l-1}): phase one's
losses, phase two's, and the entropies d_l/2 log(2 pi e tau^2), which neither phase has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from threetargets.experiments.digit_sizes import LEVELS, PIXELS
from threetargets.experiments.progressive_vae.spec import entropy
from threetargets.levels import centres, nearest
from threetargets.likelihood.decoders import gaussian_log_mass
from threetargets.likelihood.gaussian import log_density, total
from threetargets.networks.mlp import Perceptron

SMALL = 1e-12


class Way(nn.Module):
    """x (N, inputs) -> (N, outputs) through a core (width -> width), which may be another's too."""

    def __init__(self, inputs: int, outputs: int, width: int, core: nn.Module):
        super().__init__()
        self.first, self.last = nn.Linear(inputs, width), nn.Linear(width, outputs)
        self.core = core

    def forward(self, x: Tensor) -> Tensor:
        h = nn.functional.silu(self.first(x))
        made: Tensor = self.last(h + self.core(h))
        return made


class Layer(nn.Module):
    """Between z_{l-1} (N, below) and z_l (N, above); `forth` None: the encoder is fixed, f(z) =
    z."""

    def __init__(self, noise: float, forth: nn.Module | None, back: nn.Module):
        super().__init__()
        self.noise, self.forth, self.back = noise, forth, back
        self.log_std = nn.Parameter(torch.tensor(-1.0))

    def encode(self, z: Tensor, eps: Tensor) -> Tensor:
        """z_l of z_{l-1} and noise (N, above)."""
        if self.forth is not None:
            made = self.forth(z)
            z = made * (made.square().mean(1, keepdim=True) + SMALL).rsqrt()
        return math.sqrt(1 - self.noise**2) * z + self.noise * eps

    def misfit(self, below: Tensor, z: Tensor, grey: Tensor | None) -> Tensor:
        """-log p(z_{l-1} | z_l), nats (N,); of grey levels (N, D) where they are given."""
        mean = self.back(z)
        if grey is None:
            return -log_density(below, mean, self.log_std.expand_as(mean))
        return -total(gaussian_log_mass(grey, mean, self.log_std.exp(), LEVELS))


class Prior(nn.Module):
    """A mixture of diagonal Gaussians over z (N, d)."""

    def __init__(self, components: int, dims: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(torch.randn(components, dims))
        self.log_std = nn.Parameter(torch.zeros(components, dims))

    def log_prob(self, z: Tensor) -> Tensor:
        """nats, (N,)."""
        own = Independent(Normal(self.mean, self.log_std.exp(), validate_args=False), 1)
        of = Categorical(logits=self.logits, validate_args=False)
        made: Tensor = MixtureSameFamily(of, own, validate_args=False).log_prob(z)
        return made

    def sample(self, count: int, source: torch.Generator) -> Tensor:
        which = torch.multinomial(self.logits.softmax(0), count, True, generator=source)
        noise = torch.randn(count, self.mean.shape[1], generator=source)
        return self.mean[which] + self.log_std[which].exp() * noise


class Progressive(nn.Module):
    """Layers from the image up, and the prior; `fixed`: with fixed encoders, whose latents all have
    the data's dimension; `shared`: with one core for all encoders and one for all decoders."""

    def __init__(
        self,
        latents: Sequence[int],
        noise: float,
        width: int,
        components: int,
        *,
        fixed: bool = False,
        shared: bool = False,
    ):
        super().__init__()
        self.latents = [PIXELS] * len(latents) if fixed else list(latents)
        self.noise, below = noise, [PIXELS, *self.latents[:-1]]

        def cores() -> tuple[nn.Module, nn.Module]:
            return Perceptron(width, width, width, 1), Perceptron(width, width, width, 1)

        common, made = cores() if shared else None, []
        for b, d in zip(below, self.latents, strict=True):
            forth, back = common or cores()
            encoder = None if fixed else Way(b, d, width, forth)
            made.append(Layer(noise, encoder, Way(d, b, width, back)))
        self.layers, self.prior = nn.ModuleList(made), Prior(components, self.latents[-1])

    def __getitem__(self, place: int) -> Layer:
        layer = self.layers[place]
        assert isinstance(layer, Layer)
        return layer

    @property
    def size(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.parameters())

    @property
    def entropy(self) -> float:
        """sum_l H(z_l | z_{l-1}), nats."""
        return sum(self.latents) * entropy(self.noise)

    def below(self, place: int, grey: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """z of so many layers up, of grey levels (N, D) and noise (N, d_l) of each layer."""
        z = centres(grey, LEVELS)
        for layer, eps in enumerate(noise[:place]):
            z = self[layer].encode(z, eps)
        return z

    def misfit(self, place: int, below: Tensor, z: Tensor, grey: Tensor) -> Tensor:
        """-log p(z_{l-1} | z_l), nats (N,)."""
        return self[place].misfit(below, z, grey if place == 0 else None)

    def parts(self, grey: Tensor, noise: Sequence[Tensor]) -> dict[str, Tensor]:
        """`phase_one` and `phase_two` of each image, nats (N,): the bound is their sum less
        `entropy`."""
        z, one = centres(grey, LEVELS), torch.zeros(len(grey))
        for place, eps in enumerate(noise):
            above = self[place].encode(z, eps)
            one = one + self.misfit(place, z, above, grey)
            z = above
        return {"phase_one": one, "phase_two": -self.prior.log_prob(z)}

    def sample(self, count: int, source: torch.Generator) -> Tensor:
        """Grey levels (count, D): from the prior down the decoders."""
        z = self.prior.sample(count, source)
        for place in reversed(range(len(self.latents))):
            mean, std = self[place].back(z), self[place].log_std.exp()
            z = mean + std * torch.randn(mean.shape, generator=source)
        return nearest(z, LEVELS)
