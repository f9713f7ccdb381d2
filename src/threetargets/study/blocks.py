"""The blocks of a parameter file that belong to no family of models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from threetargets.metrics.catalogue import SAMPLES, USUAL
from threetargets.study.values import (
    GUIDES,
    READS,
    CellNames,
    Count,
    GammaValues,
    GuidanceKind,
    MetricName,
    Positive,
    PositiveReal,
    Sampler,
    ScheduleName,
    Section,
    SourceName,
    no_repeats,
)

Images = Annotated[int, Field(ge=2, le=10**12)]
"""Images whose figure has a standard error over them."""


Fraction = Annotated[float, Field(gt=0, lt=1)]


class Split(Section):
    """Numbers of images; the test split is touched once, by the figures that are reported."""

    train: Positive
    validation: Positive
    test: Images


class Data(Section):
    name: SourceName
    split: Split
    mirror: str | None = None


class Training(Section):
    """The loop of one kind of model. `steps` times `batch` images are seen."""

    steps: Positive
    batch: Positive
    learning_rate: PositiveReal
    warmup_steps: Count
    ema_halflife_images: Count
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    log_every: Positive
    checkpoint_every: Positive


EXTREME = 22.0
"""There the smaller of a and s is 1.7e-5 of the other, 140 roundings of float32."""


class Schedule(Section):
    """How log-SNR falls over the forward process, and between which ends."""

    name: ScheduleName
    log_snr_max: float = Field(allow_inf_nan=False)
    log_snr_min: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> Schedule:
        for key in ("log_snr_max", "log_snr_min"):
            value = getattr(self, key)
            if abs(value) > EXTREME:
                lost = "noise beside x_0" if value > 0 else "x_0 beside noise"
                raise ValueError(
                    f"{key} is {value:g}; expected a number from -{EXTREME:g} to {EXTREME:g}: "
                    f"beyond it float32 loses the {lost} in x_t"
                )
        if self.log_snr_min >= self.log_snr_max:
            raise ValueError("log_snr_min must be smaller than log_snr_max")
        return self


class Sampling(Section):
    sampler: Sampler
    eta: Annotated[float, Field(ge=0, le=1)]
    steps: Positive
    images: Positive
    batch: Positive
    clip: bool

    @model_validator(mode="after")
    def _noise(self) -> Sampling:
        if self.eta and self.sampler != "ddim":
            raise ValueError(
                f"eta is {self.eta:g} and sampler is {self.sampler}: ddim alone reads eta; write "
                "eta: 0"
            )
        return self


class Interval(Section):
    """Noise levels by their log-SNR: those of log_snr_min and above, below log_snr_max."""

    log_snr_min: float = Field(allow_inf_nan=False)
    log_snr_max: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> Interval:
        if self.log_snr_min >= self.log_snr_max:
            raise ValueError("log_snr_min must be smaller than log_snr_max")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        return self.log_snr_min, self.log_snr_max


class Guidance(Section):
    """`interval` is read by the kind of that name; `weak_at` by autoguidance, whose weak model has
    the averaged weights after this fraction of the steps. They are there where their kind is."""

    cells: CellNames
    kinds: Annotated[list[GuidanceKind], AfterValidator(no_repeats)]
    gammas: GammaValues
    interval: Interval | None = None
    weak_at: Fraction | None = None

    @model_validator(mode="after")
    def _read(self) -> Guidance:
        for kind, key in READS.items():
            given = bool(key) and getattr(self, key) is not None
            if key and kind in self.kinds and not given:
                raise ValueError(f"{key} is missing, and kinds names {kind}, which reads it")
            if given and kind not in self.kinds:
                raise ValueError(
                    f"{key} is there, but kinds does not name {kind}: nothing would read it"
                )
        return self

    @property
    def guides(self) -> list[str]:
        """The classifiers that are trained to guide."""
        named = (GUIDES[kind] for kind in self.kinds) if self.cells else ()
        return list(dict.fromkeys(guide for guide in named if guide))


def after(fraction: float, training: Training) -> int:
    """The step of a training at a fraction of its steps: the first at least."""
    return max(1, round(fraction * training.steps))


class Ode(Section):
    """The probability-flow ODE: Runge-Kutta steps, and probes of the trace (0: the exact trace)."""

    images: Positive
    steps: Annotated[int, Field(ge=2, multiple_of=2)]
    probes: Count


class Forms(Section):
    """The bound's two Monte Carlo forms: draws for each of the first images."""

    images: Images
    draws: Annotated[int, Field(ge=2)]


class Lengths(Section):
    """The bound of one network at several numbers of steps T."""

    images: Positive
    steps: Annotated[list[Annotated[int, Field(ge=2)]], AfterValidator(no_repeats)]


class Gradients(Section):
    """Variance of gradient estimators of a trained VAE: draws for each of the first images."""

    images: Images
    draws: Annotated[int, Field(ge=2)]


class Curve(Section):
    """The bound of diffusion models over their training: with the averaged weights after these
    fractions of the steps, and after all, on the first images and at so many of the noise
    levels."""

    at: Annotated[list[Fraction], Field(min_length=1), AfterValidator(no_repeats)]
    images: Annotated[int, Field(ge=2)]
    steps: Annotated[int, Field(ge=2)]

    def after(self, training: Training) -> list[int]:
        """Those fractions as steps of a training, in their order."""
        return sorted({after(at, training) for at in self.at} - {training.steps})


class Likelihood(Section):
    images: Images | None = None
    draws: Positive
    batch: Positive
    fit_images: Positive
    iwae: Annotated[list[Positive], Field(min_length=1), AfterValidator(no_repeats)]
    iwae_images: Images | None = None
    ode: Ode
    forms: Forms
    lengths: Lengths
    gradients: Gradients
    curve: Curve | None = None
    validation: Annotated[int, Field(ge=2)] | None = None
    """Of diffusion models, first images of the validation split whose bound is measured, for
    choices that have to be made on other than test images."""


class Evaluation(Section):
    kid_subset_size: Images
    kid_subsets: Positive
    neighbours: Positive
    bootstrap: Annotated[int, Field(ge=2)]
    metrics: Annotated[list[MetricName], AfterValidator(no_repeats)] = Field(default=[*USUAL])
    extractors: Annotated[list[Literal["judge", "inception"]], AfterValidator(no_repeats)] = Field(
        default=["judge"]
    )
    inception: str | None = None
    fid_parts: Annotated[list[Positive], AfterValidator(no_repeats)] = Field(default=[1, 2, 3])
    fid_partitions: Annotated[int, Field(ge=2)] = 4

    @property
    def measured(self) -> list[str]:
        """The metrics less those that take a key which is empty here."""
        return [m for m in self.metrics if not SAMPLES[m].takes or getattr(self, SAMPLES[m].takes)]

    @property
    def read(self) -> frozenset[str]:
        """The keys that the measured metrics read, besides `metrics` and `extractors`."""
        return frozenset(key for metric in self.measured for key in SAMPLES[metric].reads)

    @property
    def judged(self) -> bool:
        """Whether a judge is needed, where images have classes to train one on."""
        asked = any(SAMPLES[metric].needs != "features" for metric in self.measured)
        return bool(self.extractors) and ("judge" in self.extractors or asked)

    @model_validator(mode="after")
    def _a_line(self) -> Evaluation:
        if len(self.fid_parts) == 1:
            raise ValueError(
                f"fid_parts is {self.fid_parts}: a line in 1/N takes two numbers of parts, or "
                "[] for none"
            )
        if not self.measured:
            raise ValueError(
                f"metrics is {self.metrics} with fid_parts {self.fid_parts}, which measures "
                "nothing; extractors: [] measures no samples"
            )
        return self


class Tracking(Section):
    uri: str | None = None
    live_after_seconds: Annotated[float, Field(ge=0)]


class Comparison(Section):
    """Margins of the equivalence tests and the family-wise error rate, fixed before the runs. The
    bound's is in the unit in which likelihoods of the data are told, bits/dim, or nats for binary
    images; FID's is a fraction of its excess over the floor."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    bound_margin: PositiveReal
    fid_margin: Annotated[float, Field(gt=0, lt=1)]
