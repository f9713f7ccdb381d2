"""FID, KID, precision and recall through torch-fidelity, on features that are extracted once, with
standard errors.

Everywhere the generated images are torch-fidelity's first input and the reference is its second. A
figure that a set is too small for is None, and its `spread` says why; a collapsed generator (every
image the same) has figures like any other.

Sources: FID Heusel et al. 2017, arXiv:1706.08500; KID Binkowski et al. 2018, arXiv:1801.01401;
precision and recall Kynkaanniemi et al. 2019, arXiv:1904.06991; delete-d jackknife Shao and Wu
1989, Annals of Statistics 17(3); FID at infinite N Chong and Forsyth 2020, arXiv:1911.07023.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch_fidelity.metric_fid import (
    KEY_METRIC_FID,
    fid_features_to_statistics,
    fid_statistics_to_metric,
)
from torch_fidelity.metric_kid import (
    KEY_METRIC_KID_MEAN,
    KEY_METRIC_KID_STD,
    kid_features_to_metric,
)
from torch_fidelity.metric_prc import (
    KEY_METRIC_PRECISION,
    KEY_METRIC_RECALL,
    prc_features_to_metric,
)

from threetargets import streams
from threetargets.metrics import frechet
from threetargets.pipeline.records import Figure
from threetargets.study.blocks import Evaluation

PRC_BATCH = 1000  # rows of the distance matrix held at once; does not change a figure


@dataclass(frozen=True)
class Reference:
    """What generated images are compared with: features float64 (M, F), and the name of the split;
    their mean `mu` and covariance `sigma`, where they are known already; and where distances to it
    are computed."""

    features: Tensor
    name: str
    known: dict[str, Any] | None = None
    device: torch.device | str = "cpu"

    def __len__(self) -> int:
        return len(self.features)

    @property
    def label(self) -> str:
        return f"{self.name} (n={len(self)})"

    @cached_property
    def moments(self) -> dict[str, Any]:
        return self.known or fid_features_to_statistics(self.features)

    @cached_property
    def root(self) -> Tensor:
        """The square root of the covariance, where `device` is."""
        return frechet.root(torch.from_numpy(self.moments["sigma"]).to(self.device))

    def distances(self, generated: Tensor) -> frechet.Distances:
        mean, covariance = (
            torch.from_numpy(self.moments[key]).to(self.device) for key in ("mu", "sigma")
        )
        return frechet.Distances(generated.to(self.device), mean, covariance, self.root)


@dataclass(frozen=True)
class Sight:
    """A sample set as one extractor sees it: features float64 (N, F), what they are compared with,
    and how a study measures. `seed` is that of the bootstrap; `asked` int64 (N,) are the classes
    that were asked for, where that was by design.

    logits (M, classes) are those of the judge, `labels` int64 (M,) the classes that it should see
    in them.
    """

    features: Tensor
    reference: Reference
    evaluation: Evaluation
    seed: int
    asked: Tensor | None = None
    logits: Tensor | None = None
    labels: Tensor | None = None

    @cached_property
    def distance(self) -> list[Figure]:
        """FID, and its limit."""
        return _fid(self.features, self.reference, self.evaluation, self.seed, self.asked)

    @cached_property
    def neighbours(self) -> list[Figure]:
        """Precision and recall, which share their distances."""
        return _precision_recall(self.features, self.reference, self.evaluation.neighbours)


def fid(sight: Sight) -> Figure:
    return sight.distance[0]


def fid_infinity(sight: Sight) -> Figure | None:
    """None where the evaluation has no `fid_parts`."""
    return next(iter(sight.distance[1:]), None)


def kid(sight: Sight) -> Figure:
    chosen = sight.evaluation
    return _kid(sight.features, sight.reference, chosen.kid_subsets, chosen.kid_subset_size)


def precision(sight: Sight) -> Figure:
    return sight.neighbours[0]


def recall(sight: Sight) -> Figure:
    return sight.neighbours[1]


def fidelity(
    generated: Tensor,
    reference: Reference,
    evaluation: Evaluation,
    seed: int,
    asked: Tensor | None = None,
) -> list[Figure]:
    """The figures fid, fid_infinity (where the evaluation has `fid_parts`), kid, precision and
    recall of features float64 (N, F) against the reference."""
    sight = Sight(generated, reference, evaluation, seed, asked)
    return [*sight.distance, kid(sight), *sight.neighbours]


def frechet_distance(generated: Tensor, reference: Reference) -> float:
    """|mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)) of the features' means and
    covariances."""
    moments = fid_features_to_statistics(generated)
    values = fid_statistics_to_metric(moments, reference.moments, verbose=False)
    return float(values[KEY_METRIC_FID])


def resample(n: int, asked: Tensor | None, generator: torch.Generator) -> Tensor:
    """Indices (n,) of a bootstrap resample, drawn with replacement: each from the images of its own
    class, where classes were asked for. Their numbers are then fixed by design and add nothing to a
    figure's error."""
    if asked is None:
        return torch.randint(n, (n,), generator=generator)
    drawn = torch.empty(n, dtype=torch.int64)
    for label in torch.unique(asked):
        members = (asked == label).nonzero()[:, 0]
        drawn[members] = members[torch.randint(len(members), (len(members),), generator=generator)]
    return drawn


def _fid(
    generated: Tensor, reference: Reference, evaluation: Evaluation, seed: int, asked: Tensor | None
) -> list[Figure]:
    """FID; its standard error is the standard deviation over resamples of the generated images, the
    reference held fixed. And its limit, see below.

    The value is that of the whole set, not the mean of the resamples: drawing with replacement adds
    to FID's bias.
    """
    n, resamples = len(generated), evaluation.bootstrap
    if min(n, len(reference)) < 2:
        why = "too few images: a covariance takes 2"
        return [
            Figure(m, None, n=n, spread=why)
            for m in ("fid", "fid_infinity")[: 1 + bool(evaluation.fid_parts)]
        ]
    distances = reference.distances(generated)
    streams_of = (streams.generator(seed, "evaluate/bootstrap", b) for b in range(resamples))
    stderr = statistics.stdev(distances.of(resample(n, asked, g)) for g in streams_of)
    within = "" if asked is None else " within the class asked for"
    spread = f"bootstrap over generated images{within}, {resamples} resamples"
    value = frechet_distance(generated, reference)
    limit = [_limit(distances, evaluation, stderr, seed, asked, n)] if evaluation.fid_parts else []
    return [Figure("fid", value, stderr, n, spread=spread), *limit]


def _limit(
    distances: frechet.Distances,
    evaluation: Evaluation,
    stderr: float,
    seed: int,
    asked: Tensor | None,
    n: int,
) -> Figure:
    """FID at infinite N against the same reference, which is held fixed with the bias that its own
    size leaves.

    Its standard error is that of FID at N, whose sampling error it shares (frechet.limit), and of
    the partitions.
    """
    parts, features = evaluation.fid_parts, distances.shifted.shape[1]
    smallest = n // max(parts)
    if smallest < 2:
        return Figure(
            "fid_infinity",
            None,
            n=n,
            spread=f"too few images: {max(parts)} parts take {2 * max(parts)}",
        )
    limit = frechet.limit(distances, parts, evaluation.fid_partitions, n, asked, seed)
    spread = (
        f"line in 1/n through parts of {n}/{', /'.join(map(str, parts))} images, "
        f"{evaluation.fid_partitions} "
    )
    spread += "partitions; the bootstrap's and the partitions' errors"
    if smallest <= features:
        spread += (
            f"; an indication: parts of {smallest} images have singular covariances of "
            f"{features} features"
        )
    return Figure("fid_infinity", limit.value, math.hypot(stderr, limit.stderr), n, spread=spread)


def _kid(generated: Tensor, reference: Reference, subsets: int, size: int) -> Figure:
    """KID: the mean over subsets of m images of the unbiased MMD^2 with the kernel (x.y / F + 1)^3.

    torch-fidelity's std over S subsets says how much KID of m images varies, not how far its mean
    may be off. Subsets of m out of n images are a delete-d jackknife, whose variance is var m / (n
    - m), over generated and reference images both; var / S more for having drawn S of them only.
    Near KID = 0 this errs on the large side.
    """
    n = min(len(generated), len(reference))
    if size > n:
        return Figure("kid", None, n=len(generated), spread=f"too few images: subsets have {size}")
    values = kid_features_to_metric(
        generated, reference.features, kid_subsets=subsets, kid_subset_size=size, verbose=False
    )
    stderr, spread = None, f"none: {subsets} subsets of {size} out of {n} images"
    if size < n and subsets > 1:
        stderr = values[KEY_METRIC_KID_STD] * math.sqrt(size / (n - size) + 1 / subsets)
        factor = f"sqrt({size}/({n}-{size}) + 1/{subsets})"
        spread = (
            f"torch-fidelity's std over {subsets} subsets of {size}, times {factor}: "
            "delete-d jackknife"
        )
    return Figure("kid", values[KEY_METRIC_KID_MEAN], stderr, len(generated), spread=spread)


def _precision_recall(generated: Tensor, reference: Reference, neighbours: int) -> list[Figure]:
    """Precision: the fraction of generated images that lie within the k-th neighbour's distance of
    some reference image; recall: the fraction of reference images that lie so to some generated
    one. Their standard errors are binomial, the balls held fixed."""
    n, m = len(generated), len(reference)
    if min(n, m) <= neighbours:
        why = f"too few images: {neighbours} neighbours take {neighbours + 1}"
        return [Figure(metric, None, n=n, spread=why) for metric in ("precision", "recall")]
    values = prc_features_to_metric(
        generated.to(reference.device),
        reference.features.to(reference.device),
        prc_neighborhood=neighbours,
        prc_batch_size=PRC_BATCH,
        save_cpu_ram=True,
        verbose=False,
    )
    precision, recall = values[KEY_METRIC_PRECISION], values[KEY_METRIC_RECALL]
    return [
        Figure(
            "precision",
            precision,
            _binomial(precision, n),
            n,
            spread=f"binomial over {n} generated images",
        ),
        Figure(
            "recall", recall, _binomial(recall, m), n, spread=f"binomial over {m} reference images"
        ),
    ]


def _binomial(p: float, n: int) -> float:
    return math.sqrt(p * (1 - p) / n)
