"""The denoising diffusion model: a network, a target, a weighting and a forward process."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from threetargets.diffusion.kernel import add_noise, aligned, signal_noise
from threetargets.diffusion.predictor import predict, raw, read
from threetargets.diffusion.schedule import Table
from threetargets.diffusion.target import TARGETS, Prediction, Target
from threetargets.diffusion.times import draw, stratified
from threetargets.diffusion.weighting import WEIGHTINGS
from threetargets.families.diffusion import spec
from threetargets.families.diffusion.noisy_labels import noisy
from threetargets.families.diffusion.process import forward
from threetargets.levels import centres
from threetargets.likelihood.bound import decoder_term
from threetargets.likelihood.gaussian import total
from threetargets.likelihood.learned import variance_loss
from threetargets.networks.registry import denoiser
from threetargets.streams import ALL

if TYPE_CHECKING:
    from threetargets.data.read import Images, Manifest
    from threetargets.pipeline.cells import Run
    from threetargets.pipeline.records import Figure
    from threetargets.study.schema import Study


VARIANCE_SHARE = 1e-3
"""Of the bound, in the loss that also trains a head of the variance (Nichol & Dhariwal 2021,
arXiv:2102.09672, section 3.1)."""


class Ddpm(nn.Module):
    """p(x_{i-1} | x_i) from a predicted target (Ho et al. 2020, arXiv:2006.11239), conditional on a
    label that may be null."""

    def __init__(
        self,
        net: nn.Module,
        target: Target,
        weighting: str,
        table: Table,
        *,
        count: int,
        classes: int,
        proposal: str = "uniform",
        variance: str = "fixed-small",
        label_dropout: float = 0.0,
        learned_variance: bool = False,
    ):
        super().__init__()
        self.net, self.target, self.weighting, self.table = net, target, weighting, table
        self.count, self.classes = count, classes
        self.proposal, self.variance, self.label_dropout = proposal, variance, label_dropout
        self.learned_variance = learned_variance
        self.autocast: torch.dtype | None = None
        self.static = False  # see `static`

    @property
    def null(self) -> int:
        """The label that says nothing."""
        return self.classes

    def forward(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        return self.loss(images, labels, generator, share)

    def loss(
        self, images: Tensor, labels: Tensor, generator: torch.Generator, share: slice = ALL
    ) -> Tensor:
        """The weighted squared error per dimension, averaged over i = 1..T.

        Noise is drawn for the whole batch, whatever the share of it that this process computes. For
        `elbo`: the bound with the fixed-small variance for i >= 2, less L_T, in nats per dimension.
        """
        u = stratified(len(images), generator)
        i, importance = draw(self.table, self.proposal, u)
        eps = torch.randn(images.shape, generator=generator, device=images.device)
        if self.training and self.label_dropout > 0:
            drop = (
                torch.rand(len(labels), generator=generator, device=images.device)
                < self.label_dropout
            )
            labels = labels.masked_fill(drop, self.null)
        losses = self.example_loss(images[share], labels[share], i[share], eps[share])
        return (importance[share].to(eps) * losses).mean()

    def example_loss(self, images: Tensor, labels: Tensor, i: Tensor, eps: Tensor) -> Tensor:
        """The loss of each example at noise level i (B,) and noise eps, shape (B,): lambda(i)
        |eps - eps^|^2 / D.

        Computed on the network's raw output, where the numbers are of order 1; `elbo` is scaled by
        T, and its term at i = 1 is the decoder's -log p(x_0 | x_1).
        """
        x0, dims = centres(images, self.count), images[0].numel()
        log_snr = self.table.log_snr.to(i.device)[i]
        x_t = add_noise(x0, eps, log_snr)
        a, s = signal_noise(log_snr)
        with (
            torch.autocast(x0.device.type, self.autocast)
            if self.autocast and self.training
            else contextlib.nullcontext()
        ):
            out = self.net(x_t, log_snr.to(torch.float32), labels)
        whole = out.to(torch.float32)
        out, head = whole[:, : x_t.shape[1]], whole[:, x_t.shape[1] :]
        # In float64, where scaling by 1/s and back by s rounds away: `score` then regresses exactly
        # -eps.
        a_, s_ = aligned(a, x0), aligned(s, x0)
        scale = self.target.scale(a_, s_)
        wanted = self.target.encode(x0.double(), eps.double(), a_, s_) / scale
        squared = total((out - wanted.to(out)) ** 2) / dims
        index = i.clamp(min=2) if self.weighting == "elbo" else i
        weight = WEIGHTINGS[self.weighting](self.target, self._table_on(i.device), index)
        eps_error = self.target.scale(a, s) * self.target.eps_error(a, s)
        loss = (weight * eps_error**2).to(squared) * squared
        extra = self._variance_loss(images, out, head, x_t, i) if self.learned_variance else 0.0
        if self.weighting != "elbo":
            return loss + extra
        first = i == 1
        if self.static:
            decoded = self._decoder(images, out, x_t) / dims
            loss = torch.where(first, decoded.to(loss), loss)
        elif bool(first.any()):
            decoded = self._decoder(images[first], out[first], x_t[first]) / dims
            loss = loss.masked_scatter(first, decoded.to(loss))
        return self.table.steps * loss + extra

    def _variance_loss(
        self, images: Tensor, out: Tensor, head: Tensor, x_t: Tensor, i: Tensor
    ) -> Tensor:
        """The share of the bound that trains the head of the variance."""
        table = self._table_on(i.device)
        a, s = (aligned(v, x_t) for v in signal_noise(table.log_snr[i]))
        x0_hat = read(out, self.target, x_t, a, s).x0
        return VARIANCE_SHARE * variance_loss(images, x0_hat, head, table, i, self.count).to(out)

    def _decoder(self, images: Tensor, out: Tensor, x_t: Tensor) -> Tensor:
        """-log p(x_0 | x_1) of every example as though it were at i = 1, nats, shape (B,):
        finite, and so its gradient, whatever i is."""
        a, s = (aligned(v, x_t) for v in signal_noise(self.table.log_snr[1:2]))
        guess = read(out, self.target, x_t, a, s)
        return decoder_term(images, guess.x0, self.table, self.variance, self.count)

    def _table_on(self, device: torch.device) -> Table:
        here = self.table.log_snr.device == device
        return self.table if here else Table(self.table.log_snr.to(device))

    def conditional(self, x_t: Tensor, log_snr: Tensor, labels: Tensor) -> Prediction:
        """The prediction (x0, eps) at x_t for the given labels."""
        return predict(self.net, self.target, x_t, log_snr, labels)

    def headed(self, x_t: Tensor, log_snr: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """x0^ and the head of the variance."""
        a, s = (aligned(v, x_t) for v in signal_noise(log_snr.to(x_t.device, torch.float64)))
        out = raw(self.net, x_t, log_snr, labels)
        return read(out, self.target, x_t, a, s).x0, out[:, x_t.shape[1] :]


def build(study: Study, data: Manifest, run: Run) -> Ddpm:
    cell, chosen = spec.of(run.cell), spec.process(study, run.cell)
    channels = data.shape[0] * (2 if chosen.learned_variance else 1)
    return Ddpm(
        denoiser(spec.network(study, cell), data.shape, data.classes, channels),
        replace(TARGETS[cell.target], data_std=data.std),
        cell.weighting,
        forward(chosen),
        count=data.levels,
        classes=data.classes,
        proposal=chosen.time_sampling[cell.weighting],
        variance=chosen.variance,
        label_dropout=chosen.label_dropout,
        learned_variance=chosen.learned_variance,
    )


def labels(study: Study, data: Manifest, run: Run, labels: Tensor) -> Tensor:
    return noisy(labels, data.classes, spec.process(study, run.cell).label_noise, run.seed)


def ready(study: Study, model: nn.Module, device: torch.device) -> None:
    assert isinstance(model, Ddpm)
    if study.precision == "bf16":
        model.autocast = torch.bfloat16
    if device.type != "cuda":
        return
    static(model, device)
    if study.compile:
        # The network and not the loss: it has nearly all the memory traffic, and is one program
        # for all targets and weightings, compiled once and then found in the compiler's cache.
        model.net.compile(dynamic=False)


def static(model: Ddpm, device: torch.device) -> None:
    """For a device that computes while the host runs on: the table lies there, and neither shapes
    nor the host depend on what was drawn. The decoder's term is then computed for all examples and
    chosen for those at i = 1; convolutions have channels last, as tensor cores read them."""
    model.table, model.static = Table(model.table.log_snr.to(device)), True
    model.to(memory_format=torch.channels_last)


def scores(model: nn.Module, splits: Mapping[str, Images], device: torch.device) -> list[Figure]:
    return []
