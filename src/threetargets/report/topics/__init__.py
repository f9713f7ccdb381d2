"""The subjects of the report, a module each, in a folder with what is near it; a further subject is
a further module and a line here, one of an experiment a module of its name in of_experiments/."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from threetargets import experiments
from threetargets.report.parts.topic import Claim, Section, Topic
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics import claims

OF_EXPERIMENTS = tuple(f"of_experiments.{name}" for name in experiments.EXPERIMENTS)
READING = (
    "of_models.models",
    "of_targets.targets",
    "of_targets.decomposition",
    "of_targets.endpoints",
    "of_targets.over_training",
    "of_targets.learning_rates",
    *OF_EXPERIMENTS,
    "of_autoencoders.autoencoder_claims",
    "of_models.fidelity_tables",
    "of_targets.comparisons",
    "of_guidance.sweeps",
    "of_likelihood.route_claims",
    "of_likelihood.noise_levels",
    "of_models.trainings",
    "of_models.costs",
)
"""From top to bottom; the claims of all topics follow, then what the report rests on."""
GROUNDS = ("grounds.calibrated_claims", "grounds.provenance")
FIRST = (
    "decomposition",
    "endpoints",
    "over-training",
    "learning-rates",
    "comparisons",
    "targets",
    "manifold",
    "score_sde",
    "langevin_density",
    "gradient_flow",
    "reverse_kernel",
    "normal_targets",
    "guidance",
    "autoencoders",
    "costs",
)
"""Whose sentences stand first on the first screen; those of others follow."""


def topics(names: tuple[str, ...]) -> list[Topic]:
    """The TOPIC of each of these modules."""
    modules = (import_module(f"threetargets.report.topics.{name}") for name in names)
    return [module.TOPIC for module in modules]


def reading(results: Results) -> tuple[str, ...]:
    """The topics that have something to read: of experiments, whose topics have their names, those
    that the study runs; the others where it has cells."""
    own = {f"of_experiments.{name}" for name in experiments.of(results.study)}
    return tuple(
        name for name in READING if (name in own if name in OF_EXPERIMENTS else results.study.cells)
    )


def every_claim(names: tuple[str, ...] = READING) -> list[Claim]:
    """The claims of these topics, and those of what the report rests on."""
    return [claim for topic in topics((*names, *GROUNDS)) for claim in topic.claims]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """The page from top to bottom, below the answer."""
    read = topics(reading(results))
    body = [section for topic in read for section in _led(topic, results, mirror)]
    body.append(claims.section(results, every_claim(reading(results))))
    body += [section for topic in topics(GROUNDS) for section in topic.sections(results, mirror)]
    return [section for section in body if section.tables or section.plots]


def _led(topic: Topic, results: Results, mirror: Mirror) -> list[Section]:
    """The sections of a topic. The first opens with the first that the topic says on the first
    screen: an answer, before what it is about."""
    spoken = [sentence for sentence in topic.sentences(results) if sentence]
    answer = spoken[0] if spoken else ""
    opening, *rest = topic.sections(results, mirror) or [Section("", "")]
    if answer not in opening.lead:
        opening = replace(opening, lead=f"{answer} {opening.lead}".strip())
    return [opening, *rest]


DEPENDS = ("decomposition", "endpoints", "over-training", "routes")
"""Whose first sentence says what the answer depends on: loss, noise, training, variance."""


def depends(results: Results) -> list[str]:
    """What the answer depends on, a sentence each."""
    spoken = [topic.sentences(results) for topic in topics(reading(results)) if topic.id in DEPENDS]
    return [some[0] for some in spoken if some and some[0]]


def sentences(results: Results) -> list[str]:
    """What the topics say on the first screen."""
    place = {name: index for index, name in enumerate(FIRST)}
    ordered = sorted(topics(reading(results)), key=lambda topic: place.get(topic.id, len(FIRST)))
    spoken = [sentence for topic in ordered for sentence in topic.sentences(results)]
    return [sentence for sentence in spoken if sentence]
