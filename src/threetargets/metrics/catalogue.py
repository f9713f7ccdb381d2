"""Every metric by its name: what it is called, in which direction it is good, what it needs, and
where it is computed. Imports no torch.

A metric of samples is an entry here and a function of a `Sight` (metrics/fidelity.py) that returns
a Figure, or None where it does not apply; a study measures it when `evaluation.metrics` names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EXTRACTORS = ("judge", "inception")
"""Kinds of extractor: what sees the images of which samples are measured."""
INCEPTION_FEATURES = 2048


@dataclass(frozen=True)
class Metric:
    """A metric of samples. `label` is how a reader knows it, `unit` follows on an axis; `better` is
    empty where neither direction is good by itself.

    needs: `features` are seen by every extractor of the study; `logits` and `labels` by the judge
    alone, where images have classes, and `labels` where a class was asked for, too.
    compute: module of metrics/ and function in it. over_gamma: whether the report draws it against
    gamma.
    """

    label: str
    better: Literal["lower", "higher", ""]
    needs: Literal["features", "logits", "labels"]
    compute: str
    unit: str = ""
    over_gamma: bool = True

    @property
    def module(self) -> str:
        return self.compute.partition(":")[0]

    @property
    def axis(self) -> str:
        return f"{self.label}, {self.unit}" if self.unit else self.label


SAMPLES: dict[str, Metric] = {
    "fid": Metric("FID", "lower", "features", "fidelity:fid"),
    "fid_infinity": Metric("FID∞", "lower", "features", "fidelity:fid_infinity", over_gamma=False),
    "accuracy": Metric("accuracy", "higher", "labels", "accuracy:of_labels"),
    "precision": Metric("precision", "higher", "features", "fidelity:precision"),
    "recall": Metric("recall", "higher", "features", "fidelity:recall"),
    "entropy": Metric("entropy", "", "logits", "accuracy:of_logits", unit="nats"),
    "kid": Metric("KID", "lower", "features", "fidelity:kid"),
}
"""In the order in which their curves are shown."""

USUAL = ("fid", "fid_infinity", "kid", "precision", "recall", "accuracy", "entropy")
"""What a study measures that says nothing else."""

STAGES: dict[str, str] = {
    "parameters": "train",
    "train_seconds": "train",
    "train_images_per_second": "train",
    "validation_loss": "train",
    "accuracy_validation": "train",
    "accuracy_test": "train",
    "sample_seconds": "sample",
    "sample_images_per_second": "sample",
}
"""The stage of every other metric; those that are in neither table are of the likelihood."""


def by_features(names: list[str]) -> list[str]:
    """Those that every extractor of a study measures."""
    return [name for name in names if SAMPLES[name].needs == "features"]


def key(name: str, kind: str, first: str) -> str:
    """The name under which a reader finds a metric: that of an extractor which is not the first one
    has the kind with it, as fid-inception."""
    several = name in SAMPLES and SAMPLES[name].needs == "features"
    return f"{name}-{kind}" if several and kind not in ("", first) else name


def stage(found_as: str) -> str:
    """The stage that measures what is found under that name."""
    return _STAGES.get(found_as, "likelihood")


_STAGES = STAGES | {
    found_as: "evaluate"
    for name in SAMPLES
    for found_as in (name, *(key(name, kind, "") for kind in EXTRACTORS))
}
