"""What holds of each experiment of config/notes.yaml."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY

from threetargets import experiments


@pytest.mark.parametrize("name", TINY)
def test_one_seed_is_a_function_of_its_seed(name: str) -> None:
    spec = experiments.spec_of(name)
    block, lines = spec.BLOCK.model_validate(TINY[name]), list[str]()
    measure = experiments.measure_part(name).measure
    first = measure(block, 0, lines.append)
    torch.manual_seed(5)
    again, other = (measure(block, seed, lambda line: None) for seed in (0, 1))
    assert first.figures == again.figures != other.figures
    names = [figure.metric for figure in first.figures]
    assert len(names) == len(set(names)) and lines
    assert all(f.value is not None and math.isfinite(f.value) for f in first.figures)
    for key, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[key])
    assert first.curves == again.curves
    assert spec.trainings(block) >= 0 and spec.operations(block) > 0
