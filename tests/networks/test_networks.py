"""Networks: what they tell apart, what they start at, and that examples in a batch do not meet."""

import pytest
import torch
from torch import nn

from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.networks import mlp, unet
from threetargets.networks.embedding import Condition, LogSnrFeatures

SHAPE, CLASSES = (1, 8, 8), 4


@pytest.mark.parametrize("steps", [50, 250, 1000])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_two_levels_share_an_embedding(schedule, steps):
    """The distance of any two levels, neighbours at both ends among them, against features of size
    about 4."""
    levels = table(SCHEDULES[schedule](9.0, -9.0), steps).log_snr[1:].float()
    features = LogSnrFeatures()(levels)
    distance = torch.cdist(features.double(), features.double())
    distance.fill_diagonal_(torch.inf)
    assert float(distance.min()) > 0.05
    assert float(features.norm(dim=1).mean()) == pytest.approx(4.0, abs=0.1)
    ends = torch.stack([distance[0, 1], distance[-2, -1]])
    assert float(ends.min()) > 0.2


def test_far_levels_are_told_apart_too():
    levels = torch.linspace(-15, 15, 601)
    features = LogSnrFeatures()(levels).double()
    distance = torch.cdist(features, features)
    apart = (levels[:, None] - levels).abs() > 0.2
    assert float(distance[apart].min()) > 1.0


def test_the_condition_knows_level_and_label_and_the_null_label_is_one_more():
    torch.manual_seed(0)
    condition = Condition(16, CLASSES)
    levels = torch.tensor([0.0, 0.0, 1.0])
    out = condition(levels, torch.tensor([0, CLASSES, 0]))
    assert out.shape == (3, 16)
    assert not torch.allclose(out[0], out[1]) and not torch.allclose(out[0], out[2])
    with pytest.raises(IndexError):
        condition(levels, torch.tensor([0, 0, CLASSES + 1]))


@pytest.fixture(params=[mlp, unet], ids=["mlp", "unet"])
def module(request):
    return request.param


def inputs(count=5):
    g = torch.Generator().manual_seed(0)
    return (
        torch.randn(count, *SHAPE, generator=g),
        torch.linspace(-6, 6, count),
        torch.arange(count) % (CLASSES + 1),
    )


def denoiser(module, shape=SHAPE, depth=1):
    torch.manual_seed(0)
    return module.Denoiser(shape, CLASSES, 16, depth).eval()


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 4), (1, 28, 28)])
def test_a_denoiser_starts_at_zero(module, shape, depth):
    x = torch.randn(2, *shape)
    out = denoiser(module, shape, depth)(x, torch.tensor([1.0, -1.0]), torch.tensor([0, CLASSES]))
    assert torch.equal(out, torch.zeros_like(x))


@torch.no_grad()
def test_a_denoiser_listens_to_image_level_and_label_and_to_no_other_example(module):
    net = denoiser(module)
    nn.init.normal_(net.last.weight)
    x, log_snr, labels = inputs()
    out = net(x, log_snr, labels)
    assert out.shape == x.shape
    for changed in (
        (x + 0.1, log_snr, labels),
        (x, log_snr + 0.05, labels),
        (x, log_snr, (labels + 1) % 5),
    ):
        difference = (net(*changed) - out).abs().flatten(1).amax(1)
        assert float(difference.min()) > 1e-3
    for row in range(5):
        alone = net(x[row : row + 1], log_snr[row : row + 1], labels[row : row + 1])
        torch.testing.assert_close(alone[0], out[row], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_trunk_has_features_of_its_width_with_and_without_noise(module):
    torch.manual_seed(0)
    trunk = module.Trunk(SHAPE, 16).eval()
    x, log_snr, _ = inputs()
    clean, noisy = trunk(x, None), trunk(x, log_snr)
    assert clean.shape == noisy.shape == (5, 16) and trunk.width == 16
    assert not torch.allclose(noisy, trunk(x, log_snr + 1)) and not torch.allclose(noisy, clean)
    torch.testing.assert_close(trunk(x[2:3], log_snr[2:3])[0], noisy[2], rtol=1e-4, atol=1e-4)


def test_every_parameter_of_a_denoiser_is_trained(module):
    net = denoiser(module, depth=2)
    nn.init.normal_(net.last.weight)
    net(*inputs()).square().sum().backward()
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in net.parameters())


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_perceptron_has_its_hidden_layers(depth):
    net = mlp.Perceptron(4, 3, 7, depth)
    linear = [m for m in net.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == list(
        zip([4, *[7] * depth], [*[7] * depth, 3], strict=True)
    )
    assert sum(isinstance(m, nn.SiLU) for m in net.modules()) == depth
    assert net(torch.zeros(2, 4)).shape == (2, 3)
