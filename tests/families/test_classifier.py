"""The two classifiers: what they see, what they say, and the gradient that guidance takes of it."""

import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import chisquare, kstest
from torch import nn

from threetargets.diffusion.guidance import log_probability_gradient
from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.families.classifier.model import Classifier
from threetargets.networks import mlp, unet

PROCESS = table(SCHEDULES["cosine"](7.0, -7.0), 20)
SHAPE = (1, 4, 4)


class Witness(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x, log_snr):
        self.seen.append((x, log_snr))
        return x.flatten(1)[:, :3]


def images(count):
    return torch.randint(0, 17, (count, *SHAPE), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )


def test_the_guide_sees_noisy_images_and_their_level():
    trunk = Witness()
    guide = Classifier(trunk, 3, 4, 17, PROCESS)
    guide.loss(images(4000), torch.zeros(4000, dtype=torch.long), torch.Generator().manual_seed(1))
    x, log_snr = trunk.seen[0]
    assert x.dtype == log_snr.dtype == torch.float32
    levels = PROCESS.log_snr[1:].float()
    index = (log_snr[:, None] - levels).abs().argmin(1)
    assert float((levels[index] - log_snr).abs().max()) == 0
    assert chisquare(torch.bincount(index, minlength=20)).pvalue > 0.01
    abar = 1 / (1 + torch.exp(-log_snr.double())).view(-1, 1, 1, 1)
    noise = (x - abar.sqrt() * ((2 * images(4000).double() + 1) / 17 - 1)) / (1 - abar).sqrt()
    assert kstest(noise[:, 0, 0, 0], "norm").pvalue > 0.01
    assert float(noise.var((1, 2, 3)).mean()) == pytest.approx(1.0, abs=0.02)


def test_the_judge_sees_clean_images():
    trunk = Witness()
    Classifier(trunk, 3, 4, 17, None).loss(
        images(5), torch.zeros(5, dtype=torch.long), torch.Generator()
    )
    x, log_snr = trunk.seen[0]
    assert log_snr is None
    torch.testing.assert_close(x.double(), (2 * images(5).double() + 1) / 17 - 1, rtol=0, atol=1e-6)


def test_the_loss_is_the_mean_of_minus_log_p_of_the_label():
    torch.manual_seed(0)
    judge = Classifier(mlp.Trunk(SHAPE, 8), 8, 4, 17, None)
    labels = [0, 3, 1, 1, 2]
    logits = judge.logits((2 * images(5) + 1.0) / 17 - 1).detach().double().numpy()
    expected = -log_softmax(logits, axis=1)[range(5), labels].mean()
    loss = judge.loss(images(5), torch.tensor(labels), torch.Generator())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("module", [mlp, unet])
def test_log_probability_is_normalised_and_its_gradient_that_of_differences(module):
    torch.manual_seed(0)
    guide = Classifier(module.Trunk(SHAPE, 8), 8, 4, 17, PROCESS).eval()
    x = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    log_snr, labels = torch.tensor(0.5, dtype=torch.float64), torch.tensor([0, 3, 2])
    log_p = guide.log_probability(x, log_snr)
    assert log_p.dtype == torch.float64 and log_p.shape == (3, 4)
    torch.testing.assert_close(
        log_p.exp().sum(1), torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-6
    )
    assert not torch.allclose(log_p, guide.log_probability(x, log_snr + 4))
    with torch.no_grad():
        gradient = log_probability_gradient(guide.log_probability, labels, x, log_snr)
    for pixel in (0, 5, 15):
        shift = torch.zeros(16, dtype=torch.float64)
        shift[pixel] = 3e-3
        up, down = (
            guide.log_probability(x + h * shift.view(SHAPE), log_snr)[range(3), labels]
            for h in (1, -1)
        )
        torch.testing.assert_close(
            gradient.flatten(1)[:, pixel], (up - down) / 6e-3, rtol=0.02, atol=5e-4
        )


def test_the_head_comes_after_the_features():
    torch.manual_seed(0)
    judge = Classifier(mlp.Trunk(SHAPE, 8), 8, 4, 17, None)
    x = torch.randn(2, *SHAPE)
    features = judge.features(x).detach()
    torch.testing.assert_close(features, judge.trunk(x, None))
    normal = (features - features.mean(1, keepdim=True)) / features.std(
        1, unbiased=False, keepdim=True
    )
    linear = judge.head[-1]
    expected = (normal * torch.sigmoid(normal)) @ linear.weight.T + linear.bias
    torch.testing.assert_close(judge.logits(x), expected, rtol=1e-3, atol=1e-4)
