"""The sampling loop: which noise levels, which streams, which precision."""

import itertools
import math

import pytest
import torch
from diffusion.test_sample import CORRELATED, HUMPS, STEPS

from threetargets.diffusion.sampler import ancestral, sample
from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.streams import PerSample

# The loop.


def test_the_loop_runs_down_the_table_to_clean_data_in_float64():
    process, seen = table(SCHEDULES["cosine"](9.0, -9.0), 5), []

    def step(predictor, x, l_t, l_s, noise):
        assert (
            x.dtype == torch.float64
            and noise().dtype == torch.float64
            and not torch.is_grad_enabled()
        )
        seen.append((float(l_t), float(l_s)))
        return x

    sample(
        HUMPS.predict,
        step,
        process,
        torch.zeros(2, 1, dtype=torch.float32),
        lambda: torch.zeros(2, 1),
    )
    levels = process.log_snr.flip(0).tolist()
    assert seen == list(itertools.pairwise(levels)) and seen[-1][1] == math.inf


@pytest.mark.parametrize("name", STEPS)
def test_a_sample_does_not_know_how_many_are_drawn_beside_it(name):
    """Streams of their own: sample j of 64 is sample j of a batch of 7 and of 1."""
    process = table(SCHEDULES["cosine"](9.0, -9.0), 10)

    def drawn(batch):
        parts = []
        for first in range(0, 64, batch):
            streams = PerSample(4, "sample", range(first, min(first + batch, 64)))
            x = streams.normal(3)
            parts.append(
                sample(CORRELATED.predict, STEPS[name], process, x, lambda s=streams: s.normal(3))
            )
        return torch.cat(parts)

    whole = drawn(64)
    assert float(whole.std(0).min()) > 0.1
    for batch in (1, 7):
        torch.testing.assert_close(drawn(batch), whole, rtol=0, atol=1e-12)


def test_unknown_variance():
    with pytest.raises(ValueError, match="unknown variance"):
        ancestral("learned")
