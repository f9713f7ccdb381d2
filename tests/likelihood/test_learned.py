"""A learned reverse variance: against torch.distributions and against the fixed ones that its head
can say, the best head by gradient descent, and which outputs its loss trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

from threetargets.diffusion.kernel import posterior
from threetargets.diffusion.schedule import Cosine, table
from threetargets.diffusion.target import TARGETS, Prediction
from threetargets.families.diffusion.model import Ddpm
from threetargets.levels import centres
from threetargets.likelihood.bound import prior_term, reverse_variance
from threetargets.likelihood.denoised import Headed, denoise
from threetargets.likelihood.learned import log_variance, terms, variance_loss
from threetargets.networks.mlp import Denoiser
from threetargets.streams import generator

COUNT, PROCESS = 17, table(Cosine(4.0, -7.0), 12)
SHAPE = (1, 2, 3)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LEVELS = torch.randint(0, COUNT, (8, *SHAPE), generator=torch.Generator().manual_seed(5))
LEVELS = LEVELS.to(torch.uint8)


@pytest.mark.parametrize("i", [2, 7, 12])
def test_terms_are_the_kl_of_torch(i: int) -> None:
    x0, guess, head = centres(LEVELS, COUNT).double(), drawn(8, *SHAPE), drawn(8, *SHAPE, seed=1)
    index = torch.full((8,), i)
    q = posterior(PROCESS.log_snr[i - 1], PROCESS.log_snr[i])
    std = torch.exp(0.5 * log_variance(head, PROCESS, index))
    ours = terms(LEVELS, guess, head, PROCESS, index, COUNT)
    kl = kl_divergence(
        Independent(Normal(q.A * x0, q.C.sqrt().expand_as(x0)), 3),
        Independent(Normal(q.A * guess, std), 3),
    )
    torch.testing.assert_close(ours, kl, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("value", "fixed"), [(-1.0, "fixed-small"), (1.0, "fixed-large")])
def test_the_ends_of_the_head_are_the_fixed_variances(value: float, fixed: str) -> None:
    """The whole bound, the decoder's term among it, with the noise of `denoise`."""

    def predictor(x_t: torch.Tensor, log_snr: torch.Tensor) -> Prediction:
        return Prediction(torch.tanh(x_t), torch.zeros_like(x_t))

    def headed(x_t: torch.Tensor, log_snr: torch.Tensor) -> Headed:
        return Headed(torch.tanh(x_t), torch.full_like(x_t, value))

    rows = [slice(0, 5), slice(5, 8)]
    expected = denoise([(r, predictor) for r in rows], PROCESS, LEVELS, COUNT, seed=3, draws=2)
    seen = denoise([(r, headed) for r in rows], PROCESS, LEVELS, COUNT, seed=3, draws=2)
    ours = seen.bound("learned")
    torch.testing.assert_close(ours.nats, expected.bound(fixed).nats, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(ours.decoder, expected.bound(fixed).decoder, rtol=1e-9, atol=1e-9)


def test_the_best_constant_head_is_the_fitted_interpolation() -> None:
    """By gradient descent on the term, against the closed form of the fitted one."""
    x0, guess = centres(LEVELS, COUNT).double(), centres(LEVELS, COUNT) + 0.2 * drawn(8, *SHAPE)
    index, head = torch.full((8,), 6), torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([head], 0.02)
    for _ in range(600):
        wide = head.view(1, 1, 1, 1).expand(8, *SHAPE)
        loss = variance_loss(LEVELS, guess, wide, PROCESS, index, COUNT).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    mse = torch.full((12,), float(((guess - x0) ** 2).mean()), dtype=torch.float64)
    fitted = reverse_variance(PROCESS, torch.tensor([6]), "learned-interpolation", mse)
    ours = torch.exp(log_variance(head.detach().view(1, 1, 1, 1), PROCESS, torch.tensor([6])))
    assert float(ours) == pytest.approx(float(fitted), rel=1e-3)


def model(learned: bool) -> Ddpm:
    torch.manual_seed(0)
    net = Denoiser(SHAPE, 3, 16, 1, 2 if learned else None)
    last = torch.randn(12, 16, generator=torch.Generator().manual_seed(1))
    net.last.weight = nn.Parameter(last if learned else last[:6].clone())
    net.last.bias = nn.Parameter(torch.zeros(12 if learned else 6))
    chosen = TARGETS["v"]
    return Ddpm(
        net, chosen, "eps-equivalent", PROCESS, count=COUNT, classes=3, learned_variance=learned
    )


def test_the_head_is_trained_by_the_bound_and_the_mean_as_without_it() -> None:
    """The rows of the last layer that make the mean have the gradient that they have without a
    head; those of the head have another than 0."""
    index, labels, eps = torch.arange(1, 9), torch.zeros(8, dtype=torch.long), drawn(8, *SHAPE)
    gradients = []
    for learned in (True, False):
        one = model(learned)
        one.example_loss(LEVELS, labels, index, eps.float()).sum().backward()
        gradient = one.net.last.weight.grad
        assert gradient is not None
        gradients.append(gradient)
    torch.testing.assert_close(gradients[0][:6], gradients[1], rtol=1e-4, atol=1e-5)
    assert float(gradients[0][6:].abs().min()) > 0


def test_predictions_leave_the_head_out() -> None:
    x_t, labels = drawn(8, *SHAPE), torch.zeros(8, dtype=torch.long)
    with torch.no_grad():
        whole, plain = (model(learned) for learned in (True, False))
        own = whole.conditional(x_t, PROCESS.log_snr[3], labels)
        other = plain.conditional(x_t, PROCESS.log_snr[3], labels)
        torch.testing.assert_close(own.x0, other.x0, rtol=1e-4, atol=1e-5)
        x0_hat, head = whole.headed(x_t, PROCESS.log_snr[3], labels)
    torch.testing.assert_close(x0_hat, own.x0)
    assert head.shape == x_t.shape


def test_one_pass_gives_every_bound() -> None:
    """With a head as without one: the same squared errors and guesses from as many calls; and the
    learned bound is its terms, one noise level and draw after the other. Of the first examples it
    is theirs; without a head there is none."""
    whole, labels, calls = model(learned=True), torch.zeros(1, dtype=torch.long), 0

    def headed(x_t: torch.Tensor, log_snr: torch.Tensor) -> Headed:
        nonlocal calls
        calls += 1
        return Headed(*whole.headed(x_t, log_snr, labels))

    def plain(x_t: torch.Tensor, log_snr: torch.Tensor) -> Prediction:
        return whole.conditional(x_t, log_snr, labels)

    rows = [slice(0, 5), slice(5, 8)]
    seen, other = (
        denoise([(r, one) for r in rows], PROCESS, LEVELS, COUNT, seed=3, draws=2)
        for one in (headed, plain)
    )
    assert calls == 12 * 2 * 2
    torch.testing.assert_close(seen.squared, other.squared, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(seen.first, other.first, rtol=1e-12, atol=1e-12)
    x0, by_level = centres(LEVELS, COUNT).double(), torch.zeros(8, 12, dtype=torch.float64)
    with torch.no_grad():
        for i in range(1, 13):
            for draw in range(2):
                noise = torch.randn(x0.shape, generator=generator(3, "bound", i, draw)).double()
                x_t = PROCESS.a[i] * x0 + PROCESS.s[i] * noise
                own = [headed(x_t[r], PROCESS.log_snr[i]) for r in rows]
                guess, head = (torch.cat(parts) for parts in zip(*own, strict=True))
                index = torch.full((8,), i)
                by_level[:, i - 1] += terms(LEVELS, guess, head, PROCESS, index, COUNT) / 2
    bound = seen.bound("learned")
    torch.testing.assert_close(bound.decoder, by_level[:, 0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(bound.denoising, by_level[:, 1:], rtol=1e-12, atol=1e-12)
    assert torch.equal(bound.prior, prior_term(x0, PROCESS))
    assert torch.equal(seen.of_first(3).bound("learned").nats, bound.nats[:3])
    with pytest.raises(ValueError, match="no head"):
        other.bound("learned")
