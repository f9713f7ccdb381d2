"""The variational autoencoder with L >= 1 layers of latents; L = 1 is the VAE, L >= 2 the Markovian
hierarchical VAE.

p(z_L) = N(0, I), p(z_l | z_{l+1}) and p(x | z_1) learned; q(z_1 | x) and q(z_l | z_{l-1}) learned,
all diagonal Gaussians but the decoder, which is a distribution over the K grey levels. (Kingma &
Welling 2014, arXiv:1312.6114; Luo 2022, arXiv:2208.11970, section 3.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from threetargets.families.autoencoder import spec
from threetargets.levels import centres
from threetargets.likelihood.decoders import DECODERS, Decoder, expected_level
from threetargets.likelihood.gaussian import kl_to_standard, log_density
from threetargets.networks.mlp import Perceptron
from threetargets.streams import ALL, PerSample

if TYPE_CHECKING:
    from threetargets.data.read import Images, Manifest
    from threetargets.pipeline.cells import Run
    from threetargets.pipeline.records import Figure
    from threetargets.study.schema import Study


def mean_log_std(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation; the latter is kept in (-6, 6) by a smooth bound."""
    mean, raw = parameters.chunk(2, -1)
    return mean, 6.0 * torch.tanh(raw / 6.0)


class Vae(nn.Module):
    def __init__(
        self,
        shape: Sequence[int],
        latents: Sequence[int],
        *,
        width: int,
        depth: int,
        decoder: Decoder,
        count: int,
        closed_form: bool = True,
        samples: int = 1,
        activation: str = "silu",
    ):
        super().__init__()
        if closed_form and samples > 1:
            raise ValueError(
                "the importance-weighted bound takes sampled log ratios: no closed-form KL "
                "with samples > 1"
            )
        self.samples = samples
        self.shape, self.latents, self.decoder = tuple(shape), tuple(latents), decoder
        self.count, self.closed_form = count, closed_form
        dims = math.prod(shape)
        below = [dims, *latents[:-1]]

        def perceptron(inputs: int, outputs: int) -> Perceptron:
            return Perceptron(inputs, outputs, width, depth, activation)

        self.encoders = nn.ModuleList(
            perceptron(b, 2 * z) for b, z in zip(below, latents, strict=True)
        )
        self.priors = nn.ModuleList(
            perceptron(above, 2 * z) for z, above in itertools.pairwise(latents)
        )
        self.decode_net = perceptron(latents[0], decoder.channels(count) * dims)

    def forward(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        return self.loss(images, labels, generator, share)

    def loss(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        """The negative bound in nats per dimension: the ELBO with one draw of z for each image, or
        for samples = k > 1 -log of the mean of k importance weights (Burda et al. 2016,
        arXiv:1509.00519, eq. 8)."""
        if self.samples > 1:
            weights = self.log_weights(images, self.samples, generator, share)
            return -(torch.logsumexp(weights, 0) - math.log(self.samples)).mean() / math.prod(
                self.shape
            )
        noise = [
            torch.randn(len(images), z, generator=generator, device=images.device)
            for z in self.latents
        ]
        terms = self.elbo_terms(images[share], [eps[share] for eps in noise])
        return sum(terms.values(), torch.zeros((), device=images.device)).mean() / math.prod(
            self.shape
        )

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z_1 | x), each (B, d_1)."""
        return mean_log_std(self.encoders[0](centres(images, self.count).flatten(1)))

    def posterior(
        self, images: Tensor, noise: Sequence[Tensor], bottom: tuple[Tensor, Tensor] | None = None
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """(z_l, mean, log_std) of q for each layer, bottom first, with z_l = mean + exp(log_std) *
        noise_l.

        bottom: `encode(images)`, where it is known already.
        """
        layers: list[tuple[Tensor, Tensor, Tensor]] = []
        for encoder, eps in zip(self.encoders, noise, strict=True):
            mean, log_std = (
                mean_log_std(encoder(layers[-1][0])) if layers else bottom or self.encode(images)
            )
            layers.append((mean + torch.exp(log_std) * eps, mean, log_std))
        return layers

    def log_prior(self, layer: int, z: Tensor, above: Tensor | None) -> Tensor:
        """log p(z_l | z_{l+1}), or log N(z_L; 0, I) at the top, nats, shape (B,)."""
        if above is None:
            return log_density(z, torch.zeros_like(z), torch.zeros_like(z))
        return log_density(z, *mean_log_std(self.priors[layer](above)))

    def log_decoder(self, images: Tensor, z: Tensor) -> Tensor:
        """log p(x | z_1), nats, shape (B,)."""
        return self.decoder.log_prob(images, self._decoded(z), self.count)

    def _decoded(self, z: Tensor) -> Tensor:
        out: Tensor = self.decode_net(z)
        return out.view(len(z), self.decoder.channels(self.count), *self.shape)

    def elbo_terms(
        self,
        images: Tensor,
        noise: Sequence[Tensor],
        closed_form: bool | None = None,
        bottom: tuple[Tensor, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """The parts of the negative ELBO, nats, each of shape (B,): reconstruction, kl_1 .. kl_L.

        kl_l = log q(z_l | z_{l-1}) - log p(z_l | z_{l+1}) at the drawn z; the top one in closed
        form where asked for. Below the top there is none: z_{l+1} is drawn given z_l, so it depends
        on the variable that a closed form would integrate.
        """
        closed_form = self.closed_form if closed_form is None else closed_form
        layers = self.posterior(images, noise, bottom)
        terms = {"reconstruction": -self.log_decoder(images, layers[0][0])}
        for index, (z, mean, log_std) in enumerate(layers):
            top = index == len(layers) - 1
            if top and closed_form:
                terms[f"kl_{index + 1}"] = kl_to_standard(mean, log_std)
            else:
                above = None if top else layers[index + 1][0]
                terms[f"kl_{index + 1}"] = log_density(z, mean, log_std) - self.log_prior(
                    index, z, above
                )
        return terms

    def log_weights(
        self, images: Tensor, samples: int, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        """log p(x, z) - log q(z | x) of `samples` draws of z for each image of the share, nats,
        shape (samples, B): always sampled log ratios."""
        part, device = images[share], images.device
        noise = [
            torch.randn(samples, len(images), z, generator=generator, device=device)
            for z in self.latents
        ]
        repeated = part.repeat(samples, *[1] * (images.ndim - 1))
        bottom = [one.repeat(samples, 1) for one in self.encode(part)]  # the same for every draw
        each = [eps[:, share].flatten(0, 1) for eps in noise]
        terms = self.elbo_terms(repeated, each, closed_form=False, bottom=(bottom[0], bottom[1]))
        return -torch.stack(list(terms.values())).sum(0).view(samples, len(part))

    def sample(self, streams: PerSample) -> Tensor:
        """Levels, uint8 (B, C, H, W), one for each stream: z_L from the prior, down the layers, and
        a draw from the decoder."""
        with torch.no_grad():
            z = streams.normal(self.latents[-1])
            for layer in reversed(range(len(self.latents) - 1)):
                mean, log_std = mean_log_std(self.priors[layer](z))
                z = mean + torch.exp(log_std) * streams.normal(self.latents[layer])
            return self.decoder.sample(self._decoded(z), streams.uniform(*self.shape), self.count)

    def expected_levels(self, z: Tensor) -> Tensor:
        """The mean image of p(x | z_1), in grey levels, float64 (B, C, H, W)."""
        with torch.no_grad():
            return expected_level(self.decoder, self._decoded(z), self.count)


def build(study: Study, data: Manifest, run: Run) -> Vae:
    chosen = spec.parameters(study, run.cell)
    return Vae(
        data.shape,
        chosen.latents,
        width=chosen.width,
        depth=chosen.depth,
        decoder=DECODERS[chosen.decoder],
        count=data.levels,
        closed_form=chosen.kl == "closed-form",
        samples=chosen.samples,
        activation=chosen.activation,
    )


def labels(study: Study, data: Manifest, run: Run, labels: Tensor) -> Tensor:
    return labels


def ready(study: Study, model: nn.Module, device: torch.device) -> None:
    """Nothing: it is trained in float32, as it is."""


def scores(model: nn.Module, splits: Mapping[str, Images], device: torch.device) -> list[Figure]:
    return []
