"""What the claims and pictures of experiments have in common: intervals on logarithmic axes, Holm's
correction, and values that are missing."""

from __future__ import annotations

import numpy as np
import pytest
from report.made_up import results
from scipy import stats

from threetargets.metrics.statistics import paired_t
from threetargets.report.parts.drawing import canvas, log_bands, to_edge
from threetargets.report.parts.of_experiments import Read
from threetargets.report.parts.verdicts import all_above

FIRST = tuple(map(np.array, ([4.0, 1.0, np.nan], [2.0, -3.0, np.nan], [6.0, 5.0, np.nan])))
OTHER = tuple(map(np.array, ([0.5, -1.0], [0.1, -3.0], [0.9, -0.5])))


def test_on_a_logarithmic_axis_intervals_are_as_wide_as_they_are() -> None:
    """But for one that reaches 0: to a tenth of 0.1, the least positive thing."""
    (mean, low, high), other = to_edge([FIRST, OTHER])
    np.testing.assert_array_equal(low, [2.0, 0.01, np.nan])
    np.testing.assert_array_equal((mean, high), (FIRST[0], FIRST[2]))
    np.testing.assert_array_equal(other, OTHER)


def test_an_interval_that_reaches_zero_runs_to_the_edge() -> None:
    with canvas("test", 1, 1, 3, 2) as (figure, axes):
        panel = axes[0, 0]
        log_bands([(panel, range(3), FIRST, {"color": "k"})])
        figure.draw_without_rendering()
        assert panel.get_yscale() == "log" and panel.get_ylim()[0] == pytest.approx(0.1)


def test_one_of_several_refutes_by_holm() -> None:
    """Ten parts: one below 0 at a tenth of alpha, or not."""
    half = stats.t.ppf(1 - 0.05 / 2 / 10, 2) / np.sqrt(3)
    far, near = (paired_t(np.array([-1, 0, 1]) - k * half, [0.0] * 3) for k in (1.05, 0.95))
    plain = paired_t([1.0, 1.1, 1.2], [0.0] * 3)
    assert near.interval.high is not None and near.interval.high < 0
    assert all_above([far, *[plain] * 9], 0.05) == "not reproduced"
    assert all_above([near, *[plain] * 9], 0.05) == "inconclusive"
    assert all_above([near], 0.05) == "not reproduced"
    border = stats.t.ppf(1 - 0.04, 2) / np.sqrt(3)
    weak = paired_t(np.array([-1, 0, 1]) - border, [0.0] * 3)
    assert all_above([weak], 0.05) == "inconclusive"
    assert all_above([plain] * 10, 0.05) == "reproduced"


@pytest.mark.parametrize("lost", [None, 0.5])
def test_figures_are_added_up_by_seed(lost: float | None) -> None:
    """Half of one less the other, where both are there."""
    one = {0: 0.4, 1: lost, 2: 0.8}
    other = {0: 0.1, 1: 0.2, 2: 0.6}

    def value(metric: str, seed: int) -> float | None:
        return {"share_error/plain": one, "share_error/annealed": other}[metric][seed]

    made = results("langevin_density", lambda m, k: value(m, k) if "share_error" in m else 1.0)
    weights = {"share_error/plain": 0.5, "share_error/annealed": -1.0}
    got = Read(made, "langevin_density").combined(weights)
    wanted = [0.1, -0.2] if lost is None else [0.1, 0.05, -0.2]
    np.testing.assert_allclose(got.values, wanted)
    assert got.whole == (lost is not None)


@pytest.mark.parametrize("lost", [None, 0.0])
def test_what_has_no_logarithm_is_missing(lost: float | None) -> None:
    def value(metric: str, seed: int) -> float | None:
        if metric == "share_error/annealed":
            return lost if seed == 1 else 0.1
        return 1 + 0.1 * seed

    own = Read(results("langevin_density", value), "langevin_density")
    ratio = own.log_ratio("share_error/plain", "share_error/annealed")
    assert len(ratio.values) == 2 and not ratio.whole and (ratio.interval.low or 0) > 0
    assert own.decided("", {"ratio": ratio}).verdict == "inconclusive"
