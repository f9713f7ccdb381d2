"""Levels and numbers: one bin width, there and back."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from threetargets.levels import bits_per_dim, centres, nearest


@pytest.mark.parametrize("count", range(2, 257))
def test_there_and_back(count):
    levels = torch.arange(count).to(torch.uint8)
    x = centres(levels, count)
    assert x.dtype == torch.float32 and nearest(x, count).dtype == torch.uint8
    assert torch.equal(nearest(x, count), levels)


@pytest.mark.parametrize("count", [2, 17, 256])
def test_bins_of_one_width_fill_the_range(count):
    x = centres(torch.arange(count), count).double()
    np.testing.assert_allclose(np.diff(x), 2 / count, atol=1e-6)
    assert float(x[0]) == pytest.approx(-1 + 1 / count, abs=1e-6) and float(x[-1]) == pytest.approx(
        1 - 1 / count, abs=1e-6
    )


@given(st.floats(-1, 1, exclude_max=True), st.sampled_from([2, 17, 256]))
def test_the_nearest_centre_is_within_half_a_bin(x, count):
    level = nearest(torch.tensor(x, dtype=torch.float64), count)
    assert abs(float(centres(level, count)) - x) <= 1 / count + 1e-6


@pytest.mark.parametrize("count", [2, 17, 256])
def test_outside_are_the_end_bins(count):
    x = torch.tensor([-math.inf, -7.0, -1.0, 1.0, 7.0, math.inf], dtype=torch.float64)
    assert nearest(x, count).tolist() == [0, 0, 0, count - 1, count - 1, count - 1]


def test_bits_per_dim_of_uniform_levels_is_their_number_of_bits():
    assert bits_per_dim(64 * math.log(256), 64) == pytest.approx(8.0)
    values = bits_per_dim(torch.tensor([0.0, 10 * math.log(2)]), 10)
    assert isinstance(values, torch.Tensor) and values.tolist() == pytest.approx([0.0, 1.0])
