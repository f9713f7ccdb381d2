"""Drawing the level: exact expectations by enumeration, for every proposal and every batch size."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from threetargets.diffusion.schedule import SCHEDULES, table
from threetargets.diffusion.times import PROPOSALS, draw, proposal, single_draw_std, stratified


def test_one_number_in_each_stratum_for_every_batch_size():
    """An arange by 1/B has B + 1 entries for 29 of these 512 sizes."""
    for batch in range(1, 513):
        u = stratified(batch, torch.Generator().manual_seed(batch))
        assert len(u) == batch and u.dtype == torch.float64
        np.testing.assert_array_equal(np.floor(u.numpy() * batch + 1e-9), np.arange(batch))
        offset = u * batch - torch.arange(batch)
        assert (
            float(offset.max() - offset.min()) < 1e-9 and float(u.min()) >= 0 and float(u.max()) < 1
        )


def test_the_common_offset_is_uniform():
    g = torch.Generator().manual_seed(0)
    assert kstest([float(stratified(8, g)[3]) * 8 - 3 for _ in range(500)], "uniform").pvalue > 0.01


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", PROPOSALS)
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_weighted_sum_over_the_proposal_is_the_mean(name, schedule, steps):
    """sum_i p_i w_i f(i) = mean f, exactly; weights average to 1."""
    process = table(SCHEDULES[schedule](9.0, -9.0), steps)
    p = proposal(process, name)
    assert (
        p.shape == (steps,)
        and float(p.min()) > 0
        and float(p.sum()) == pytest.approx(1.0, abs=1e-12)
    )
    middle = p.cumsum(0) - p / 2
    i, weight = draw(process, name, middle)
    assert i.tolist() == list(range(1, steps + 1))
    f = torch.arange(1.0, steps + 1, dtype=torch.float64) ** 3
    assert float((p * weight * f).sum()) == pytest.approx(float(f.mean()), rel=1e-12)
    assert float((p * weight).sum()) == pytest.approx(1.0, abs=1e-12)


def test_the_first_level_has_the_share_that_is_documented():
    process = table(SCHEDULES["cosine"](9.0, -9.0), 20)
    by_width, with_decoder = proposal(process, "log-snr"), proposal(process, "log-snr-decoder")
    assert float(by_width[0]) == float(by_width[1]) and float(by_width[1]) != pytest.approx(
        float(by_width[-1]), rel=0.01
    )
    assert float(with_decoder[0]) == 0.25


@pytest.mark.parametrize("name", PROPOSALS)
@pytest.mark.parametrize("batch", [1, 2, 3, 7, 49, 98, 103, 512])
def test_a_stratified_batch_is_unbiased(name, batch):
    """The mean over the common offset v in [0, 1), exactly: the draw is constant between
    breakpoints of v."""
    process = table(SCHEDULES["cosine"](9.0, -9.0), 20)
    cut = (proposal(process, name).cumsum(0) * batch) % 1.0
    edges = torch.cat(
        [torch.zeros(1, dtype=torch.float64), cut.sort().values, torch.ones(1, dtype=torch.float64)]
    )
    f = torch.exp(torch.linspace(0, 3, 21, dtype=torch.float64))
    total = 0.0
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=False):
        i, weight = draw(
            process, name, (torch.arange(batch, dtype=torch.float64) + (low + high) / 2) / batch
        )
        assert len(i) == batch
        total += (high - low) * float((weight * f[i]).mean())
    assert total == pytest.approx(float(f[1:].mean()), rel=1e-9)


@pytest.mark.parametrize("name", PROPOSALS)
def test_levels_come_up_as_often_as_proposed(name):
    process = table(SCHEDULES["cosine"](9.0, -9.0), 12)
    u = (torch.arange(100000, dtype=torch.float64) + 0.5) / 100000
    counts = torch.bincount(draw(process, name, u)[0], minlength=13)
    assert counts[0] == 0
    torch.testing.assert_close(
        counts[1:] / 100000, proposal(process, name).float(), atol=2e-5, rtol=0
    )


def test_the_ends_of_the_unit_interval_stay_in_range():
    process = table(SCHEDULES["cosine"](9.0, -9.0), 7)
    for name in PROPOSALS:
        assert draw(process, name, torch.tensor([0.0, 1.0], dtype=torch.float64))[0].tolist() == [
            1,
            7,
        ]


def test_log_snr_proposal_evens_out_the_elbo_weight():
    """Both are constant on a log-linear schedule; on a cosine their ratio varies far less than the
    weight."""
    even = proposal(table(SCHEDULES["log-linear"](9.0, -9.0), 40), "log-snr")
    np.testing.assert_allclose(even, 1 / 40, rtol=1e-12)
    process = table(SCHEDULES["cosine"](9.0, -9.0), 250)
    weight = 0.5 * np.expm1(-np.diff(process.log_snr[1:].numpy()))
    ratio = weight / proposal(process, "log-snr").numpy()[1:]
    assert weight.max() / weight.min() > 40 and ratio.max() / ratio.min() < 2.5


def test_unknown_proposal():
    with pytest.raises(ValueError, match="unknown proposal"):
        proposal(table(SCHEDULES["cosine"](9.0, -9.0), 5), "cubic")


@pytest.mark.parametrize("name", PROPOSALS)
def test_spread_of_one_draw(name):
    """Against every image and level enumerated with its probability: the estimate is terms[n, i -
    1] / p_i."""
    process = table(SCHEDULES["cosine"](9.0, -9.0), 6)
    terms = torch.rand(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = proposal(process, name).numpy()
    estimates, chances = (terms.numpy() / p).ravel(), np.tile(p / 5, 5)
    mean = (chances * estimates).sum()
    expected = np.sqrt((chances * (estimates - mean) ** 2).sum())
    assert mean == pytest.approx(float(terms.sum(1).mean()), rel=1e-12)
    assert single_draw_std(terms, process, name) == pytest.approx(expected, rel=1e-12)
    assert single_draw_std(torch.ones(3, 1) * torch.tensor(p), process, name) == pytest.approx(
        0.0, abs=1e-7
    )


def test_levels_own_the_lower_end_of_their_interval():
    """Of [0, 1) cut in four, exactly: a draw of 0 is the first level, and no level gets more than
    its share."""
    process = table(SCHEDULES["cosine"](9.0, -9.0), 4)
    assert draw(process, "uniform", torch.tensor([0.0, 0.25, 0.5, 0.75], dtype=torch.float64))[
        0
    ].tolist() == [
        1,
        2,
        3,
        4,
    ]
