"""The answer first: which target, at what cost, how sure; every sentence is built from the
numbers."""

from __future__ import annotations

from dataclasses import dataclass

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.pipeline.cells import Run
from threetargets.report import at_a_glance, best_of_targets, topics
from threetargets.report.parts import comparing, measures
from threetargets.report.parts.captions import floor_in_words
from threetargets.report.parts.comparing import DIFFERENT, EQUAL, INCONCLUSIVE, WITHIN
from threetargets.report.parts.drawing import Plot
from threetargets.report.parts.measures import BOUND, FID, Measure
from threetargets.report.parts.wording import Table, cell, count, interval, listing, number, of
from threetargets.report.reading import crossed
from threetargets.report.reading.collect import Place, Results, places
from threetargets.report.reading.setting import images_seen
from threetargets.report.topics.claims import tally
from threetargets.report.topics.of_targets import decomposition, learning_rates


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    name: str
    note: str


@dataclass(frozen=True)
class Answer:
    """What stands in the first screen: a sentence, figures, a picture and a small table, how sure
    it all is, what it depends on, and what failed or is missing; what there is to say besides is
    folded."""

    headline: str
    tiles: tuple[Tile, ...]
    depends: tuple[str, ...]
    sentences: tuple[str, ...]
    sure: tuple[str, ...]
    holes: tuple[str, ...]
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()


def _against(results: Results, measure: Measure) -> tuple[Cell, str]:
    """The best cell and how it stands to the others."""
    winner, others = comparing.best(results, measure)
    if not winner:
        return winner, ""
    twins = [cell(c.b) for c in others if c.identical]
    parts = [f"is the same as {listing(twins)}"] if twins else []
    for verdict, words in (
        (EQUAL, "ties with"),
        (WITHIN, "is better, within the margin, than"),
        (DIFFERENT, "is better than"),
        (INCONCLUSIVE, "is undecided against"),
    ):
        names = []
        for c in others:
            if c.verdict == verdict and not c.identical and c.repeats is None:
                again = [d.b for d in others if d.repeats == (c.a, c.b, c.where)]
                names.append(" = ".join(cell(x) for x in (c.b, *again)))
        if names:
            rivals = listing(names) if len(names) <= 4 else f"{len(names)} other models"
            if 1 < len(names) == sum(not c.identical and c.repeats is None for c in others):
                rivals = f"all {len(names)} other models"
            parts.append(f"{words} {rivals}")
    family = sum(c.evidence for c in others)
    parts += [f"corrected for {family} comparisons"] if family > 1 else []
    return winner, "; ".join(parts)


def _tile(results: Results, measure: Measure, compared: bool) -> Tile:
    """The lowest cell, and how it stands to every other; of a diffusion model only of how many it
    is the lowest where the headline has told how the targets stand: that is a smaller family, with
    verdicts of its own."""
    measure = measures.in_unit(results, measure)
    winner, standing = _against(results, measure)
    if compared and winner in diffusion.cells(results.study):
        models = [c for c in comparing.ranked(results, measure) if c not in results.also]
        standing = f"of {len(models)} models"
    label = f"lowest {measure.label}" + (f", {measure.unit}" if measure.unit else "")
    if measure.metric == FID.metric and diffusion.cells(results.study):
        label += " of the diffusion models"
    if not winner:
        return Tile(label, "–", "no model has one", "")
    note = (
        f"{standing}; picked on these same figures" if standing else "picked on these same figures"
    )
    return Tile(label, interval(measures.summary(results, winner, measure)), cell(winner), note)


FEW_CLAIMS = 2
"""As many are told on the first screen of a study without cells; of more, how many hold."""


def _order(results: Results) -> str:
    """How the targets stand, where the study compares them at one weighting."""
    return best_of_targets.which(results) if comparing.targets(results, BOUND) else ""


def _headline(results: Results, order: str) -> str:
    """Which target is lowest, and how the others stand to it; without cells, what became of the
    claims."""
    if not results.study.cells:
        alone = topics.topics(topics.reading(results))
        decided = [(c, c.decide(results).verdict) for topic in alone for c in topic.claims]
        if len(decided) > FEW_CLAIMS:
            return tally([verdict for _, verdict in decided])
        return " ".join(f"{verdict.capitalize()}: {c.statement}" for c, verdict in decided)
    spread = decomposition.headline(results)
    parts = [*learning_rates.sentences(results), order, spread]
    return " ".join(filter(None, parts)) or next(filter(None, topics.sentences(results)), "")


SURE_OF_ONE = "one seed, so there is no interval and nothing is called a tie or a difference."
SURE_ALONE = "{seeds} seeds; intervals are 95% t intervals over seeds."


def _sure(results: Results) -> str:
    seeds, comparison = len(results.study.seeds), results.study.comparison
    if not results.study.cells:
        return f"How sure: {SURE_OF_ONE if seeds == 1 else SURE_ALONE.format(seeds=seeds)}"
    seen = bool(results.study.evaluation.extractors)
    fid = f", or {comparison.fid_margin:.0%} of FID's excess over its floor" if seen else ""
    if seeds == 1:
        return f"How sure: {SURE_OF_ONE}"
    return (
        f"How sure: {seeds} seeds for each model; intervals are 95% t intervals over seeds. A "
        f"tie is an equivalence test within {number(comparison.bound_margin, 2)} "
        f"{results.unit.name}{fid}; family-wise error {comparison.alpha:g} (Holm). One data "
        f"set, {results.manifest.get('name', results.study.data.name)}"
        f"{', one network size' if len({p.size for p in crossed.cells(results)}) == 1 else ''}"
        f"{_trained(results)}."
    )


def _trained(results: Results) -> str:
    """How much the diffusion models were trained, where all were as much."""
    seen = {images_seen(results.study, c) for c in diffusion.cells(results.study)}
    if len(seen) != 1:
        return ""
    images = seen.pop()
    epochs = number(images / results.study.data.split.train, 2)
    return f", {count(images)} training images seen ({epochs} epochs)"


def _name(place: Place) -> str:
    return (
        f"{place.stage} ({place.guidance})" if place.guidance not in ("", "none") else place.stage
    )


def holes(results: Results) -> list[str]:
    """What failed, with its reason, and what is missing; a failed run is named once."""
    failed: dict[Run, str] = {}
    missing: dict[Run, list[str]] = {}
    for place in places(results.study):
        status, record = results.status(place), results.records.get(place)
        if status == "failed" and place.run not in failed:
            reason = record.reason.strip().rstrip(".") if record else ""
            failed[place.run] = f"failed in {place.stage}{': ' + reason if reason else ''}."
        elif status == "missing":
            missing.setdefault(place.run, []).append(_name(place))
    impossible = [
        f"{cell(place.run.cell)}, seed {place.run.seed}: {figure.metric} failed: {figure.reason}."
        for place, record in results.records.items()
        for figure in record.figures
        if figure.value is None and figure.reason
    ]
    sentences = [f"{cell(run.cell)}, seed {run.seed}: {what}" for run, what in failed.items()]
    sentences += impossible
    sentences += [
        f"{cell(run.cell)}, seed {run.seed}: missing {listing(what)}."
        for run, what in missing.items()
    ]
    if results.calibration is None:
        sentences.append("Calibration: missing; the claims that it decides have no data.")
    elif results.calibration.disagreements:
        sentences.append(
            f"Calibration: {listing(results.calibration.disagreements)} disagrees with what is "
            "known."
        )
    return sentences


def answer(results: Results) -> Answer:
    """The first screen."""
    order = _order(results)
    compared, headline = bool(order), _headline(results, order)
    tiles = [_tile(results, BOUND, compared)] if results.study.cells else []
    if results.study.cells and results.study.evaluation.extractors:
        size = f"N = {results.study.sampling.images}"
        real = (
            "FID of real images (floor)",
            floor_in_words(results, "fid"),
            size,
            "the same N of training images",
        )
        tiles += [_tile(results, FID, compared), Tile(*real)]
    sure, gaps = [_sure(results)], holes(results)
    if not gaps:
        sure.append(
            "Nothing failed and nothing is missing: "
            f"{of(len(list(places(results.study))), 'record')} read."
        )
    depends = tuple(one for one in topics.depends(results) if one not in headline)
    picture, table = at_a_glance.picture(results), best_of_targets.table(results)
    return Answer(
        headline,
        tuple(tiles),
        depends,
        tuple(s for s in topics.sentences(results) if s not in (*depends, headline)),
        tuple(sure),
        tuple(gaps),
        (picture,) if picture is not None else (),
        (table,) if table is not None else (),
    )
