"""One seed of the amortised experiment: a trained VAE's gaps, and those of a linear decoder."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn

from threetargets.experiments import small_images
from threetargets.experiments.amortised import inference
from threetargets.experiments.amortised.inference import LogLikelihood, Q, Search, diagonal
from threetargets.experiments.amortised.linear_decoder import LinearDecoder
from threetargets.experiments.amortised.spec import PARTS, Amortised, Model, PerImage
from threetargets.experiments.checked_figures import mean_figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.digit_sizes import PIXELS
from threetargets.experiments.fitting import fit
from threetargets.networks.mlp import Perceptron
from threetargets.pipeline.records import Figure
from threetargets.streams import generator, key
from threetargets.study.values import Section


class Vae(nn.Module):
    """Perceptrons each way; x (N, 64) of 0 and 1 as float."""

    def __init__(self, chosen: Model):
        super().__init__()
        self.encoder = Perceptron(PIXELS, 2 * chosen.latent, chosen.hidden, chosen.depth)
        self.decoder = Perceptron(chosen.latent, PIXELS, chosen.hidden, chosen.depth)

    def encode(self, x: Tensor) -> Q:
        mean, log_std = self.encoder(x).chunk(2, 1)
        return diagonal(mean, log_std.exp())

    def log_likelihood(self, x: Tensor) -> LogLikelihood:
        def of(z: Tensor) -> Tensor:
            logits = self.decoder(z)
            value: Tensor = (x * logits - nn.functional.softplus(logits)).sum(-1)
            return value

        return of


def trained(block: Amortised, images: Tensor, seed: int) -> Vae:
    chosen = block.digits
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, "amortised/init"))
        net = Vae(chosen)

    def loss(step: int) -> Tensor:
        source = generator(seed, "amortised/train", step)
        x = small_images.batch(images, chosen.training.batch, source)
        noise = torch.randn(1, len(x), chosen.latent, generator=source)
        return -inference.bound(net.log_likelihood(x), net.encode(x), noise).mean()

    fit(net, loss, chosen.training)
    return net.requires_grad_(False)


def _search(own: PerImage) -> Search:
    return Search(own.steps, own.draws, own.learning_rate)


def gaps(
    own: PerImage, likelihood: LogLikelihood, start: Q, seed: int
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Bounds of each x, (N,): of `encoder` (the start), `mean-field` and `full`, both from there,
    and `log-p`; the means on the way of log p less the bound."""
    with torch.no_grad():
        source = generator(seed, "amortised/evaluation")
        shape = (own.evaluation, *start.mean.shape)
        noise = torch.randn(shape, generator=source, dtype=start.mean.dtype)

        def value(q: Q) -> Tensor:
            return torch.cat(
                [inference.bound(likelihood, q, part)[None] for part in noise.split(500)]
            ).mean(0)

        values = {"encoder": value(start)}
    at = sorted({round(k * own.steps / (own.points - 1)) for k in range(own.points)})
    curves, q = dict[str, list[float]](), start
    for name, full in (("mean-field", False), ("full", True)):
        curve = list[float]()

        def seen(step: int, q: Q, curve: list[float] = curve) -> None:
            if step in at:
                with torch.no_grad():
                    curve.append(float(value(q).mean()))

        stream = generator(seed, f"amortised/{name}")
        q = inference.optimised(likelihood, start, full, _search(own), stream, seen)
        with torch.no_grad():
            values[name] = value(q)
        curves[name] = curve
    stream = generator(seed, "amortised/importance")
    values["log-p"] = inference.log_marginal(likelihood, q, own.importance, stream)
    exact = float(values["log-p"].mean())
    below = {name: [exact - one for one in curve] for name, curve in curves.items()}
    return values, {"step": at, **below}


def _figures(part: str, values: dict[str, Tensor]) -> list[Figure]:
    """Bounds, and the gaps between them, with standard errors over the images."""
    rows = {f"{part}/{name}": v for name, v in values.items()}
    rows[f"{part}/amortisation"] = values["mean-field"] - values["encoder"]
    rows[f"{part}/approximation"] = values["log-p"] - values["mean-field"]
    rows[f"{part}/full-gap"] = values["log-p"] - values["full"]
    return [mean_figure(name, v) for name, v in rows.items()]


def _linear(block: Amortised, seed: int) -> list[Figure]:
    """What the same search gives where the answer is known, from a q of half the deviations."""
    chosen, own = block.linear, block.inference
    source = generator(seed, "amortised/linear")
    weight = torch.randn(chosen.size, chosen.latent, generator=source, dtype=torch.float64)
    decoder = LinearDecoder(weight, chosen.noise)
    z = torch.randn(own.images, chosen.latent, generator=source, dtype=torch.float64)
    noise = torch.randn(own.images, chosen.size, generator=source, dtype=torch.float64)
    x = z @ weight.T + chosen.noise * noise
    best = decoder.encoder(x)
    values, _ = gaps(own, decoder.log_likelihood(x), Q(best.mean, 0.5 * best.root), seed)
    exact = decoder.log_marginal(x)
    return [
        Figure("linear/mean-field", float((exact - values["mean-field"]).mean())),
        Figure("linear/full", float((exact - values["full"]).mean())),
        Figure("linear/log-p", float((exact - values["log-p"]).mean())),
        Figure("linear/exact", decoder.gap),
    ]


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures <part>/encoder, mean-field, full and log-p (nats an image), the gaps amortisation,
    approximation and full-gap between them; linear/.., gaps to the exact log p(x)."""
    assert isinstance(block, Amortised)
    start = time.monotonic()
    images = {
        part: small_images.binary(small_images.digits(block.split, part)).flatten(1).float()
        for part in PARTS
    }
    net = trained(block, images["train"], seed)
    tell(f"seed {seed}: trained ({time.monotonic() - start:.1f} s)")
    figures, curves, arrays = list[Figure](), dict[str, Any](), {}
    for part in PARTS:
        start = time.monotonic()
        x = images[part][: block.inference.images]
        values, curves[part] = gaps(block.inference, net.log_likelihood(x), net.encode(x), seed)
        figures += _figures(part, values)
        arrays[part] = (values["mean-field"] - values["encoder"]).numpy()
        gap = float((values["mean-field"] - values["encoder"]).mean())
        tell(f"seed {seed}: {part}: {gap:.3f} nats amortised ({time.monotonic() - start:.1f} s)")
    return Measured([*figures, *_linear(block, seed)], curves, arrays)
