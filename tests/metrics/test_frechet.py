"""Distances of subsets against scipy's matrix square root; their limit against Gaussians whose
distance is known."""

import numpy as np
import pytest
import scipy.linalg
import torch

from threetargets.metrics import fidelity, frechet
from threetargets.study.blocks import Evaluation

EVALUATION = Evaluation(kid_subset_size=50, kid_subsets=2, neighbours=3, bootstrap=50)


def exact(m1, s1, m2, s2):
    """The Frechet distance of two Gaussians."""
    root = scipy.linalg.sqrtm(s1)
    return ((m1 - m2) ** 2).sum() + np.trace(
        s1 + s2 - 2 * scipy.linalg.sqrtm(root @ s2 @ root).real
    )


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [5, 5, 5, 9, 30, 2], list(range(40))])
def test_distance_of_a_subset(rows):
    """More features than images, images more than once, and more images than features."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 2, (40, 8)), rng.normal(size=(100, 8)) @ rng.normal(size=(8, 8))
    distances = fidelity.Reference(torch.from_numpy(y), "test").distances(torch.from_numpy(x))
    mixed = 0.5 * np.eye(8) * 1e-9  # keeps scipy's root of a singular covariance real
    want = exact(x[rows].mean(0), np.cov(x[rows].T) + mixed, y.mean(0), np.cov(y.T))
    assert distances.of(torch.tensor(rows)) == pytest.approx(want, rel=1e-3)
    moments = fidelity.frechet_distance(
        torch.from_numpy(x[rows]), fidelity.Reference(torch.from_numpy(y), "test")
    )
    assert distances.of(torch.tensor(rows)) == pytest.approx(moments, rel=1e-6)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_partitions_deal_every_image_once_and_classes_evenly(parts):
    asked = torch.arange(60) % 5
    dealt = frechet.partition(parts, asked, 60, torch.Generator().manual_seed(0))
    assert sorted(torch.cat(dealt).tolist()) == list(range(60))
    counts = torch.stack([asked[one].bincount(minlength=5) for one in dealt])
    assert (counts.max(0).values - counts.min(0).values).max() <= 1
    blind = frechet.partition(parts, None, 60, torch.Generator().manual_seed(0))
    assert sorted(torch.cat(blind).tolist()) == list(range(60)) and len(blind) == parts


def test_limit_is_the_intercept_of_a_line():
    class Line:
        def of(self, rows):
            return 3.0 + 40.0 / len(rows)

    found = frechet.limit(Line(), [1, 2, 4], 3, 120, None, 0)
    assert found.value == pytest.approx(3.0) and found.stderr == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (0.1, 1.3), (0.3, 0.7)])
def test_limit_covers_the_distance_of_gaussians_and_fid_is_above_it(mean, scale):
    """Features N(mean, scale diag(1/1, ..., 1/40)) against the moments of a reference that is held
    fixed."""
    rng = np.random.default_rng(1)
    variances = 1 / np.arange(1, 41)
    reference = fidelity.Reference(
        torch.from_numpy(rng.normal(size=(1500, 40)) * np.sqrt(variances)), "test"
    )
    want = exact(
        np.full(40, mean),
        np.diag(scale * variances),
        reference.moments["mu"],
        reference.moments["sigma"],
    )
    plain, limits = [], []
    for seed in range(25):
        x = torch.from_numpy(rng.normal(size=(400, 40)) * np.sqrt(scale * variances) + mean)
        fid, limit = fidelity.fidelity(x, reference, EVALUATION, seed)[:2]
        assert (fid.metric, limit.metric) == ("fid", "fid_infinity")
        plain.append(fid)
        limits.append(limit)
    bias = np.mean([f.value for f in plain]) - want
    error = np.std([f.value for f in plain], ddof=1) / 5
    assert bias > 4 * error
    assert abs(np.mean([f.value for f in limits]) - want) < 0.25 * bias
    assert np.mean([abs(f.value - want) < 1.96 * f.stderr for f in limits]) >= 0.88


def test_limit_says_where_it_is_no_estimate():
    rng = np.random.default_rng(2)
    x, y = (torch.from_numpy(rng.normal(size=(30, 12))) for _ in range(2))
    (limit,) = (
        f
        for f in fidelity.fidelity(x, fidelity.Reference(y, "test"), EVALUATION, 0)
        if "inf" in f.metric
    )
    assert "an indication: parts of 10 images" in limit.spread
    none = EVALUATION.model_copy(update={"fid_parts": []})
    assert "fid_infinity" not in {
        f.metric for f in fidelity.fidelity(x, fidelity.Reference(y, "test"), none, 0)
    }
