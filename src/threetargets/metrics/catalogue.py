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
    reads: the keys of `evaluation` that its value depends on. takes: the one of them that must hold
    something for it, if any. compute: module of
    metrics/ and function in it. over_gamma: whether the report draws it against gamma.
    """

    label: str
    better: Literal["lower", "higher", ""]
    needs: Literal["features", "logits", "labels"]
    compute: str
    unit: str = ""
    over_gamma: bool = True
    takes: str = ""
    reads: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return self.compute.partition(":")[0]

    @property
    def axis(self) -> str:
        return f"{self.label}, {self.unit}" if self.unit else self.label


SAMPLES: dict[str, Metric] = {
    "fid": Metric("FID", "lower", "features", "fidelity:fid", reads=("bootstrap",)),
    "fid_infinity": Metric(
        *("FID∞", "lower", "features", "fidelity:fid_infinity"),
        over_gamma=False,
        takes="fid_parts",
        reads=("bootstrap", "fid_parts", "fid_partitions"),
    ),
    "accuracy": Metric("accuracy", "higher", "labels", "accuracy:of_labels"),
    "precision": Metric(
        "precision", "higher", "features", "fidelity:precision", reads=("neighbours",)
    ),
    "recall": Metric("recall", "higher", "features", "fidelity:recall", reads=("neighbours",)),
    "entropy": Metric("entropy", "", "logits", "accuracy:of_logits", unit="nats"),
    "kid": Metric(
        "KID", "lower", "features", "fidelity:kid", reads=("kid_subset_size", "kid_subsets")
    ),
}
"""In the order in which their curves are shown."""

USUAL = ("fid", "fid_infinity", "kid", "precision", "recall", "accuracy", "entropy")
"""What a study measures that says nothing else."""

OF_DATA = "of the data"
"""The unit of a likelihood: bits/dim of grey images, nats of binary ones; the name of a figure in
it ends with the unit (bound_bpd)."""


@dataclass(frozen=True)
class Measured:
    """A metric that is not of samples: what a reader calls it, and the stage that measures it."""

    label: str
    stage: Literal["train", "sample", "likelihood", "experiment"]
    better: Literal["lower", "higher", ""] = ""
    unit: str = ""


def _bound(label: str, better: Literal["lower", ""] = "lower") -> Measured:
    return Measured(label, "likelihood", better, OF_DATA)


OTHERS: dict[str, Measured] = {
    "parameters": Measured("parameters", "train"),
    "train_seconds": Measured("training", "train", "lower", "s"),
    "train_images_per_second": Measured("training", "train", "higher", "images/s"),
    "validation_loss": Measured("validation loss", "train", "lower"),
    "accuracy_validation": Measured("validation", "train", "higher"),
    "accuracy_test": Measured("test", "train", "higher"),
    "sample_seconds": Measured("sampling", "sample", "lower", "s"),
    "sample_images_per_second": Measured("sampling", "sample", "higher", "images/s"),
    "experiment_seconds": Measured("experiment", "experiment", "lower", "s"),
    "bound": _bound("bound"),
    "bound_given_label": _bound("bound given label"),
    "train_bound": _bound("on training images"),
    "validation_bound": _bound("on validation images"),
    "nll": _bound("−log p"),
    "prior": _bound("prior"),
    "denoising": _bound("denoising"),
    "decoder": _bound("decoder"),
    "reconstruction": _bound("reconstruction"),
    "ode": _bound("ODE, dequantised"),
    "ode_decoder": _bound("ODE"),
    "ode_half_steps_difference": _bound("half steps"),
    "two_sided_difference": _bound("two-sided − one-sided", ""),
    "two_sided_printed_difference": _bound("difference as printed", ""),
    "one_sided_draw_variance": Measured("variance, one-sided", "likelihood", "lower"),
    "two_sided_draw_variance": Measured("variance, two-sided", "likelihood", "lower"),
    "active_units": Measured("active latents", "likelihood"),
}
SERIES: dict[str, Measured] = {
    "iwae_{}": _bound("IWAE {}"),
    "kl_{}": _bound("kl {}", ""),
    "bound_{}": _bound("{}"),
    "bound_T{}": _bound("T = {}"),
    "bound_T{}_fitted": _bound("T = {}, fitted"),
    "bound_after_{}": _bound("after {} images"),
    "draw_std_{}": _bound("draws {}"),
    "gradient_variance_ratio_{}": Measured("{}", "likelihood", "lower"),
}
"""Metrics of which there are several, by what stands in the place of {}: number of samples, layer,
reverse variance, T, way to draw the noise level, estimator of a gradient. All of the likelihood."""


def one_of(series: str, which: object) -> str:
    """The name of one metric of a series. KeyError where the catalogue has no such series."""
    return {name: name.format(which) for name in SERIES}[series]


def label(name: str, which: object = "") -> str:
    """What a reader calls a metric that is not of samples, or one of a series."""
    return (OTHERS | SERIES)[name].label.format(which)


def axis(name: str, of_data: str) -> str:
    """Label and unit of a metric that is not of samples; `of_data`: the unit of a likelihood."""
    unit = of_data if OTHERS[name].unit == OF_DATA else OTHERS[name].unit
    return f"{OTHERS[name].label}, {unit}" if unit else OTHERS[name].label


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
    if found_as in _OF_SAMPLES:
        return "evaluate"
    return OTHERS[found_as].stage if found_as in OTHERS else "likelihood"


_OF_SAMPLES = {
    found_as
    for name in SAMPLES
    for found_as in (name, *(key(name, kind, "") for kind in EXTRACTORS))
}
