"""The typed parameters of a study: one file, every key known, every value checked before work starts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from threetargets.errors import ConfigError, MissingInput
from threetargets.registry import names, one_of

TARGETS = names("diffusion/target.py", "TARGETS")
WEIGHTINGS = names("diffusion/weighting.py", "WEIGHTINGS")
Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
PositiveReal = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _no_repeats(values: list) -> list:
    if len(set(values)) != len(values):
        raise ValueError(f"has a repeated entry in {values}")
    return values


def _cell(name: str) -> str:
    """A cell of the grid: `vae`, `hvae` or `ddpm_<target>_<weighting>`."""
    parts = name.split("_")
    if name in ("vae", "hvae"):
        return name
    if parts[0] != "ddpm" or len(parts) != 3:
        raise ValueError(f"unknown model {name!r}; expected vae, hvae or ddpm_<target>_<weighting>")
    if parts[1] not in TARGETS:
        raise ValueError(f"unknown target {parts[1]!r}; expected one of {', '.join(TARGETS)}")
    if parts[2] not in WEIGHTINGS:
        raise ValueError(f"unknown weighting {parts[2]!r}; expected one of {', '.join(WEIGHTINGS)}")
    return name


def _gamma(value: float) -> float:
    if math.isnan(value) or math.isinf(value):
        raise ValueError("gamma must be a finite number")
    if value < 0:
        raise ValueError(
            "gamma must be 0 (unconditional), 1 (Bayes) or any larger or intermediate number, not negative"
        )
    return value


SourceName = Annotated[str, one_of("data/sources.py", "SOURCES")]
ScheduleName = Annotated[str, one_of("diffusion/schedule.py", "SCHEDULES")]
Variance = Annotated[str, one_of("likelihood/bound.py", "VARIANCES")]
Weighting = Annotated[str, one_of("diffusion/weighting.py", "WEIGHTINGS")]
Proposal = Annotated[str, one_of("diffusion/times.py", "PROPOSALS")]
DecoderName = Annotated[str, one_of("likelihood/decoders.py", "DECODERS")]
Sampler = Annotated[str, one_of("diffusion/sample.py", "SAMPLERS")]
Cell = Annotated[str, AfterValidator(_cell)]
Gamma = Annotated[float, AfterValidator(_gamma)]
Gammas = Annotated[list[Gamma], Field(min_length=1), AfterValidator(_no_repeats)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())


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


class Vae(Section):
    latents: Annotated[list[Positive], Field(min_length=1)]
    width: Positive
    depth: Positive
    decoder: DecoderName
    kl: Literal["closed-form", "monte-carlo"]


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
    cells: Annotated[list[Cell], AfterValidator(_no_repeats)]
    kinds: Annotated[list[Literal["classifier", "classifier-free"]], AfterValidator(_no_repeats)]
    gammas: Gammas


class Likelihood(Section):
    draws: Positive
    batch: Positive
    iwae: Annotated[list[Positive], Field(min_length=1), AfterValidator(_no_repeats)]


class Evaluation(Section):
    kid_subset_size: Positive
    kid_subsets: Positive
    neighbours: Positive
    bootstrap: Annotated[int, Field(ge=2)]


class Tracking(Section):
    uri: str | None = None
    live_after_seconds: Annotated[float, Field(ge=0)]


class Comparison(Section):
    """Margins of the equivalence tests and the family-wise error rate, fixed before the runs."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    bound_margin_bpd: PositiveReal
    fid_margin: Annotated[float, Field(gt=0, lt=1)]


class Study(Section):
    """A whole study, as one file of parameters describes it."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    data: Data
    seeds: Annotated[list[Count], Field(min_length=1), AfterValidator(_no_repeats)]
    cells: Annotated[list[Cell], Field(min_length=1), AfterValidator(_no_repeats)]
    diffusion: Diffusion
    network: Network
    vae: Vae
    hvae: Vae
    classifiers: Classifiers
    training: Trainings
    sampling: Sampling
    guidance: Guidance
    likelihood: Likelihood
    evaluation: Evaluation
    comparison: Comparison
    tracking: Tracking
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["fp32", "bf16"]

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        if len(self.vae.latents) != 1:
            raise ValueError("vae.latents needs exactly one level; hierarchical models are `hvae`")
        if len(self.hvae.latents) < 2:
            raise ValueError("hvae.latents needs two or more levels")
        unknown = [c for c in self.guidance.cells if c not in self.cells]
        if unknown:
            raise ValueError(f"guidance.cells names {unknown[0]!r}, which is not in cells")
        wrong = [c for c in self.guidance.cells if not c.startswith("ddpm_")]
        if wrong:
            raise ValueError(f"guidance.cells names {wrong[0]!r}; only diffusion models are guided")
        if self.classifiers.judge_seed in self.seeds:
            raise ValueError("classifiers.judge_seed is one of seeds; the judge must be independent of every guide")
        if self.sampling.images < self.evaluation.kid_subset_size:
            raise ValueError("evaluation.kid_subset_size is larger than sampling.images")
        if self.sampling.images > min(self.data.split.train, self.data.split.test):
            raise ValueError("sampling.images is larger than the train or test split, so FID has no floor at that N")
        return self


def _line(error: dict, total: int) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the file"
    kind = error["type"]
    if kind == "extra_forbidden":
        said = f"unknown key; expected one of {', '.join(_known_keys(error['loc'][:-1]))}"
    elif kind == "missing":
        said = "is missing"
    else:
        message = error["msg"].removeprefix("Value error, ")
        said = message[0].lower() + message[1:]
        if not isinstance(error["input"], dict) and kind != "value_error":
            said += f", found {error['input']!r}"
    more = f" (and {total - 1} more)" if total > 1 else ""
    return f"{where}: {said}{more}"


def _known_keys(loc: tuple) -> list[str]:
    section: type[BaseModel] = Study
    for part in loc:
        field = section.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        section = field.annotation
    return sorted(section.model_fields)


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys in silence; a study must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        merge = "tag:yaml.org,2002:merge"
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != merge]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def parse(values: object, name: str) -> Study:
    """The study in `values`. Raises ConfigError with one line that names the key, the value and what was expected."""
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: expected a mapping of parameters, found {type(values).__name__}")
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        # A misspelt key is also a missing one: what was written says more than what was not.
        errors = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise ConfigError(f"{name}: {_line(dict(errors[0]), len(errors))}") from None


def load(path: str | Path) -> Study:
    """Read and check a parameter file. Raises MissingInput or ConfigError."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingInput(
            f"{path}: cannot be read ({error.strerror}); name a parameter file such as params.yaml"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    try:
        values = yaml.load(text, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    return parse(values, str(path))
