"""Conditional laws of pixels against brute force, scores against closed forms, and the whole
against a law of which all is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from experiments.tiny_notes import TINY
from pydantic import ValidationError
from scipy import stats

from threetargets.diffusion.kernel import add_noise, posterior, signal_noise
from threetargets.diffusion.schedule import Cosine, table
from threetargets.experiments.conditioning import Part
from threetargets.experiments.super_resolution import enlarging, measure, pixel_laws, scoring
from threetargets.experiments.super_resolution.spec import SuperResolution
from threetargets.oracles import Gaussian, Mixture
from threetargets.streams import generator


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed, "test"))


def test_what_is_seen_are_the_means_of_two_by_two() -> None:
    part, image = pixel_laws.means(), normal(3, 8, 8)
    pooled = torch.nn.functional.avg_pool2d(image[:, None], 2)[:, 0]
    torch.testing.assert_close(part.of(image.flatten(1)), 2 * pooled.flatten(1))
    torch.testing.assert_close(part.rows @ part.rows.T, torch.eye(16).double())
    twice = torch.nn.functional.interpolate(pooled[:, None], scale_factor=2)[:, 0]
    wide = enlarging.enlarged(part, part.of(image.flatten(1)))
    torch.testing.assert_close(wide, twice.flatten(1))
    assert measure.missed(wide + 0.3, part.of(wide)) == pytest.approx(0.3)


def small_mixture() -> Mixture:
    roots = [0.5 * normal(3, 3, seed=k) for k in (1, 2)]
    parts = [
        Gaussian(normal(3, seed=k), root @ root.T + 0.05 * torch.eye(3))
        for k, root in zip((3, 4), roots, strict=True)
    ]
    return Mixture(torch.tensor([0.3, 0.7]), parts)


def test_the_law_given_a_part_is_the_joint_density_on_that_plane() -> None:
    """Three numbers, one seen: moments by quadrature of the joint density over the plane R x =
    u."""
    law, row = small_mixture(), normal(3, seed=5)
    part, u = Part((row / row.norm())[None]), torch.tensor([0.4], dtype=torch.float64)
    others = torch.linalg.svd(part.rows)[2][1:]
    line = torch.linspace(-10, 10, 601, dtype=torch.float64)
    points = u * part.rows + torch.cartesian_prod(line, line) @ others
    weight = law.log_density(points).softmax(0)
    mean = weight @ points
    covariance = (weight[:, None] * (points - mean)).T @ (points - mean)
    rest = pixel_laws.given(law, part, u)
    for one, wanted in zip(pixel_laws.moments(rest), (mean, covariance), strict=True):
        torch.testing.assert_close(one, wanted, atol=1e-8, rtol=0)
    x, _ = rest.draw(20_000, generator(0, "test"))
    torch.testing.assert_close(part.of(x), u.expand(20_000, 1))
    torch.testing.assert_close(x.mean(0), mean, atol=0.03, rtol=0)
    torch.testing.assert_close(torch.cov(x.T), covariance, atol=0.03, rtol=0)


def test_its_denoiser_is_bayes_rule_on_that_plane() -> None:
    law, part = small_mixture(), Part(torch.eye(3, dtype=torch.float64)[:1])
    u, level = torch.tensor([0.2], dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)
    line = torch.linspace(-7, 7, 401, dtype=torch.float64)
    points = torch.cartesian_prod(u, line, line)
    a, s = signal_noise(level)
    x_t = normal(2, 3, seed=6)
    got = pixel_laws.given(law, part, u).predict(x_t, level).x0
    for x, x0 in zip(x_t, got, strict=True):
        noise = -0.5 * ((x - a * points) / s).square().sum(1)
        weight = (law.log_density(points) + noise).softmax(0)
        torch.testing.assert_close(x0, weight @ points, atol=1e-8, rtol=0)


def test_a_law_has_the_moments_of_its_images() -> None:
    x, groups = normal(50, 4), torch.arange(50) % 3
    whole = pixel_laws.law_of(x, torch.zeros(50, dtype=torch.int64), 0.3)
    parts = pixel_laws.law_of(x, groups, 0.3)
    wanted = np.cov(x.numpy().T, bias=True) + 0.09 * np.eye(4)
    for law in (whole, parts):
        mean, covariance = pixel_laws.moments(law)
        np.testing.assert_allclose(mean, x.mean(0), atol=1e-12)
        np.testing.assert_allclose(covariance, wanted, atol=1e-12)
    own = x[groups == 2]
    np.testing.assert_allclose(parts.components[2].mean, own.mean(0), atol=1e-12)
    part = Part(torch.eye(4, dtype=torch.float64)[:2])
    rms = math.sqrt(wanted[0, 0] / 2 + wanted[1, 1] / 2)
    assert pixel_laws.deviation(torch.from_numpy(wanted), part) == pytest.approx(rms)


def test_moment_errors_have_no_error_of_a_finite_sample() -> None:
    """Eight draws at a time: the mean over many is the error of the law that they are drawn
    from."""
    root = torch.tensor([[1.0, 0.0], [0.6, 0.5]], dtype=torch.float64)
    covariance, shift = root @ root.T, torch.tensor([0.3, -0.2], dtype=torch.float64)
    x = normal(4000, 8, 2) @ root.T
    own = [scoring.moment_errors(one, torch.zeros(2).double(), covariance) for one in x]
    off = [scoring.moment_errors(1.2 * one + shift, 0 * shift, covariance) for one in x]
    wanted = {
        "mean": float(shift.square().sum() / covariance.trace()),
        "covariance": (1.44 - 1) ** 2,
        "spread": 1.44,
    }
    for key, value in wanted.items():
        free = {"spread": 1.0}.get(key, 0.0)
        for some, exact in ((own, free), (off, value)):
            values = np.array([one[key] for one in some])
            error = values.std() / len(values) ** 0.5
            assert values.mean() == pytest.approx(exact, abs=5 * error) and error < 0.05


def test_scores_of_images_are_those_of_their_definition() -> None:
    """Pairs walked one by one; on a line, of many samples and one truth, half of scipy's squared
    energy distance."""
    x, truth = normal(2, 7, 3), normal(2, 3, seed=1)
    got = scoring.image_scores(x, truth)
    for k in range(2):
        pairs = [(i, j) for i in range(7) for j in range(7) if i != j]
        apart = [float((x[k, i] - x[k, j]).square().mean()) for i, j in pairs]
        norms = [float((x[k, i] - x[k, j]).norm()) for i, j in pairs]
        far = [float((x[k, i] - truth[k]).norm()) for i in range(7)]
        assert float(got["apart"][k]) == pytest.approx(np.mean(apart))
        score = (np.mean(far) - np.mean(norms) / 2) / math.sqrt(3)
        assert float(got["energy"][k]) == pytest.approx(score)
        assert float(got["mean_squared"][k]) == pytest.approx(
            float((x[k].mean(0) - truth[k]).square().mean())
        )
    line = normal(1, 2000, 1, seed=2)
    zero = float(scoring.image_scores(line, torch.zeros(1, 1).double())["energy"][0])
    distance = stats.energy_distance(line[0, :, 0].numpy(), [0.0]) ** 2 / 2
    assert zero == pytest.approx(distance, abs=2e-3)


def test_a_draw_of_the_law_is_as_far_from_the_image_as_from_another_draw() -> None:
    """And its energy score is less than that of draws of half or twice the spread."""
    truth, x = normal(4000, 3), normal(4000, 5, 3, seed=1)
    scores = {k: scoring.image_scores(k * x, truth) for k in (0.5, 1.0, 2.0)}
    own = scores[1.0]
    assert float(own["apart"].mean()) == pytest.approx(float(own["squared"].mean()), rel=0.03)
    for other in (0.5, 2.0):
        assert float((scores[other]["energy"] - own["energy"]).mean()) > 0.02


def test_a_network_that_is_given_the_means_uses_them() -> None:
    """With another image's y it is wrong."""
    block = SuperResolution.model_validate(TINY["super_resolution"])
    fit = block.digits.training.model_copy(update={"steps": 200, "batch": 64})
    chosen = block.digits.model_copy(update={"hidden": 96, "training": fit})
    part, level = pixel_laws.means(), torch.zeros(())
    x = enlarging.enlarged(part, 2 * normal(256, 16)).float()
    net = enlarging.trained(x, part, chosen, Cosine(6.0, -6.0), 0)
    eps = normal(256, 64, seed=1).float()
    noised = add_noise(x, eps, level)
    losses = [
        float((enlarging.predictor(net, seen)(noised, level).eps - eps).square().mean())
        for seen in (x, x.roll(1, 0))
    ]
    assert losses[0] < 0.6 * losses[1]


def spread_of_steps(v: float, steps: int) -> float:
    """Variance over v of one coordinate of N(m, v) after ancestral steps, each of them linear."""
    ends, now = Cosine(6.0, -6.0), 1.0
    for l_t, l_s in itertools.pairwise(table(ends, steps).log_snr.flip(0)):
        a, s2 = float(torch.sigmoid(l_t).sqrt()), float(torch.sigmoid(-l_t))
        q = posterior(l_s, l_t)
        now = float(q.A * a * v / (a**2 * v + s2) + q.B) ** 2 * now + float(q.C)
    return now / v


def test_all_methods_on_a_round_law_draw_from_the_law_given_y() -> None:
    """Of N(m, d^2 I) all of them are exact but for the steps, which lose some spread."""
    block = SuperResolution.model_validate(
        TINY["super_resolution"]
        | {"laws": {"noise": 0.2, "calls": [60, 2], "conditions": 2, "samples": 400}}
    )
    law = Mixture(torch.ones(1), [Gaussian(normal(64), 0.3 * torch.eye(64))])
    values = {f.metric: f.value for f in measure.of_law(block, "gaussian", law, 0)}
    lost = spread_of_steps(0.3, 60)
    assert 0.85 < lost < 0.95
    for method in ("law", "known_60", "guided_60", "projection_60", "replacement_60"):
        wanted = 1.0 if method == "law" else lost
        own = {key: values[f"gaussian/{method}/{key}"] for key in (*measure.MOMENTS, "missed")}
        assert own["spread"] == pytest.approx(wanted, abs=0.02)
        assert own["mean"] == pytest.approx(0, abs=0.01)
        assert own["covariance"] == pytest.approx((1 - wanted) ** 2, abs=0.03)
        assert own["missed"] == pytest.approx(0, abs=1e-8)


def test_more_images_than_there_are_is_refused() -> None:
    values = TINY["super_resolution"]
    with pytest.raises(ValidationError, match="at most the size"):
        SuperResolution.model_validate(values | {"digits": values["digits"] | {"images": 11}})
