"""The tables of the report; each says in its caption what its spread is over, and which commands
made it."""

from __future__ import annotations

from collections.abc import Sequence

from threetargets.metrics.statistics import t_interval
from threetargets.pipeline import cells
from threetargets.pipeline.cells import Run
from threetargets.report import comparisons
from threetargets.report.captions import (
    asked_for_a_class,
    commands,
    context,
    floor_said,
    over_images,
    set_up,
    spread,
)
from threetargets.report.collect import Observed, Results
from threetargets.report.comparisons import BOUND, FID, Comparison, Measure
from threetargets.report.wording import (
    Table,
    Text,
    between,
    cell,
    count,
    labels,
    listing,
    number,
    observed,
    p_value,
    signed,
    target,
)
from threetargets.study.values import TARGETS, WEIGHTINGS


def _mean(seen: Observed) -> float:
    return sum(seen.values.values()) / len(seen.values) if seen.values else float("inf")


def measured(results: Results, name: str, metric: str, guidance: str = "", gamma: str = "") -> Text:
    """A figure of a cell over seeds, as it stands in a table."""
    seen = results.observe(name, metric, guidance, gamma)
    return observed(seen, t_interval(list(seen.values.values())))


def parameters(results: Results, name: str) -> Text:
    """The number of parameters of a cell."""
    values = sorted(set(results.observe(name, "parameters").values.values()))
    return Text(" / ".join(count(v) for v in values) or "–")


def models(results: Results) -> Table:
    """Every cell by its bound, best first."""
    ranked = sorted(results.study.cells, key=lambda c: _mean(results.observe(c, BOUND.metric)))
    known = results.study.autoencoders
    ks = sorted(results.study.likelihood.iwae) if known else []
    seen_by = bool(results.study.evaluation.extractors)
    flows = [c for c in ranked if comparisons.is_ddpm(c)]
    rows = []
    for name in ranked:
        seen = results.observe(name, BOUND.metric)
        iwae = [
            measured(results, name, f"iwae_{k}") if name in known else Text("", "weak") for k in ks
        ]
        ode = (
            [measured(results, name, "ode_decoder") if name in flows else Text("", "weak")]
            if flows
            else []
        )
        kind = "best" if name == ranked[0] and seen.values else ""
        rows.append(
            (
                Text(cell(name), kind),
                measured(results, name, BOUND.metric),
                *ode,
                Text(str(len(seen.values))),
                *(
                    [measured(results, name, FID.metric, FID.guidance, FID.gamma)]
                    if seen_by
                    else []
                ),
                parameters(results, name),
                *iwae,
            )
        )
    flow = ("ODE",) if flows else ()
    fid = ("FID",) if seen_by else ()
    unit = results.unit.name
    head = (
        "model",
        f"bound, {unit}",
        *flow,
        "seeds",
        *fid,
        "parameters",
        *(f"IWAE {k}" for k in ks),
    )
    caption = (
        f"The negative evidence lower bound on the test split, lower is better. {spread(results)}."
        f"{over_images(results, BOUND.metric)}{set_up(results)}"
    )
    if seen_by:
        caption += (
            f" FID with the model's own sampling, no guidance: {context(results, 'fid')}; "
            f"the floor, real training images at the same N, is {floor_said(results, 'fid')}."
        )
        caption += asked_for_a_class(results)
    if flows:
        caption += (
            f" ODE: the likelihood by the probability-flow ODE behind the same decoder, {unit} "
            "(details under the table of reverse variances); "
            f"{results.study.likelihood.ode.images} images, standard error over them in "
            "metrics.csv."
        )
    if ks:
        some = results.study.likelihood.iwae_images
        on = f", on the first {some} test images" if some else ""
        caption += f" IWAE k: the importance-weighted bound with k samples, {unit}{on}."
        caption += " A diffusion model has none." if flows else ""
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Table(
        "models",
        "Models by their bound",
        head,
        tuple(rows),
        caption,
        made,
        frozenset(range(1, len(head))),
    )


def target_grid(results: Results, measure: Measure) -> Table:
    """Targets down, weightings across."""
    cells = set(results.study.cells)
    columns = [w for w in WEIGHTINGS if any(f"ddpm_{t}_{w}" in cells for t in TARGETS)]
    winner = comparisons.lowest(
        results, measure, [c for c in results.study.cells if comparisons.is_ddpm(c)]
    )
    rows = []
    for name in TARGETS:
        if not any(f"ddpm_{name}_{w}" in cells for w in columns):
            continue
        row = [Text(target(name))]
        for w in columns:
            c = f"ddpm_{name}_{w}"
            text = (
                measured(results, c, measure.metric, measure.guidance, measure.gamma)
                if c in cells
                else Text("·", "weak")
            )
            row.append(Text(text.text, "best", text.note) if c == winner else text)
        rows.append(tuple(row))
    measure = comparisons.in_unit(results, measure)
    unit = f" ({measure.unit})" if measure.unit else ""
    caption = (
        f"{spread(results)}; lower is better; the best cell is bold; a dot is a cell that "
        "the study does not have."
    )
    if measure.metric == FID.metric:
        caption += f" {context(results, 'fid')}. Floor: {floor_said(results, 'fid')}."
    stages = ("likelihood",) if measure.metric == BOUND.metric else ("sample", "evaluate")
    return Table(
        f"grid-{measure.label.lower()}",
        f"Target by weighting: {measure.label}{unit}",
        ("target", *columns),
        tuple(rows),
        caption,
        commands(results, *stages),
        frozenset(range(1, len(columns) + 1)),
    )


def _compared(c: Comparison, measure: Measure) -> tuple[Text, ...]:
    where = c.where if c.where in WEIGHTINGS else target(c.where)
    if c.where in WEIGHTINGS:
        names = [target(Run(x, 0).target) for x in (c.a, c.b)]
    else:
        names = [Run(x, 0).weighting for x in (c.a, c.b)]
    same = ""
    if c.repeats is not None:
        first, second, _ = c.repeats
        same = f"the same as {cell(first)} − {cell(second)}, counted once"
    elif c.identical:
        same = "identical"
    p, q = (
        ("identical", "identical") if c.identical else (p_value(c.p_holm), p_value(c.p_equal_holm))
    )
    return (
        Text(measure.label),
        Text(where),
        Text(f"{names[0]} − {names[1]}"),
        Text(c.verdict, c.verdict.replace(" ", "-"), same),
        Text(signed(c.difference.interval)),
        Text(between(c.difference.interval)),
        Text(str(c.pairs)),
        Text(p),
        Text(f"±{number(c.margin, 2)}" if c.margin is not None else "–"),
        Text(q),
    )


def paired(
    results: Results, name: str, bound: Sequence[Comparison], fid: Sequence[Comparison]
) -> Table:
    """The comparisons of one family, bound first."""
    rows = [*(_compared(c, BOUND) for c in bound), *(_compared(c, FID) for c in fid)]
    by_target = name == "targets"
    comparison = results.study.comparison
    of_fid = f", {comparisons.counted(fid)} for FID" if fid else ""
    head = (
        "measure",
        "weighting" if by_target else "target",
        "a − b",
        "verdict",
        "difference",
        "95% interval",
        "pairs",
        "p, Holm",
        "margin",
        "p equal, Holm",
    )
    caption = (
        "Differences paired by seed, with their t intervals (not corrected); negative favours "
        "the first. p: two-sided t test; p equal: two one-sided tests against the margin "
        f"({number(comparison.bound_margin, 2)} {results.unit.name}, or "
        f"{comparison.fid_margin:.0%} of the smaller mean FID). Both are Holm-corrected over "
        f"the different comparisons of one measure, decided at {comparison.alpha:g}: "
        f"{comparisons.counted(bound)} for the bound{of_fid}. Identical: every seed within "
        "1e-6 of its size, no evidence; the same as another comparison: counted once. (Changed "
        "after a first run: every row was counted.) Equal: a difference as large as the margin "
        "is rejected. Inconclusive: neither."
    )
    caption += f" FID: {context(results, 'fid')}." if fid else ""
    title = "Targets, at each weighting" if by_target else "Weightings, for each target"
    made = commands(results, "train", "likelihood", "sample", "evaluate")
    return Table(f"paired-{name}", title, head, tuple(rows), caption, made, frozenset(range(4, 10)))


def parts(results: Results) -> Table:
    """What the bound is made of, cell by cell."""
    order = ["prior", "denoising", "decoder", "reconstruction"]
    depth = max(
        (len(results.study.autoencoder(c).latents) for c in results.study.autoencoders), default=0
    )
    order += [f"kl_{level}" for level in range(1, depth + 1)]
    present = [m for m in order if any(m in results.metrics(c) for c in results.study.cells)]
    rows = []
    for name in results.study.cells:
        has = results.metrics(name)
        row = [measured(results, name, m) if m in has else Text("", "weak") for m in present]
        rows.append((Text(cell(name)), *row, measured(results, name, BOUND.metric)))
    head = ("model", *(m.replace("_", " ") for m in present), "bound")
    caption = (
        f"In {results.unit.name}, on the test split; the parts add up to the bound. "
        f"{spread(results)}."
    )
    caption += over_images(results, *present, BOUND.metric)
    return Table(
        "parts",
        "The bound, part by part",
        head,
        tuple(rows),
        caption,
        commands(results, "likelihood"),
        frozenset(range(1, len(head))),
    )


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
    caption = (
        f"{spread(results)}. Models: {listing([cell(c) for c in names])}. "
        f"{context(results, metric, first, gammas[0])}. Real images: {floor_said(results, metric)}."
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
