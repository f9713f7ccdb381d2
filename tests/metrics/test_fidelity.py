"""FID, KID, precision and recall against closed forms, brute force, repeated draws, and
torch-fidelity end to end."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch_fidelity import calculate_metrics

from threetargets import study as studies
from threetargets.metrics import extractor, fidelity

EVALUATION = studies.load(Path(__file__).parents[2] / "params.yaml").evaluation


def small(**changes):
    return EVALUATION.model_copy(
        update={"kid_subset_size": 50, "kid_subsets": 30, "bootstrap": 60} | changes
    )


def figures(generated, reference, evaluation=None, seed=0):
    found = fidelity.fidelity(
        generated, fidelity.Reference(reference, "test"), evaluation or small(), seed
    )
    return {figure.metric: figure for figure in found}


def normal(rng, n, mean=0.0, scale=1.0, dims=6):
    return torch.from_numpy(rng.normal(mean, scale, (n, dims)))


def with_moments(rng, n, mean, covariance):
    """n vectors whose sample mean and sample covariance are exactly those asked for."""
    x = rng.normal(size=(n, len(mean)))
    x -= x.mean(0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return torch.from_numpy(white @ np.linalg.cholesky(covariance).T + mean)


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 16)
        with torch.no_grad():
            self.layer.weight.copy_(
                torch.randn(16, 64, generator=torch.Generator().manual_seed(0)) / 4
            )

    def features(self, x):
        return torch.relu(self.layer(x.flatten(1)))

    def logits(self, x):
        return self.features(x)[:, :10]


def test_same_numbers_as_torch_fidelity_end_to_end():
    g = torch.Generator().manual_seed(1)
    generated = torch.randint(0, 17, (150, 1, 8, 8), generator=g, dtype=torch.uint8)
    reference = torch.randint(0, 14, (170, 1, 8, 8), generator=g, dtype=torch.uint8)
    name = extractor.register("judge-end-to-end", Judge())
    whole = calculate_metrics(
        input1=extractor.LevelImages(generated, 17),
        input2=extractor.LevelImages(reference, 17),
        feature_extractor=name,
        fid=True,
        kid=True,
        prc=True,
        kid_subsets=30,
        kid_subset_size=50,
        prc_neighborhood=3,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    found = figures(
        extractor.see(name, generated, 17).features, extractor.see(name, reference, 17).features
    )
    assert found["fid"].value == pytest.approx(whole["frechet_inception_distance"], rel=1e-5)
    assert found["kid"].value == pytest.approx(whole["kernel_inception_distance_mean"], rel=1e-5)
    assert found["precision"].value == pytest.approx(whole["precision"], abs=1e-6)
    assert found["recall"].value == pytest.approx(whole["recall"], abs=1e-6)
    assert 0 < found["precision"].value < 1 or 0 < found["recall"].value < 1


def test_fid_of_gaussians_is_the_frechet_distance():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 5))
    s1, s2 = a @ a.T + np.eye(5), b @ b.T + 0.1 * np.eye(5)  # they do not commute
    m1, m2 = rng.normal(size=(2, 5))
    root = scipy.linalg.sqrtm(s1)
    want = ((m1 - m2) ** 2).sum() + np.trace(
        s1 + s2 - 2 * scipy.linalg.sqrtm(root @ s2 @ root).real
    )
    found = figures(with_moments(rng, 400, m1, s1), with_moments(rng, 300, m2, s2))
    assert found["fid"].value == pytest.approx(want, rel=1e-8)


def test_fid_of_a_set_with_itself_is_zero():
    x = normal(np.random.default_rng(0), 200)
    found = figures(x, x)
    assert found["fid"].value == pytest.approx(0, abs=1e-8)
    assert found["precision"].value == found["recall"].value == 1


def test_fid_stderr_is_the_spread_of_repeated_draws():
    rng = np.random.default_rng(0)
    reference = normal(rng, 1000)
    draws = [normal(rng, 200, mean=0.6, scale=1.2) for _ in range(150)]
    ref = fidelity.Reference(reference, "test")
    spread = np.std([fidelity.frechet_distance(draw, ref) for draw in draws], ddof=1)
    claimed = np.mean([figures(draw, reference)["fid"].stderr for draw in draws[:10]])
    assert claimed == pytest.approx(spread, rel=0.25)


def test_fid_stderr_where_classes_are_asked_for():
    """Two classes far apart, 100 images of each by design: their numbers do not vary from draw to
    draw."""
    rng = np.random.default_rng(0)
    labels = torch.arange(200) % 2
    shift = 4.0 * labels[:, None].double()
    reference = fidelity.Reference(normal(rng, 200) + shift, "test")
    draws = [normal(rng, 200, scale=1.3) + shift for _ in range(150)]
    spread = np.std([fidelity.frechet_distance(draw, reference) for draw in draws], ddof=1)
    by_design, by_chance = (
        np.mean(
            [fidelity.fidelity(draw, reference, small(), 0, asked)[0].stderr for draw in draws[:10]]
        )
        for asked in (labels, None)
    )
    assert by_design == pytest.approx(spread, rel=0.25)
    assert by_chance > 1.5 * spread


def test_resample_keeps_the_classes():
    asked = torch.tensor([3, 1, 3, 3, 0, 1])
    drawn = torch.stack(
        [fidelity.resample(6, asked, torch.Generator().manual_seed(k)) for k in range(300)]
    )
    assert (asked[drawn] == asked).all()
    assert [sorted(set(column.tolist())) for column in drawn.T] == [
        [0, 2, 3],
        [1, 5],
        [0, 2, 3],
        [0, 2, 3],
        [4],
        [1, 5],
    ]


def test_bootstrap_is_seeded():
    rng = np.random.default_rng(0)
    a, b = normal(rng, 120), normal(rng, 120)
    assert figures(a, b, seed=3) == figures(a, b, seed=3)
    assert figures(a, b, seed=3)["fid"].stderr != figures(a, b, seed=4)["fid"].stderr


def test_kid_is_unbiased_under_the_null():
    rng = np.random.default_rng(0)
    values = np.array(
        [
            figures(normal(rng, 120), normal(rng, 120), small(bootstrap=2))["kid"].value
            for _ in range(120)
        ]
    )
    assert abs(values.mean()) < 4 * values.std(ddof=1) / math.sqrt(len(values))
    assert (values < 0).any() and (values > 0).any()


@pytest.mark.parametrize(("shift", "low", "high"), [(0.5, 0.75, 1.4), (0.0, 1.0, 4.0)])
def test_kid_stderr_against_repeated_draws(shift, low, high):
    """About right where the sets differ; on the large side, never the small one, where they do
    not."""
    rng = np.random.default_rng(1)
    found = [
        figures(normal(rng, 200, mean=shift), normal(rng, 200), small(bootstrap=2))["kid"]
        for _ in range(80)
    ]
    ratio = np.mean([f.stderr for f in found]) / np.std([f.value for f in found], ddof=1)
    assert low < ratio < high


def test_kid_by_brute_force():
    """One subset that is the whole set: the unbiased estimate, every pair by a loop."""
    rng = np.random.default_rng(2)
    x, y = normal(rng, 20, mean=0.3, dims=3), normal(rng, 20, dims=3)

    def k(a, b):
        return (float(a @ b) / 3 + 1) ** 3

    within = sum(k(s[i], s[j]) for s in (x, y) for i in range(20) for j in range(20) if i != j) / (
        20 * 19
    )
    across = sum(k(a, b) for a in x for b in y) / 400
    found = figures(x, y, small(kid_subset_size=20, kid_subsets=1))["kid"]
    assert found.value == pytest.approx(within - 2 * across, rel=1e-9)
    assert found.stderr is None and found.spread.startswith("none")


def covered(points, centres, k):
    """Fraction of points within the k-th neighbour's distance of some centre: sklearn's trees, one
    point at a time."""
    radii = NearestNeighbors(n_neighbors=k + 1).fit(centres).kneighbors(centres)[0][:, -1]
    return np.mean([(np.linalg.norm(centres - p, axis=1) <= radii).any() for p in points])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_by_brute_force(k):
    rng = np.random.default_rng(3)
    a, b = (
        normal(rng, 1100, mean=0.4, scale=0.8),
        normal(rng, 130),
    )  # more than one batch of the distance matrix
    found = figures(a, b, small(neighbours=k, bootstrap=2))
    assert found["precision"].value == pytest.approx(covered(a.numpy(), b.numpy(), k), abs=1e-6)
    assert found["recall"].value == pytest.approx(covered(b.numpy(), a.numpy(), k), abs=1e-6)
    p, r = found["precision"].value, found["recall"].value
    assert found["precision"].stderr == pytest.approx(math.sqrt(p * (1 - p) / 1100))
    assert found["recall"].stderr == pytest.approx(math.sqrt(r * (1 - r) / 130))


def test_neighbours_are_looked_for_on_the_device(monkeypatch):
    """As distances are; what is a device here is one without data."""
    devices = []

    def look(generated, reference, **_):
        devices.extend((generated.device.type, reference.device.type))
        return {"precision": 1.0, "recall": 1.0}

    monkeypatch.setattr(fidelity, "prc_features_to_metric", look)
    there = fidelity.Reference(torch.zeros(8, 2).double(), "test", device="meta")
    fidelity._precision_recall(torch.zeros(8, 2).double(), there, 3)
    assert devices == ["meta", "meta"]


@pytest.mark.parametrize("jitter", [0.0, 1e-4])
def test_collapsed_generator_is_precise_and_recalls_nothing(jitter):
    rng = np.random.default_rng(4)
    reference = normal(rng, 200)
    centre = reference.mean(0).expand(200, -1)
    found = figures(centre + jitter * normal(rng, 200), reference)
    assert found["precision"].value == 1 and found["recall"].value == 0
    assert found["fid"].value == pytest.approx(
        torch.cov(reference.T).trace().item(), rel=0.01
    )  # |mu - c|^2 + tr(S)
    assert math.isfinite(found["kid"].value) and found["kid"].value > 0
    if jitter == 0:
        assert found["fid"].stderr == pytest.approx(0, abs=1e-9)


def test_over_dispersed_generator_recalls_all_and_is_not_precise():
    rng = np.random.default_rng(5)
    found = figures(normal(rng, 200, scale=30), normal(rng, 200))
    assert found["precision"].value < 0.02 and found["recall"].value > 0.98


def test_floor_lies_under_a_changed_set():
    rng = np.random.default_rng(6)
    test = normal(rng, 300)
    floor, changed = figures(normal(rng, 300), test), figures(normal(rng, 300, mean=0.5), test)
    assert 0 < floor["fid"].value < changed["fid"].value - 5 * changed["fid"].stderr
    assert abs(floor["kid"].value) < 3 * floor["kid"].stderr < changed["kid"].value
    assert floor["precision"].value > 0.7 and floor["recall"].value > 0.7


@pytest.mark.parametrize(
    ("n", "measured"), [(0, set()), (1, set()), (3, {"fid"}), (4, {"fid", "precision", "recall"})]
)
def test_sets_too_small_have_no_figures_and_say_why(n, measured):
    rng = np.random.default_rng(7)
    found = figures(normal(rng, n), normal(rng, 100))
    assert {metric for metric, figure in found.items() if figure.value is not None} == measured
    for metric in set(found) - measured:
        assert (
            found[metric].n == n
            and found[metric].stderr is None
            and "too few" in found[metric].spread
        )


def test_figures_say_what_they_are():
    rng = np.random.default_rng(8)
    found = figures(normal(rng, 100), normal(rng, 120))
    assert list(found) == ["fid", "fid_infinity", "kid", "precision", "recall"]
    assert all(figure.n == 100 and figure.spread for figure in found.values())
    assert "torch-fidelity's std over 30 subsets of 50" in found["kid"].spread
    assert fidelity.Reference(normal(rng, 120), "test").label == "test (n=120)"
