"""The subjects of the report, a module each; a further subject is a further module and a line
here."""

from __future__ import annotations

from threetargets.report.parts.topic import Claim, Section, Topic
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics import (
    autoencoder_claims,
    calibrated_claims,
    claims,
    comparisons,
    costs,
    fidelity_tables,
    models,
    noise_levels,
    provenance,
    route_claims,
    sweeps,
    targets,
    trainings,
)

READING: tuple[Topic, ...] = (
    models.TOPIC,
    targets.TOPIC,
    autoencoder_claims.TOPIC,
    fidelity_tables.TOPIC,
    comparisons.TOPIC,
    sweeps.TOPIC,
    route_claims.TOPIC,
    noise_levels.TOPIC,
    trainings.TOPIC,
    costs.TOPIC,
)
"""From top to bottom; the claims of all topics follow, then what the report rests on."""
GROUNDS: tuple[Topic, ...] = (calibrated_claims.TOPIC, provenance.TOPIC)
FIRST = ("comparisons", "targets", "guidance", "autoencoders", "costs")
"""Whose sentences stand first on the first screen; those of others follow."""


def every_claim() -> list[Claim]:
    return [claim for topic in (*READING, *GROUNDS) for claim in topic.claims]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """The page from top to bottom, below the answer."""
    body = [section for topic in READING for section in topic.sections(results, mirror)]
    body.append(claims.section(results, every_claim()))
    body += [section for topic in GROUNDS for section in topic.sections(results, mirror)]
    return [section for section in body if section.tables or section.plots]


def sentences(results: Results) -> list[str]:
    """What the topics say on the first screen."""
    place = {name: index for index, name in enumerate(FIRST)}
    ordered = sorted(READING, key=lambda topic: place.get(topic.id, len(FIRST)))
    spoken = [sentence for topic in ordered for sentence in topic.sentences(results)]
    return [sentence for sentence in spoken if sentence]
