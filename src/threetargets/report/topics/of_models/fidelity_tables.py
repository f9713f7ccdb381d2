"""FID and its kin by each extractor of the study, a table of its own for each: their figures do not
compare."""

from __future__ import annotations

from threetargets.families import judge_width
from threetargets.metrics.catalogue import INCEPTION_FEATURES, SAMPLES, by_features
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.pipeline.records import Figure
from threetargets.report.parts import comparing, measures
from threetargets.report.parts.captions import commands, context, floor_in_words, spread
from threetargets.report.parts.entries import measured
from threetargets.report.parts.measures import FID
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, cell, interval, number
from threetargets.report.reading.collect import Results, by
from threetargets.report.reading.tracked import Mirror

KINDS = {"judge": "the judge", "inception": "Inception"}


INCEPTION_MAPPED = "grey level k of {levels} becomes round(255 k / {top}), "
INCEPTION_GREY = "the grey image is put into all three channels, "
INCEPTION = (
    " Inception: {mapped}{grey}resized to 299×299 as torch-fidelity does it (bilinear, TensorFlow "
    "1.x)."
)


def seen_by_inception(results: Results) -> str:
    """What becomes of images before Inception sees them."""
    channels, levels = results.manifest["shape"][0], results.manifest["levels"]
    mapped = INCEPTION_MAPPED.format(levels=levels, top=levels - 1) if levels != 256 else ""
    return INCEPTION.format(mapped=mapped, grey=INCEPTION_GREY if channels == 1 else "")


def _errors(results: Results, metric: str) -> list[Figure]:
    figures = [
        results.figure(Run(c, s), metric, FID.guidance, FID.gamma)
        for c in results.study.cells
        for s in results.study.seeds
    ]
    return [f for f in figures if f is not None and f.stderr is not None]


def _features(results: Results, kind: str) -> int:
    """How many features an extractor gives of an image."""
    return judge_width(results.study) if kind == "judge" else INCEPTION_FEATURES


LIMIT = (
    " FID of N images is too large by about b/N, with another b for each model. FID∞ is the end of "
    "a line in 1/N through the images in {parts} parts (arXiv:1911.07023), against the same "
    "reference, whose own size stays in it; the standard error of one run's is {least} to {most}."
)
LIMIT_INDICATION = (
    " The smallest parts have fewer images than there are features: an indication, not an estimate."
)


def _limit_in_words(results: Results, metric: str, kind: str) -> str:
    """What FID at infinite N is, and the error of one run's."""
    figures = _errors(results, metric)
    if not figures:
        return ""
    errors = [f.stderr for f in figures if f.stderr is not None]
    parts = ", ".join(map(str, results.study.evaluation.fid_parts))
    sentence = LIMIT.format(parts=parts, least=number(min(errors), 2), most=number(max(errors), 2))
    smallest = min(f.n or 0 for f in figures) // max(results.study.evaluation.fid_parts)
    return sentence + (LIMIT_INDICATION if smallest <= _features(results, kind) else "")


TABLE_CAPTION = (
    "{spread}; no guidance. {context}. The floor, real training images at the same N: "
    "{floor_in_words}.{_limit_in_words}"
)


def table(results: Results, kind: str) -> Table:
    """Every cell as it samples without guidance, and the floor, by one extractor."""
    names = by_features(results.study.evaluation.measured)
    metrics = {by(results.study, m, kind): SAMPLES[m].label for m in names}
    rows = [
        (Text(cell(c)), *(measured(results, c, m, FID.guidance, FID.gamma) for m in metrics))
        for c in results.study.cells
    ]
    rows.append(
        (Text("real images (floor)", "weak"), *(measured(results, FLOOR, m) for m in metrics))
    )
    fid, limit = by(results.study, "fid", kind), by(results.study, "fid_infinity", kind)
    caption = TABLE_CAPTION.format(
        spread=spread(results),
        context=context(results, fid),
        floor_in_words=floor_in_words(results, fid),
        _limit_in_words=_limit_in_words(results, limit, kind),
    )
    caption += seen_by_inception(results) if kind == "inception" else ""
    head = ("model", *metrics.values())
    made = commands(results, "sample", "evaluate")
    name = f"fidelity-{kind}"
    title = f"FID and its kin by {KINDS[kind]}"
    return Table(name, title, head, tuple(rows), caption, made, frozenset(range(1, len(head))))


def tables(results: Results) -> tuple[Table, ...]:
    return tuple(table(results, kind) for kind in results.study.evaluation.extractors)


LEAD = "Tables, figures and comparisons of FID elsewhere are by the first extractor."


def lead(results: Results) -> str:
    """Which model has the lowest FID; empty without one."""
    low = measures.lowest(results, FID, comparing.ranked(results, FID))
    if not low:
        return ""
    figure = interval(measures.summary(results, low, FID))
    real = floor_in_words(results, FID.metric)
    return f"{cell(low)} has the lowest FID without guidance, {figure}; real images have {real}."


def sections(results: Results, mirror: Mirror) -> list[Section]:
    extractors = results.study.evaluation.extractors
    if not extractors:
        return []
    best = " ".join(filter(None, [lead(results), LEAD if len(extractors) > 1 else ""]))
    return [Section("fidelity", "FID and its kin", best, tables(results))]


TOPIC = Topic("fidelity", sections)
