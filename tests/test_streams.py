"""Streams: a function of (seed, purpose, index) and of nothing else."""

import itertools

import pytest
import torch
from scipy.stats import kstest

from threetargets.streams import PerSample, generator, key


def test_keys_differ_and_are_the_same_on_every_machine():
    keys = {
        key(s, p, *i)
        for s, p, i in itertools.product(
            range(30), ("a", "b", "a/1"), [(), (0,), (1,), (0, 1), (11,)]
        )
    }
    # "a/1" with no index and "a" with index 1 are one text; everything else is told apart.
    assert len(keys) == 30 * (3 * 5 - 1)
    assert all(0 <= k < 2**63 for k in keys)
    assert key(0, "sample", 3) == key(0, "sample", 3)


def test_the_key_is_pinned():
    """Results are named by their seed: the function behind it must never change unseen."""
    import hashlib

    digest = hashlib.blake2b(b"7/sample/3", digest_size=8).digest()
    assert key(7, "sample", 3) == int.from_bytes(digest, "big") // 2


def test_a_generator_does_not_touch_the_others():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = torch.randn(4, generator=generator(1, "x", 2))
    torch.randn(100, generator=generator(1, "x", 1))
    assert torch.equal(first, torch.randn(4, generator=generator(1, "x", 2)))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, torch.randn(4, generator=generator(2, "x", 2)))
    assert not torch.equal(first, torch.randn(4, generator=generator(1, "y", 2)))


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_row_j_is_the_same_in_every_batch(batch):
    """Bitwise, over several draws of both kinds and of several shapes."""

    def draws(indices):
        streams = PerSample(3, "sample", indices)
        return [streams.normal(2, 3), streams.uniform(4), streams.normal(1), streams.normal(2, 3)]

    whole = draws(range(64))
    parts = [draws(range(f, min(f + batch, 64))) for f in range(0, 64, batch)]
    for k, expected in enumerate(whole):
        assert torch.equal(torch.cat([p[k] for p in parts]), expected)
    assert not torch.equal(whole[0], whole[3])
    shuffled = torch.randperm(64, generator=torch.Generator().manual_seed(0)).tolist()
    assert torch.equal(draws(shuffled)[0], whole[0][shuffled])


def test_draws_are_normal_and_uniform_along_samples_and_within():
    streams = PerSample(0, "sample", range(2000))
    normal, uniform = streams.normal(3), streams.uniform(2)
    assert normal.dtype == uniform.dtype == torch.float32
    assert normal.shape == (2000, 3) and uniform.shape == (2000, 2)
    for column in normal.T:
        assert kstest(column, "norm").pvalue > 1e-3
    for column in uniform.T:
        assert kstest(column, "uniform").pvalue > 1e-3
    assert float(uniform.min()) >= 0 and float(uniform.max()) < 1
    correlations = torch.corrcoef(torch.cat([normal, uniform], 1).T) - torch.eye(5)
    assert float(correlations.abs().max()) < 4 / 2000**0.5
