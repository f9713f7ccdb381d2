"""Guidance: every metric over gamma, and the samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.catalogue import SAMPLES, by_features
from threetargets.metrics.statistics import t_interval
from threetargets.pipeline import cells, jobs
from threetargets.report.parts.captions import (
    commands,
    context,
    floor,
    floor_in_words,
    on_test,
    spread,
)
from threetargets.report.parts.comparing import alike
from threetargets.report.parts.drawing import MUTED, Plot, band, canvas, colour, dash, legend, svg
from threetargets.report.parts.entries import measured
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, cell, labels, listing
from threetargets.report.reading.collect import Results, by
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_guidance import (
    drawn_samples,
    guided_claims,
    label_claims,
    matched_accuracy,
)
from threetargets.report.topics.of_models.fidelity_tables import KINDS


def drawn_metrics(results: Results) -> list[str]:
    """Those that have a curve over gamma."""
    asked = results.study.evaluation.metrics
    return [name for name, metric in SAMPLES.items() if metric.over_gamma and name in asked]


CURVE_CAPTION = "{spread}, shown as a band. {context}. Dashed: {floor_in_words}, "
CURVE_ON_TEST = "the judge on the test split, which does not depend on the seed."
CURVE_FLOOR = "the same figure of real training images over {n} draws of them."
CURVE_JUDGE = (
    " The judge, whose features these are, was trained on the images that the floor is drawn from."
)


def curve(results: Results, metric: str) -> Plot:
    """One metric against gamma, a panel for each kind of guidance, a line for each cell."""
    study = results.study
    label = SAMPLES[metric].axis
    gammas = sorted(study.guidance.gammas)
    rows: list[dict[str, Any]] = []
    real, fixed = floor(results, metric), on_test(results, metric)
    names = labels(study.guidance.cells)
    columns = max(1, len(study.guidance.kinds))
    width = 6.0 if columns < 3 else 2.2 * columns
    with canvas(f"gamma-{metric}", 1, columns, width, 2.6, sharey=True) as (figure, axes):
        for panel, guidance in zip(axes[0], study.guidance.kinds, strict=False):
            if real.mean is not None:
                panel.axhline(
                    real.mean, color=MUTED, linewidth=1, linestyle=(0, (3, 2)), label="real images"
                )
                if real.half_width is not None:
                    panel.axhspan(real.low, real.high, color=MUTED, alpha=0.14, linewidth=0)
            for name in study.guidance.cells:
                seen = [
                    results.observe(name, metric, guidance, cells.gamma_label(g)) for g in gammas
                ]
                intervals = [t_interval(list(o.values.values())) for o in seen]
                curve = [
                    np.array([np.nan if v is None else v for v in side])
                    for side in zip(*((f.mean, f.low, f.high) for f in intervals), strict=True)
                ]
                line = {
                    "color": colour(name),
                    "linestyle": dash(name, study.guidance.cells),
                    "marker": "o",
                    "markersize": 3,
                }
                band(panel, gammas, (curve[0], curve[1], curve[2]), label=names[name], **line)
                for gamma, f, o in zip(gammas, intervals, seen, strict=True):
                    rows.append(
                        {
                            "guidance": guidance,
                            "cell": name,
                            "gamma": cells.gamma_label(gamma),
                            "mean": f.mean,
                            "low": f.low,
                            "high": f.high,
                            "seeds": f.n,
                            "failed": len(o.failed),
                            "missing": len(o.missing),
                            "floor": real.mean,
                            "floor_low": real.low,
                            "floor_high": real.high,
                            "floor_stderr": fixed.stderr if fixed else None,
                        }
                    )
            panel.set_title(guidance)
            panel.set_xlabel("γ")
        axes[0, 0].set_ylabel(label)
        legend(figure, axes, 4)
        drawn = svg(figure)
    first = study.guidance.kinds[0] if study.guidance.kinds else ""
    caption = CURVE_CAPTION.format(
        spread=spread(results),
        context=context(results, metric, first, cells.gamma_label(gammas[0])),
        floor_in_words=floor_in_words(results, metric),
    )
    if metric not in by_features([metric]):
        caption += CURVE_ON_TEST if fixed else "real images."
    else:
        caption += CURVE_FLOOR.format(n=real.n) if real.n else "no floor."
        if study.evaluation.extractors[0] == "judge":
            caption += CURVE_JUDGE
    title = f"{label.split(',')[0]} against γ"
    made = commands(results, "sample", "evaluate")
    return Plot(
        f"gamma-{metric}",
        title[0].upper() + title[1:],
        drawn,
        rows,
        caption,
        made,
        wide=columns > 2,
    )


ALONG_CAPTION = "{spread}. Models: {models}. {context}. Real images: {floor_in_words}."


def along_gamma(results: Results, metric: str, title: str) -> Table:
    """One metric at every gamma, a row for each cell and kind of guidance."""
    gammas = [cells.gamma_label(g) for g in results.study.guidance.gammas]
    names = labels(results.study.guidance.cells)
    rows = []
    for guidance in results.study.guidance.kinds:
        for name in results.study.guidance.cells:
            rows.append(
                (
                    Text(guidance),
                    Text(names[name]),
                    *(measured(results, name, metric, guidance, g) for g in gammas),
                )
            )
    first = results.study.guidance.kinds[0] if results.study.guidance.kinds else ""
    caption = ALONG_CAPTION.format(
        spread=spread(results),
        models=listing([cell(c) for c in names]),
        context=context(results, metric, first, gammas[0]),
        floor_in_words=floor_in_words(results, metric),
    )
    head = ("guidance", "model", *(f"γ = {g}" for g in gammas))
    made = commands(results, "sample", "evaluate")
    return Table(
        f"gamma-{metric}",
        title[:1].upper() + title[1:],
        head,
        tuple(rows),
        caption,
        made,
        frozenset(range(2, len(head))),
    )


def _guidance(results: Results) -> str:
    """The gamma of the lowest mean FID, for each kind of guidance and cell."""
    phrases, names = [], labels(results.study.guidance.cells)
    for guidance in results.study.guidance.kinds:
        minima: list[
            tuple[list[str], dict[str, float]]
        ] = []  # cells with the same means, as twins have, are one
        for name in results.study.guidance.cells:
            means: dict[str, float] = {}
            for g in jobs.gammas(results.study, guidance):
                seen = results.observe(name, "fid", guidance, g)
                if seen.values:
                    means[g] = sum(seen.values.values()) / len(seen.values)
            same = [
                n
                for n, m in minima
                if m.keys() == means.keys() and all(alike(m[g], means[g]) for g in m)
            ]
            if same:
                same[0].append(names[name])
            elif means:
                minima.append(([names[name]], means))
        lowest = [f"{lowest_gamma(m)} for {' = '.join(n)}" for n, m in minima]
        if lowest:
            phrases.append(f"{listing(lowest)} with {guidance} guidance")
    return (
        f"Guidance: mean FID is lowest at γ = {'; at γ = '.join(phrases)} (picked on these same "
        "figures)."
        if phrases
        else ""
    )


def lowest_gamma(means: dict[str, float]) -> str:
    """The gamma of the lowest mean, and whether a larger one might be lower."""
    low = min(means, key=means.__getitem__)
    return f"{low} (the largest tried)" if low == max(means, key=float) else low


def further(results: Results) -> tuple[Table, ...]:
    """Along gamma, by the extractors after the first, which has the figures."""
    return tuple(
        along_gamma(
            results,
            by(results.study, metric, kind),
            f"{SAMPLES[metric].label} by {KINDS[kind]} at every γ",
        )
        for kind in results.study.evaluation.extractors[1:]
        for metric in by_features(results.study.evaluation.metrics)
        if SAMPLES[metric].over_gamma
    )


LEAD = (
    "One γ for both kinds: γ = 0 is unconditional, γ = 1 Bayes; the classifier-free paper's w is "
    "γ − 1."
)
FURTHER = {
    "interval": "interval is classifier-free guidance from log-SNR {low} to {high} and the "
    "conditional model beyond",
    "autoguidance": "autoguidance has at γ = 0 the same model after {weak:.1%} of its training",
    "classifier-clean": "classifier-clean has a classifier that was trained on clean images alone",
}
"""What a reader has to know of kinds that the notes do not have."""


def lead(results: Results) -> str:
    guidance = results.study.guidance
    low, high = guidance.interval.ends if guidance.interval else (0.0, 0.0)
    ends = {"low": f"{low:g}".replace("-", "−"), "high": f"{high:g}".replace("-", "−")}
    facts = {**ends, "weak": guidance.weak_at or 0.0}
    more = [FURTHER[kind].format(**facts) for kind in guidance.kinds if kind in FURTHER]
    beyond = [f"Beyond the notes: {'; '.join(more)}."] if more else []
    return " ".join([LEAD, *beyond, *_ignorant(results)])


def _ignorant(results: Results) -> list[str]:
    """What a reader has to know of models that can ignore their label."""
    names = labels(results.study.guidance.cells)
    some = [
        f"{names[c]} ({diffusion.labels_kept(results.study, c):.0%})"
        for c in guided_claims.ignorant(results)
    ]
    share = "the share of training images whose own label they see for sure is in brackets"
    return [f"Models that can ignore their label: {listing(some)}; {share}."] if some else []


ROWS = (
    "Rows are γ, columns are classes: the first sample of each, with the same noise in every row "
    "and every model. Models: {models}."
)


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """The sweeps over gamma, and their samples beside real images; without a sweep what the models
    that know no labels draw."""
    study = results.study
    if not (study.guidance.cells and study.guidance.kinds):
        drawn = tuple(drawn_samples.drawn(results, c) for c in autoencoder.cells(study))
        return [Section("samples", "Samples", "", (), drawn, layout="samples")]
    metrics = drawn_metrics(results)
    plots = tuple(curve(results, m) for m in metrics)
    folded = tuple(along_gamma(results, m, f"{SAMPLES[m].label} at every γ") for m in metrics)
    kinds, cells = study.guidance.kinds, study.guidance.cells
    shown = [drawn_samples.guided(results, c, g) for g in kinds for c in cells]
    rows = ROWS.format(models=", ".join(cell(c) for c in cells))
    real = drawn_samples.real(results)
    more, matched = further(results), matched_accuracy.table(results)
    tables = (matched,) if matched else ()
    return [
        Section("guidance", "Guidance", lead(results), tables, plots, (*folded, *more)),
        Section("samples", "Samples", rows, (), (real, *shown), layout="samples"),
    ]


def sentences(results: Results) -> list[str]:
    return [_guidance(results)]


CLAIMS = (*guided_claims.CLAIMS, *label_claims.CLAIMS)
TOPIC = Topic("guidance", sections, CLAIMS, sentences)
