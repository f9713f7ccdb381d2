"""setting.json: what one has to know of a study to read its numbers beside another's."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from threetargets import experiments, families
from threetargets.families import training_of
from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.families.diffusion.named import DiffusionCell
from threetargets.study.schema import Study
from threetargets.study.values import LEVELS, TARGETS, WEIGHTINGS

SKIP = "input_skip"
WORDS = {"log_snr_max": "log-SNR max", "log_snr_min": "log-SNR min", "steps": "T ="}
"""Of keys that a variant changes; any other is written as it is called."""


class Network(BaseModel):
    """The denoiser's block."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    input_skip: bool = False

    @property
    def words(self) -> str:
        """mlp, width 256, depth 3."""
        rest = self.model_extra or {}
        return ", ".join([self.name, *(f"{key} {value}" for key, value in rest.items())])


class Process(BaseModel):
    """Of the diffusion models without a variant; `variants` are the keys in which the others
    differ, `images_seen` is steps times batch of a training."""

    model_config = ConfigDict(frozen=True)

    steps: int
    schedule: str
    log_snr_max: float
    log_snr_min: float
    bound_variance: str
    network: Network
    images_seen: int
    variants: dict[str, dict[str, Any]]

    @field_validator("variants")
    @classmethod
    def _blocks(cls, variants: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for changes in variants.values():
            for key in (diffusion.NETWORK, "schedule"):
                if not isinstance(changes.get(key, {}), dict):
                    raise ValueError(f"{key} is no block")
            end = changes.get("schedule", {}).get("log_snr_max", 0.0)
            if not isinstance(end, (int, float)):
                raise ValueError("log_snr_max is no number")
        return variants

    def skips(self, variant: str) -> bool:
        """Whether the noisy image also reaches the output by a gate."""
        changes = self.variants.get(variant, {}).get(diffusion.NETWORK, {})
        return bool(changes.get(SKIP, self.network.input_skip))

    def ends(self, variant: str) -> float:
        """The log-SNR at t = 0."""
        changes = self.variants.get(variant, {}).get("schedule", {})
        return float(changes.get("log_snr_max", self.log_snr_max))

    def differs(self, variant: str) -> str:
        """In words, what a variant changes besides the input skip; of an unknown one its name."""
        if variant and variant not in self.variants:
            return variant
        leaves = {k: v for k, v in _leaves(self.variants.get(variant, {})).items() if k != SKIP}
        return ", ".join(_changed(key, value) for key, value in leaves.items())


class Setting(BaseModel):
    """A study, by what tells it from others. `images` is (C, H, W); None of a study without cells,
    as `process` is of one without diffusion models. `margin` is that of equal bounds,
    `log_fid_margin` that of the logarithm of FID's excess; `alpha` the error of a family;
    `headline` what its report says first."""

    model_config = ConfigDict(frozen=True)

    study: str
    title: str
    asks: str
    seeds: tuple[int, ...]
    margin: float
    log_fid_margin: float | None = None
    alpha: float = 0.05
    headline: str = ""
    data: str = ""
    images: tuple[int, int, int] | None = None
    levels: int | None = None
    train_images: int | None = None
    process: Process | None = None


def _leaves(block: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in block.items():
        flat |= _leaves(value) if isinstance(value, dict) else {key: value}
    return flat


def _changed(key: str, value: Any) -> str:
    name = WORDS.get(key, key.replace("_", " "))
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _listing(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _asks(study: Study, process: Process | None) -> str:
    """What is varied, in one line."""
    cells = diffusion.cells(study)
    parts = []
    if cells and process:
        targets = [diffusion.symbol(t) for t in TARGETS if any(c.target == t for c in cells)]
        weightings = [w for w in WEIGHTINGS if any(c.weighting == w for c in cells)]
        parts.append(f"targets {_listing(targets)} at {_listing(weightings)} weighting")
        variants = dict.fromkeys(c.variant for c in cells)
        if len({process.skips(v) for v in variants}) > 1:
            parts.append("with and without an input skip")
        others = dict.fromkeys(filter(None, (process.differs(v) for v in variants)))
        parts += [f"at {', '.join(others)}"] if others else []
    rest = [families.label(c) for c in study.cells if c not in cells]
    if rest:
        some = _listing(rest) if len(rest) <= 3 else f"{len(rest)} of them, {rest[0]} to {rest[-1]}"
        parts.append(f"autoencoders: {some}")
    parts += [f"experiment: {experiments.spec_of(name).LABEL}" for name in experiments.of(study)]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def images_seen(study: Study, cell: Cell) -> int:
    """Steps times batch of its training."""
    training = training_of(study, cell)
    return training.steps * training.batch


def _process(study: Study) -> Process | None:
    cells = diffusion.cells(study)
    if not cells:
        return None
    chosen = diffusion.block(study)
    return Process(
        steps=chosen.steps,
        schedule=chosen.schedule.name,
        log_snr_max=chosen.schedule.log_snr_max,
        log_snr_min=chosen.schedule.log_snr_min,
        bound_variance=chosen.bound_variance,
        network=Network.model_validate(diffusion.network(study, _plain(study)).model_dump()),
        images_seen=images_seen(study, _plain(study)),
        variants=chosen.variants,
    )


def _plain(study: Study) -> DiffusionCell:
    first = diffusion.cells(study)[0]
    return diffusion.cell_of(first.target, first.weighting)


def setting(study: Study) -> Setting:
    """Of a study, from its parameters and what is known of its data set."""
    process = _process(study)
    own: dict[str, Any] = {}
    if study.cells:
        from threetargets.data.sources import SOURCES

        name = study.data.name
        own = {"data": name, "images": SOURCES[name].shape, "levels": LEVELS[name]}
        own["train_images"] = study.data.split.train
    return Setting(
        study=study.study,
        title=study.title,
        asks=_asks(study, process),
        seeds=tuple(study.seeds),
        margin=study.comparison.bound_margin,
        log_fid_margin=math.log1p(study.comparison.fid_margin),
        alpha=study.comparison.alpha,
        process=process,
        **own,
    )
