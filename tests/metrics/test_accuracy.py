"""Accuracy and entropy against hand counts, scipy and repeated draws."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binom, entropy

from threetargets.metrics import accuracy


def test_accuracy_by_hand():
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 0.0, 9.0], [5.0, 1.0, 1.0]])
    figure = accuracy.accuracy(logits, torch.tensor([0, 1, 1, 0]))
    assert (figure.metric, figure.value, figure.n) == ("accuracy", 0.75, 4)
    assert figure.stderr == pytest.approx(binom(4, 0.75).std() / 4)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_entropy_is_that_of_scipy(scale):
    logits = scale * torch.randn(
        200, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    figure = accuracy.entropy(logits)
    p = np.exp(logits.numpy() - logits.numpy().max(1, keepdims=True))
    each = entropy(p / p.sum(1, keepdims=True), axis=1)
    assert figure.value == pytest.approx(each.mean(), rel=1e-9, abs=1e-12)
    assert figure.stderr == pytest.approx(each.std(ddof=1) / math.sqrt(200), rel=1e-9)


def test_entropy_ends():
    assert accuracy.entropy(torch.zeros(5, 10)).value == pytest.approx(math.log(10))
    certain = accuracy.entropy(1e4 * torch.eye(10))
    assert certain.value == 0 and certain.stderr == 0


def test_no_images():
    assert accuracy.accuracy(torch.zeros(0, 10), torch.zeros(0, dtype=torch.int64)).value is None
    assert accuracy.entropy(torch.zeros(0, 10)).value is None
    assert accuracy.entropy(torch.zeros(1, 10)).stderr is None
