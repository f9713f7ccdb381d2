"""Whether an image is of the data set: likelihoods, typicality and a classifier as detectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from threetargets.experiments.detectors.spec import (
    DETECTORS,
    DIGITS,
    LIKELIHOODS,
    TYPICAL,
    Detectors,
    tasks,
)
from threetargets.metrics.statistics import holm
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.of_experiments import Read, block_of
from threetargets.report.parts.topic import CHAPTER, Claim, Section, Topic
from threetargets.report.parts.verdicts import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOTHING,
    REPRODUCED,
    Finding,
)
from threetargets.report.parts.wording import Table, Text
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_experiments.detectors.roc_figures import LABELS, NAME, plot

SIMPLER = ("fashion-mnist14", "mnist14")
"""The pair whose second data set is the simpler one."""
CLEAR = ("shifted", "noised", "inverted")
NALISNICK = "Nalisnick et al. 2019, arXiv:1810.09136 (beyond the lecture notes)"
LEAD = (
    "Models of one data set say of images whether these are of it: a diffusion's bound and the "
    "likelihood of its flow, a VAE's, how far such a score is from its usual value (typicality), "
    "and how sure a classifier is. The area under the ROC curve is the chance that an image from "
    "elsewhere looks stranger than one of the data: .5 is a guess, and below it images from "
    "elsewhere look more likely than the data."
)
Row = tuple[str, float, int]
"""A figure, a border, and 1 where it has to lie above it, -1 below."""


def block(results: Results) -> Detectors | None:
    return block_of(results, NAME, Detectors)


def decided(results: Results, rows: Mapping[str, Row]) -> Finding:
    """By intervals over seeds, and in each seed by those over images (DeLong, normal), at 1 -
    alpha."""
    from scipy import stats

    own, alpha = Read(results, NAME), results.study.comparison.alpha
    compared = {
        label: own.less(metric, border) if side > 0 else own.below(metric, border)
        for label, (metric, border, side) in rows.items()
    }
    made = own.decided("", compared)
    if made == NOTHING:
        return made
    above, below, wide = list[bool](), list[bool](), 0.0
    for metric, border, side in rows.values():
        kind, _, rest = metric.partition("/")
        values, errors = own.figure(metric).values, own.figure(f"{kind}_error/{rest}").values
        half = {seed: stats.norm.ppf(1 - alpha / 2) * error for seed, error in errors.items()}
        beyond = {seed: side * (value - border) for seed, value in values.items()}
        above.append(all(seed in half and v > half[seed] for seed, v in beyond.items()))
        below.append(all(seed in half and v < -half[seed] for seed, v in beyond.items()))
        wide = max([wide, *half.values()])
    p = holm([row.difference.p_less for row in compared.values()])
    refuted = any(
        at is not None and at < alpha / 2 and by_images
        for at, by_images in zip(p, below, strict=True)
    )
    kept = {REPRODUCED: all(above), NOT_REPRODUCED: refuted}.get(made.verdict, True)
    figure = f"{made.figure}; half an interval over images is at most {wide:.3f}"
    return replace(made, verdict=made.verdict if kept else INCONCLUSIVE, figure=figure)


def _place(chosen: Detectors) -> str:
    """What has a simpler data set: the pair, where the study runs it, else faint digits."""
    return "/".join(SIMPLER) if SIMPLER in tasks(chosen) else f"{DIGITS}/faint"


def _spoken(place: str, detector: str) -> str:
    return f"{place.replace('/', ' against ')}, {LABELS[detector]}"


def decide_same(results: Results) -> Finding:
    if block(results) is None:
        return NOTHING
    rows = {
        f"{other}, {LABELS[one]}": (f"auc/{DIGITS}/{other}/{one}", 0.5, 1)
        for other in CLEAR
        for one in LIKELIHOODS
    }
    return decided(results, rows)


def _fails(results: Results, detectors: tuple[str, ...]) -> Finding:
    chosen = block(results)
    if chosen is None:
        return NOTHING
    place = _place(chosen)
    return decided(
        results, {_spoken(place, one): (f"auc/{place}/{one}", 0.5, -1) for one in detectors}
    )


def decide_fails(results: Results) -> Finding:
    return _fails(results, ("vae",))


def decide_fails_diffusion(results: Results) -> Finding:
    return _fails(results, ("bound", "ode"))


def _mends(results: Results, one: str) -> Finding:
    chosen = block(results)
    if chosen is None:
        return NOTHING
    place = _place(chosen)
    gain, area = (f"gain/{place}/{one}", 0.0, 1), (f"auc/{place}/{one}", 0.5, 1)
    less = f"{_spoken(place, one)}, less {LABELS[TYPICAL[one]]}"
    return decided(results, {less: gain, _spoken(place, one): area})


def decide_typical(results: Results) -> Finding:
    return _mends(results, "vae-typicality")


def decide_typical_diffusion(results: Results) -> Finding:
    return _mends(results, "typicality")


def decide_classifier(results: Results) -> Finding:
    chosen = block(results)
    if chosen is None:
        return NOTHING
    rows = {
        f"{known} against {other}": (f"auc/{known}/{other}/classifier", 0.5, 1)
        for known, other in tasks(chosen)
    }
    return decided(results, rows)


BOTH = "over seeds (paired t) and, in each seed, over images (DeLong), at 1 − alpha"
ABOVE = (
    f"Reproduced: every area lies above .5, {BOTH}. Not reproduced: one lies below (over seeds by "
    "Holm's correction over all, and over images in each seed). Inconclusive: else, or a seed is "
    "missing."
)
BELOW = ABOVE.replace("above", "BELOW").replace("below", "above").replace("BELOW", "below")
PLACE = (
    "after seed 0 of the digits had been seen, a study with Fashion-MNIST and MNIST decides by "
    "these alone; before, by faint digits too"
)
SAME = Claim(
    "same-process",
    "A generative model assigns to an instance whether it was generated by the same process as the "
    "data.",
    f"{CHAPTER}, 11.1.1",
    "Test digits against shifted, noised and inverted ones: the area under the ROC curve of the "
    "bound, of the flow's likelihood and of the VAE's, better than a guess.",
    ABOVE,
    decide_same,
)
FAILS = Claim(
    "likelihood-fails",
    "A VAE gives images of a simpler kind, which are not of the data set, a higher likelihood than "
    "those that are.",
    NALISNICK,
    "Fashion-MNIST against MNIST, in a study that runs it, else digits against faint ones, which "
    "are made of other test digits: the area under the ROC curve of its likelihood.",
    BELOW,
    decide_fails,
    PLACE,
)
FAILS_DIFFUSION = Claim(
    "likelihood-fails (diffusion)",
    "So does a diffusion model.",
    f"{NALISNICK}; there flows, VAEs and autoregressive models",
    "The same for its bound and for the likelihood of its flow.",
    BELOW,
    decide_fails_diffusion,
    PLACE,
)
ALL_ABOVE = ABOVE.replace("every area lies above .5", "both lie above")
MENDS = Claim(
    "typicality-mends",
    "What is not of the data set but more likely is seen by typicality: by how far its likelihood "
    "is from that of the data, on either side.",
    "Nalisnick et al. 2019, arXiv:1906.02994 (beyond the lecture notes); there for sets of images "
    "rather than one",
    "The same images: area of the typicality of the VAE's likelihood less that of this likelihood, "
    "above 0, and area of the typicality, above .5.",
    ALL_ABOVE,
    decide_typical,
    f"{PLACE}; the VAE's typicality was added after seed 0 of both had been seen",
)
MENDS_DIFFUSION = Claim(
    "typicality-mends (diffusion)",
    "So it is for a diffusion model.",
    MENDS.source,
    "The same for the typicality of its bound, and for the bound.",
    ALL_ABOVE,
    decide_typical_diffusion,
    PLACE,
)
CLASSIFIER = Claim(
    "classifier-detects",
    "A classifier is less sure of images that are not of the data set.",
    "Hendrycks & Gimpel 2017, arXiv:1610.02136 (beyond the lecture notes)",
    "Its largest probability on every set: the area under the ROC curve, better than a guess.",
    ABOVE,
    decide_classifier,
)


def areas(results: Results, chosen: Detectors, kind: str) -> Table:
    own = Read(results, NAME)
    rows = tuple(
        (
            Text(LABELS[one]),
            *(own.entry(f"{kind}/{known}/{other}/{one}") for known, other in tasks(chosen)),
        )
        for one in DETECTORS
    )
    n = f"{chosen.digits.images} digits of each set"
    if chosen.larger:
        n += f", {chosen.larger.models.images} images of each other data set"
    what = {
        "auc": f"Area under the ROC curve; {n}, changed digits made of others.",
        "auc_error": f"Standard error of the areas over images (DeLong); {n}.",
    }[kind]
    title = {"auc": "Areas under the ROC curve", "auc_error": "How sure over images"}[kind]
    head = (
        "detector",
        *(other if known == DIGITS else f"{known} / {other}" for known, other in tasks(chosen)),
    )
    caption, made = f"{what} {spread(results)}.", commands(results, "experiment")
    numeric = frozenset(range(1, len(head)))
    return Table(f"detectors-{kind}", title, head, rows, caption, made, numeric)


def sentences(results: Results) -> list[str]:
    own = Read(results, NAME)
    if own.empty:
        return []
    parts = ", ".join(f"{LABELS[one]} {own.words(f'auc/digits/faint/{one}')}" for one in DETECTORS)
    return [f"Faint digits told from digits, area under the ROC curve: {parts}."]


def sections(results: Results, mirror: Mirror) -> list[Section]:
    chosen = block(results)
    if chosen is None:
        return []
    plots = () if Read(results, NAME).empty else (plot(results, chosen),)
    shown = (areas(results, chosen, "auc"), areas(results, chosen, "auc_error"))
    return [Section(NAME, "Made by the same process?", LEAD, shown, plots)]


TOPIC = Topic(
    NAME, sections, (SAME, FAILS, FAILS_DIFFUSION, MENDS, MENDS_DIFFUSION, CLASSIFIER), sentences
)
