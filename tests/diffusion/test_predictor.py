"""Between network and sampler: precisions, scales and shapes."""

import pytest
import torch

from threetargets.diffusion.kernel import signal_noise
from threetargets.diffusion.predictor import predict, raw
from threetargets.diffusion.target import TARGETS

LABELS = torch.tensor([0, 1, 1])


def state():
    return torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_network_sees_float32_and_one_log_snr_where_all_examples_share_it():
    def network(x, log_snr, labels):
        assert (x.dtype, log_snr.dtype) == (torch.float32, torch.float32)
        assert log_snr.tolist() in ([2.5], [2.5, 0.0, 1.0]) and labels is LABELS
        return x

    raw(network, state(), torch.tensor([2.5, 0.0, 1.0], dtype=torch.float64), LABELS)
    out = raw(network, state(), torch.tensor(2.5, dtype=torch.float64), LABELS)
    assert out.dtype == torch.float64
    torch.testing.assert_close(out, state(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("levels", [1.5, [4.0, 0.0, -4.0]])
def test_a_network_that_knows_is_decoded_to_the_truth(target, levels):
    """It answers encode(x0, eps) / scale; predict must find (x0, eps), to float32's precision over
    a or s."""
    log_snr = torch.tensor(levels, dtype=torch.float64)
    a, s = (v.reshape(-1, 1, 1, 1) for v in signal_noise(log_snr))
    x0, eps = state(), state().flip(0)
    answer = TARGETS[target].encode(x0, eps, a, s) / TARGETS[target].scale(a, s)
    found = predict(
        lambda x, level, labels: answer.float(), TARGETS[target], a * x0 + s * eps, log_snr, LABELS
    )
    assert found.x0.dtype == found.eps.dtype == torch.float64
    torch.testing.assert_close(found.x0 * a, x0 * a, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.eps * s, eps * s, rtol=0, atol=1e-6)
