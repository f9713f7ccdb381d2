"""Figures of likelihoods: the mean with its error, and what cannot be right is failed."""

import math
from types import SimpleNamespace

import pytest
import torch

from threetargets.families.autoencoder.likelihood import _nll
from threetargets.families.measured import bound_by_image, likelihood_figure

DIGITS = SimpleNamespace(levels=17, dims=64)


def test_a_figure_is_the_mean_in_bits_per_dim():
    nats = torch.tensor([100.0, 120.0, 80.0], dtype=torch.float64)
    figure = likelihood_figure(DIGITS, "bound", nats)
    assert figure.value == pytest.approx(100 / 64 / math.log(2)) and figure.reason == ""
    assert figure.stderr == pytest.approx(20 / math.sqrt(3) / 64 / math.log(2))
    assert bound_by_image(DIGITS, nats)["bound"][1] == pytest.approx(
        120 / 64 / math.log(2), rel=1e-5
    )


@pytest.mark.parametrize("nats", [math.nan, math.inf, 3.4e31, -1e9])
def test_what_is_no_likelihood_has_failed_and_says_why(nats):
    figure = likelihood_figure(DIGITS, "bound", torch.full((4,), nats, dtype=torch.float64))
    assert figure.value is None and figure.stderr is None
    assert "no likelihood of 17 levels" in figure.reason and "4.09 bits/dim" in figure.reason


@pytest.mark.parametrize("of_the_bound", [True, False])
def test_an_estimate_from_a_bound_that_is_none_has_failed_too(of_the_bound):
    fine, absurd = (torch.full((6,), v, dtype=torch.float64) for v in (100.0, 1e9))
    bound, tight = (absurd, fine[:3]) if of_the_bound else (fine, absurd[:3])
    figure = _nll(DIGITS, bound, tight, 5)
    assert figure.value is None and figure.stderr is None
    assert "no likelihood of 17 levels" in figure.reason
    assert _nll(DIGITS, fine, fine[:3], 5).value == pytest.approx(100 / 64 / math.log(2))
