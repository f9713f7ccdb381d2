"""A mean with its standard error as scipy has them; what is not finite has no value."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import sem

from threetargets.experiments.checked_figures import figure, mean_figure


def test_a_mean_has_scipys_standard_error() -> None:
    values = torch.tensor([0.5, 2.0, -1.0, 4.0, 3.5], dtype=torch.float64)
    made = mean_figure("bound", values)
    assert made.value == pytest.approx(9.0 / 5)
    assert made.stderr == pytest.approx(float(sem(values.numpy())))
    assert (made.n, made.spread) == (5, "images")


@pytest.mark.parametrize(("value", "stderr"), [(math.nan, 0.1), (math.inf, None), (1.0, math.nan)])
def test_what_is_not_finite_has_failed(value: float, stderr: float | None) -> None:
    made = figure("bound", value, 7, stderr)
    assert (made.value, made.stderr, made.n) == (None, None, 7)


def test_a_number_without_an_error_is_over_nothing() -> None:
    assert figure("gap", 0.25).spread == ""
