"""The typed parameters of a study: one file, every key known, every value checked before work
starts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from threetargets.errors import ConfigError
from threetargets.families.autoencoder.spec import TRAINING, Autoencoder, Family
from threetargets.study import rules
from threetargets.study.complaint import complaint
from threetargets.study.values import (
    AUTOENCODERS,
    CLASSES,
    WEIGHTINGS,
    Cell,
    Count,
    Gammas,
    Positive,
    PositiveReal,
    Proposal,
    Sampler,
    ScheduleName,
    Section,
    SourceName,
    Variance,
    Weighting,
    no_repeats,
)


class Split(Section):
    """Numbers of images; the test split is touched once, by the figures that are reported."""

    train: Positive
    validation: Positive
    test: Positive


class Data(Section):
    name: SourceName
    split: Split
    mirror: str | None = None


class Network(Section):
    """The denoiser: `mlp` for very small images, `unet` for the others."""

    name: Literal["mlp", "unet"]
    width: Positive
    depth: Positive


class Schedule(Section):
    name: ScheduleName
    log_snr_max: float = Field(allow_inf_nan=False)
    log_snr_min: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> Schedule:
        if self.log_snr_min >= self.log_snr_max:
            raise ValueError("log_snr_min must be smaller than log_snr_max")
        return self


class Diffusion(Section):
    steps: Annotated[int, Field(ge=2)]
    schedule: Schedule
    variance: Variance
    label_dropout: Annotated[float, Field(ge=0, lt=1)]
    time_sampling: dict[Weighting, Proposal]

    @model_validator(mode="after")
    def _every_weighting(self) -> Diffusion:
        missing = sorted(set(WEIGHTINGS) - set(self.time_sampling))
        if missing:
            raise ValueError(f"time_sampling lacks {', '.join(missing)}")
        return self


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


class Trainings(Section):
    ddpm: Training
    vae: Training
    hvae: Training
    guide: Training
    judge: Training


class Classifiers(Section):
    width: Annotated[int, Field(gt=0, multiple_of=2)]
    judge_seed: Count


class Sampling(Section):
    sampler: Sampler
    eta: Annotated[float, Field(ge=0, le=1)]
    steps: Positive
    images: Positive
    batch: Positive
    clip: bool


class Guidance(Section):
    cells: Annotated[list[Cell], AfterValidator(no_repeats)]
    kinds: Annotated[list[Literal["classifier", "classifier-free"]], AfterValidator(no_repeats)]
    gammas: Gammas


class Ode(Section):
    """The probability-flow ODE: Runge-Kutta steps, and probes of the trace (0: the exact trace)."""

    images: Positive
    steps: Annotated[int, Field(ge=2, multiple_of=2)]
    probes: Count


class Forms(Section):
    """The bound's two Monte Carlo forms: draws for each of the first images."""

    images: Annotated[int, Field(ge=2)]
    draws: Annotated[int, Field(ge=2)]


class Lengths(Section):
    """The bound of one network at several numbers of steps T."""

    images: Positive
    steps: Annotated[list[Annotated[int, Field(ge=2)]], AfterValidator(no_repeats)]


class Gradients(Section):
    """Variance of gradient estimators of a trained VAE: draws for each of the first images."""

    images: Annotated[int, Field(ge=2)]
    draws: Annotated[int, Field(ge=2)]


class Likelihood(Section):
    images: Positive | None = None
    draws: Positive
    batch: Positive
    fit_images: Positive
    iwae: Annotated[list[Positive], Field(min_length=1), AfterValidator(no_repeats)]
    iwae_images: Annotated[int, Field(ge=2)] | None = None
    ode: Ode
    forms: Forms
    lengths: Lengths
    gradients: Gradients


class Evaluation(Section):
    kid_subset_size: Positive
    kid_subsets: Positive
    neighbours: Positive
    bootstrap: Annotated[int, Field(ge=2)]
    extractors: Annotated[list[Literal["judge", "inception"]], AfterValidator(no_repeats)] = Field(
        default=["judge"]
    )
    inception: str | None = None
    fid_parts: Annotated[list[Positive], AfterValidator(no_repeats)] = Field(default=[1, 2, 3])
    fid_partitions: Positive = 4

    @model_validator(mode="after")
    def _a_line(self) -> Evaluation:
        if len(self.fid_parts) == 1:
            raise ValueError(
                f"fid_parts is {self.fid_parts}: a line in 1/N takes two numbers of parts, or "
                "[] for none"
            )
        return self


class Tracking(Section):
    uri: str | None = None
    live_after_seconds: Annotated[float, Field(ge=0)]


class Comparison(Section):
    """Margins of the equivalence tests and the family-wise error rate, fixed before the runs. The
    bound's is in the unit in which likelihoods of the data are told: bits/dim, or nats for binary
    images."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    bound_margin: PositiveReal
    fid_margin: Annotated[float, Field(gt=0, lt=1)]


class Study(Section):
    """A whole study, as one file of parameters describes it."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    data: Data
    seeds: Annotated[list[Count], Field(min_length=1), AfterValidator(no_repeats)]
    cells: Annotated[list[Cell], Field(min_length=1), AfterValidator(no_repeats)]
    diffusion: Diffusion
    network: Network
    vae: Family
    hvae: Family
    classifiers: Classifiers
    training: Trainings
    sampling: Sampling
    guidance: Guidance
    likelihood: Likelihood
    evaluation: Evaluation
    comparison: Comparison
    tracking: Tracking
    device: Literal["auto", "cpu", "cuda"]
    processes: Positive
    compile: bool
    precision: Literal["fp32", "bf16"]

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        rules.check(self)
        return self

    def training_of(self, cell: str) -> Training:
        """The training block of a cell: its family's, with what a variant says of its own. Raises
        ValueError in one line."""
        family, _, variant = cell.partition("_")
        block: Training = getattr(self.training, family)
        if family not in AUTOENCODERS or not variant:
            return block
        changes = getattr(self, family).variants[variant].get(TRAINING, {})
        try:
            return Training.model_validate({**block.model_dump(), **changes})
        except (ValidationError, TypeError) as error:
            said = (
                complaint(error, Training)
                if isinstance(error, ValidationError)
                else "expected a mapping of keys"
            )
            raise ValueError(f"{family}.variants.{variant}.{TRAINING}: {said}") from None

    @property
    def labelled(self) -> bool:
        """Whether the images have classes: a judge and a guide can be trained, and samples asked
        for."""
        return CLASSES[self.data.name] > 1

    @property
    def autoencoders(self) -> list[str]:
        """The cells that are a vae, an hvae, or a variant of one."""
        return [cell for cell in self.cells if cell.split("_")[0] in AUTOENCODERS]

    def autoencoder(self, cell: str) -> Autoencoder:
        """The parameters of such a cell."""
        family, _, variant = cell.partition("_")
        chosen: Family = getattr(self, family)
        return chosen.of(variant)


def parse(values: object, name: str) -> Study:
    """The study in `values`. Raises ConfigError with one line that names the key, the value and
    what was expected."""
    if not isinstance(values, dict):
        raise ConfigError(
            f"{name}: expected a mapping of parameters, found "
            f"{'nothing' if values is None else type(values).__name__}"
        )
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{name}: {complaint(error, Study)}") from None
