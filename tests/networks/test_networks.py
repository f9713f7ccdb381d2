"""Networks: what they tell apart, what they start at, and that examples in a batch do not meet."""

import pytest
import torch
from torch import nn

from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.errors import ConfigError
from threetargets.networks import mlp, registry, vit
from threetargets.networks.embedding import Condition, LogSnrFeatures
from threetargets.networks.parameters import NETWORKS, Vit

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


@pytest.fixture(params=[*NETWORKS, *(f"{name} with input skip" for name in NETWORKS)])
def name(request):
    return request.param


def inputs(count=5):
    g = torch.Generator().manual_seed(0)
    return (
        torch.randn(count, *SHAPE, generator=g),
        torch.linspace(-6, 6, count),
        torch.arange(count) % (CLASSES + 1),
    )


def denoiser(name, shape=SHAPE, depth=1, outputs=None):
    """A small one: every key that is not width or depth is 2."""
    name, *skip = name.split(" ", 1)
    own = {"name": name, "width": 16, "depth": depth, "input_skip": bool(skip)}
    block = NETWORKS[name](**dict.fromkeys(NETWORKS[name].model_fields, 2) | own)
    torch.manual_seed(0)
    return registry.denoiser(block, shape, CLASSES, outputs).eval()


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 4), (1, 28, 28)])
def test_a_denoiser_starts_at_zero(name, shape, depth):
    x = torch.randn(2, *shape)
    out = denoiser(name, shape, depth)(x, torch.tensor([1.0, -1.0]), torch.tensor([0, CLASSES]))
    assert torch.equal(out, torch.zeros_like(x))


@torch.no_grad()
def test_a_second_output_leaves_the_first_what_it_is(name):
    """Channels for a head of the variance behind those of the image, through an input skip, too."""
    net, one = denoiser(name, (3, 4, 4), outputs=6), denoiser(name, (3, 4, 4))
    one.load_state_dict({k: v for k, v in net.state_dict().items() if "last" not in k}, False)
    nn.init.normal_(net.last.weight)
    x = torch.randn(2, 3, 4, 4)
    half = len(net.last.weight) // 2
    one.last.weight.copy_(net.last.weight[:half])
    args = (x, torch.tensor([1.0, -1.0]), torch.tensor([0, CLASSES]))
    assert net(*args).shape == (2, 6, 4, 4)
    torch.testing.assert_close(net(*args)[:, :3], one(*args), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_denoiser_listens_to_image_level_and_label_and_to_no_other_example(name):
    net = denoiser(name)
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
def test_what_all_rows_share_may_come_as_one_row(name):
    net = denoiser(name)
    nn.init.normal_(net.last.weight)
    x, log_snr, labels = inputs()
    for level, label in ((log_snr[:1], labels), (log_snr, labels[:1]), (log_snr[:1], labels[:1])):
        whole = net(x, level.expand(len(x)), label.expand(len(x)))
        torch.testing.assert_close(net(x, level, label), whole, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("body", registry.TRUNKS)
def test_a_trunk_has_features_of_its_width_with_and_without_noise(body):
    torch.manual_seed(0)
    trunk = registry.trunk(body, SHAPE, 16).eval()
    x, log_snr, _ = inputs()
    clean, noisy = trunk(x, None), trunk(x, log_snr)
    assert clean.shape == noisy.shape == (5, 16) and trunk.width == 16
    assert not torch.allclose(noisy, trunk(x, log_snr + 1)) and not torch.allclose(noisy, clean)
    torch.testing.assert_close(trunk(x[2:3], log_snr[2:3])[0], noisy[2], rtol=1e-4, atol=1e-4)
    shared = trunk(x, log_snr[1:2]), trunk(x, log_snr[1:2].expand(5))
    torch.testing.assert_close(*shared, rtol=1e-4, atol=1e-4)


def test_every_parameter_of_a_denoiser_is_trained(name):
    net = denoiser(name, depth=2)
    for layer in [net.last, *(m for m in net.modules() if isinstance(m, nn.Linear))]:
        nn.init.normal_(layer.weight, std=0.1)
    net(*inputs()).square().sum().backward()
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in net.parameters())


@torch.no_grad()
def test_a_transformer_is_attention_written_out():
    """One block against softmax(q k^T / sqrt(width of a head)) v, head by head and patch by
    patch."""
    torch.manual_seed(1)
    block = vit.Block(12, 3, 5).double().eval()
    h, condition = torch.randn(2, 6, 12).double(), torch.randn(2, 5).double()
    scale_1, shift_1, scale_2, shift_2 = block.modulation(condition).chunk(4, 1)
    for b in range(2):
        seen = nn.functional.layer_norm(h[b], (12,)) * (1 + scale_1[b]) + shift_1[b]
        q, k, v = (seen @ w.T + c for w, c in _thirds(block.query_key_value))
        heads = []
        for part in (slice(0, 4), slice(4, 8), slice(8, 12)):
            rows = [torch.softmax(k[:, part] @ one / 2, 0) @ v[:, part] for one in q[:, part]]
            heads.append(torch.stack(rows))
        mid = h[b] + block.mixed(torch.cat(heads, 1))
        seen = nn.functional.layer_norm(mid, (12,)) * (1 + scale_2[b]) + shift_2[b]
        expected = mid + block.outer(nn.functional.silu(block.inner(seen)))
        torch.testing.assert_close(block(h, condition)[b], expected, rtol=1e-10, atol=1e-10)


def _thirds(linear):
    return zip(linear.weight.chunk(3), linear.bias.chunk(3), strict=True)


@torch.no_grad()
def test_a_transformer_puts_every_patch_back_where_it_was():
    """Without blocks, and with first and last layers that invert each other, the image comes out
    as it went in."""
    net = vit.Denoiser((3, 4, 6), CLASSES, patch=2, width=12, depth=0, heads=1).eval()
    net.norm = nn.Identity()
    nn.init.zeros_(net.position)
    net.first.weight.copy_(torch.eye(12))
    net.last.weight.copy_(torch.eye(12))
    nn.init.zeros_(net.first.bias)
    x = torch.randn(2, 3, 4, 6)
    assert torch.equal(net(x, torch.zeros(2), torch.zeros(2, dtype=torch.int64)), x)


@torch.no_grad()
def test_a_transformer_adds_to_every_patch_its_own_position():
    """Without blocks, and with a last layer that copies, an empty image becomes the positions, row
    by row of patches."""
    net = vit.Denoiser((3, 4, 6), CLASSES, patch=2, width=12, depth=0, heads=1).eval()
    net.norm = nn.Identity()
    net.last.weight.copy_(torch.eye(12))
    nn.init.zeros_(net.first.bias)
    out = net(torch.zeros(1, 3, 4, 6), torch.zeros(1), torch.zeros(1, dtype=torch.int64))
    for patch in range(6):
        row, column = 2 * (patch // 3), 2 * (patch % 3)
        own = net.position[0, patch].view(3, 2, 2)
        assert torch.equal(out[0, :, row : row + 2, column : column + 2], own)


def test_what_does_not_fit_is_refused_by_its_key():
    block = Vit(name="vit", patch=3, width=12, depth=1, heads=2)
    with pytest.raises(ConfigError, match=r"network\.patch: 3 does not divide the sides 8 and 8"):
        registry.denoiser(block, SHAPE, CLASSES)
    with pytest.raises(ValueError, match="width 12 is no multiple of heads 5"):
        Vit(name="vit", patch=2, width=12, depth=1, heads=5)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_perceptron_has_its_hidden_layers(depth):
    net = mlp.Perceptron(4, 3, 7, depth)
    linear = [m for m in net.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == list(
        zip([4, *[7] * depth], [*[7] * depth, 3], strict=True)
    )
    assert sum(isinstance(m, nn.SiLU) for m in net.modules()) == depth
    assert net(torch.zeros(2, 4)).shape == (2, 3)


@torch.no_grad()
def test_an_input_skip_adds_the_image_times_one_number_for_each_noise_level():
    """Whatever is in the image: the difference from the network without it is a multiple of the
    image, the same for every image of a noise level, another at another."""
    net = denoiser("mlp with input skip")
    nn.init.normal_(net.gate[3].weight)
    x, _, labels = inputs()
    gates = []
    for level in (-3.0, 2.0):
        log_snr = torch.full((5,), level)
        difference = net(x, log_snr, labels) - net.net(x, log_snr, labels)
        gates.append(float((difference * x).sum() / (x * x).sum()))
        torch.testing.assert_close(difference, gates[-1] * x, rtol=1e-4, atol=1e-5)
    assert abs(gates[0] - gates[1]) > 1e-2


def test_a_network_with_an_input_skip_learns_to_return_its_input():
    """To a precision at which the perceptron alone, twice as narrow as the image, fails."""
    errors = {}
    for name in ("mlp", "mlp with input skip"):
        net = denoiser(name, (1, 6, 6)).train()
        optimiser = torch.optim.Adam(net.parameters(), 1e-2)
        g = torch.Generator().manual_seed(1)
        for _ in range(300):
            x = torch.randn(64, 1, 6, 6, generator=g)
            loss = ((net(x, torch.zeros(1), torch.zeros(1, dtype=torch.long)) - x) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        errors[name] = loss.item()
    assert errors["mlp with input skip"] < 1e-3 < 0.1 < errors["mlp"]
