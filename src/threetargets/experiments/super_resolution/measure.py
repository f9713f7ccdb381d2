"""One seed of the super-resolution experiment: samples against laws that are known, and against
test digits."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from threetargets.diffusion.predictor import Predictor, clipped
from threetargets.diffusion.schedule import SCHEDULES, Schedule, Table, table
from threetargets.experiments import conditioning, small_images
from threetargets.experiments.checked_figures import figure, mean_figure
from threetargets.experiments.conditioning import Noise
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.digit_sizes import LEVELS
from threetargets.experiments.super_resolution import enlarging, pixel_laws, scoring
from threetargets.experiments.super_resolution.spec import (
    FACTOR,
    LAWS,
    METHODS,
    TRAINED,
    UNCONDITIONAL,
    SuperResolution,
)
from threetargets.levels import centres
from threetargets.oracles import Mixture
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.values import Section

SHOWN = 8
"""Test images whose samples are kept for the picture."""
MEANS = pixel_laws.means()
MOMENTS = ("mean", "covariance", "spread")
Clip = Callable[[Predictor], Predictor]
"""What comes last of a predictor."""


def images(block: SuperResolution, part: str) -> Tensor:
    """Digits at their bin centres in [-1, 1], (N, 64), float64."""
    levels = small_images.digits(block.split, part)
    return centres(levels, LEVELS).double().flatten(1)


def schedule_of(block: SuperResolution) -> Schedule:
    ends = block.schedule
    return SCHEDULES[ends.name](ends.log_snr_max, ends.log_snr_min)


def laws_of(block: SuperResolution) -> dict[str, Mixture]:
    """One Gaussian for all training digits, and a mixture of one for each digit."""
    x, labels = images(block, "train"), small_images.labels(block.split, "train")
    groups = {"gaussian": torch.zeros_like(labels), "mixture": labels}
    return {name: pixel_laws.law_of(x, groups[name], block.laws.noise) for name in LAWS}


def drawn(
    method: str,
    predictor: Predictor,
    path: Table,
    u: Tensor,
    deviation: float,
    noise: Noise,
    clip: Clip = lambda predictor: predictor,
) -> Tensor:
    """x (B, D) given u (B, k), by an unconditional predictor."""
    x = noise(enlarging.enlarged(MEANS, u))
    if method == "replacement":
        return conditioning.replaced(clip(predictor), path, MEANS, u, x, noise)
    if method == "projection":
        made = conditioning.projected(clip(predictor), MEANS, u)
    else:
        made = clip(conditioning.guided(predictor, MEANS, u, deviation))
    return conditioning.sampled(made, path, x, noise)


def normal(seed: int, name: str, *index: int) -> Noise:
    source = generator(seed, f"super_resolution/{name}", *index)
    return lambda like: torch.randn(like.shape, dtype=torch.float64, generator=source)


def missed(x: Tensor, u: Tensor) -> float:
    """Root mean square of what the means of x miss."""
    return float((MEANS.of(x) - u).square().mean().sqrt()) / FACTOR


def of_law(block: SuperResolution, name: str, law: Mixture, seed: int) -> list[Figure]:
    """Errors of the moments of samples, means over the conditions y, which are of draws of the
    law."""
    own = block.laws
    source = generator(seed, f"super_resolution/{name}")
    some = MEANS.of(law.draw(own.conditions, source)[0])
    u = some.repeat_interleave(own.samples, 0)
    rest = [pixel_laws.given(law, MEANS, one) for one in some]
    exact = [pixel_laws.moments(one) for one in rest]
    deviation = pixel_laws.deviation(pixel_laws.moments(law)[1], MEANS)

    def figures(label: str, x: Tensor) -> list[Figure]:
        parts = zip(x.split(own.samples), exact, strict=True)
        each = [scoring.moment_errors(part, *moments) for part, moments in parts]
        means = {key: sum(one[key] for one in each) / len(each) for key in MOMENTS}
        values = {**means, "missed": missed(x, u)}
        return [figure(f"{name}/{label}/{key}", v, len(x)) for key, v in values.items()]

    made = figures("law", torch.cat([one.draw(own.samples, source)[0] for one in rest]))
    for calls in own.calls:
        path = table(schedule_of(block), calls)
        for method in METHODS:
            noise = normal(seed, method, calls)
            if method == "known":
                x = torch.cat(
                    [
                        conditioning.sampled(one.predict, path, noise(part), noise)
                        for one, part in zip(
                            rest, enlarging.enlarged(MEANS, u).split(own.samples), strict=True
                        )
                    ]
                )
            else:
                x = drawn(method, law.predict, path, u, deviation, noise)
            made += figures(f"{method}_{calls}", x)
    return made


def _of_images(name: str, x: Tensor, truth: Tensor, u: Tensor) -> list[Figure]:
    """Of samples x (N, k, D); `other` are held against another image and its y."""
    count = len(truth)
    scores = scoring.image_scores(x, truth)
    scores["other_squared"] = scoring.image_scores(x, truth.roll(1, 0))["squared"]
    made = [mean_figure(f"digits/{name}/{key}", v) for key, v in scores.items()]
    values = {"ratio": float(scores["apart"].mean() / scores["squared"].mean())}
    for key, seen in {"missed": u, "other_missed": u.roll(1, 0)}.items():
        values[key] = missed(x.flatten(0, 1), seen.repeat_interleave(x.shape[1], 0))
    return made + [figure(f"digits/{name}/{key}", v, count) for key, v in values.items()]


def of_digits(
    block: SuperResolution, law: Mixture, seed: int, tell: Tell
) -> tuple[list[Figure], dict[str, np.ndarray]]:
    own, start = block.digits, time.monotonic()
    x0 = images(block, "train")
    schedule = schedule_of(block)
    free, seeing = (
        enlarging.trained(x0.float(), part, own, schedule, seed) for part in (None, MEANS)
    )
    tell(f"seed {seed}: two networks ({time.monotonic() - start:.1f} s)")
    truth = images(block, "test")[: own.images]
    u = MEANS.of(truth)
    rows = u.repeat_interleave(own.samples, 0)
    wide = enlarging.enlarged(MEANS, rows)
    deviation = pixel_laws.deviation(torch.cov(x0.T), MEANS)
    path = table(schedule, own.calls)
    arrays = {"truth": truth, "means": enlarging.enlarged(MEANS, u)}
    plain = float((arrays["means"] - truth).square().mean())
    figures = [figure("digits/enlarged/squared", plain, len(truth))]
    source = generator(seed, "super_resolution/digits")
    given = [pixel_laws.given(law, MEANS, one).draw(own.samples, source)[0] for one in u]
    figures += _of_images("law", torch.stack(given), truth, u)
    for method in TRAINED:
        start, noise = time.monotonic(), normal(seed, f"digits/{method}")
        if method in UNCONDITIONAL:
            predictor = enlarging.predictor(free, None)
            x = drawn(method, predictor, path, rows, deviation, noise, clipped)
        else:
            predictor = clipped(enlarging.predictor(seeing, wide))
            x = conditioning.sampled(predictor, path, noise(wide), noise)
        x = x.view(own.images, own.samples, -1)
        figures += _of_images(method, x, truth, u)
        arrays[method] = x[:, 0]
        tell(f"seed {seed}: {method} ({time.monotonic() - start:.1f} s)")
    return figures, {name: some[:SHOWN].float().numpy() for name, some in arrays.items()}


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures <law>/<method>_<calls>/mean, covariance, spread, missed and <law>/law/..
    (scoring.moment_errors); digits/<method>/.. (scoring.image_scores), their `ratio` of apart to
    squared, and digits/law/.., draws of the mixture given y. Arrays: first samples, (8, 64)."""
    assert isinstance(block, SuperResolution)
    figures, laws = list[Figure](), laws_of(block)
    for name, law in laws.items():
        start = time.monotonic()
        figures += of_law(block, name, law, seed)
        tell(f"seed {seed}: {name} ({time.monotonic() - start:.1f} s)")
    more, arrays = of_digits(block, laws["mixture"], seed, tell)
    return Measured([*figures, *more], {}, arrays)
