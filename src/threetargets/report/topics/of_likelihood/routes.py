"""Other routes to the likelihood of the same models: reverse variances, the ODE, more steps, the
other form."""

from __future__ import annotations

import math
from typing import Any

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.metrics.catalogue import axis, label, one_of
from threetargets.metrics.statistics import Interval, t_interval
from threetargets.report.parts.captions import commands, over_images, spread
from threetargets.report.parts.drawing import (
    Plot,
    band,
    canvas,
    colour,
    dash,
    legend,
    over_seeds,
    svg,
)
from threetargets.report.parts.entries import measured
from threetargets.report.parts.measures import BOUND, lowest
from threetargets.report.parts.topic import Section
from threetargets.report.parts.wording import Table, Text, cell, interval, of, target
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.study.names import names
from threetargets.study.values import WEIGHTINGS

REPORTED = tuple(n for v in ("VARIANCES", "FITTED") for n in names("likelihood/bound.py", v))
ODE, DEQUANTISED, HALVED = "ode_decoder", "ode", "ode_half_steps_difference"
DIFFERENCE, ONE, TWO = "two_sided_difference", "one_sided_draw_variance", "two_sided_draw_variance"
FORMS = (DIFFERENCE, ONE, TWO, "two_sided_printed_difference")
GRADIENTS = {
    one_of("gradient_variance_ratio_{}", kind): text
    for kind, text in {
        "score-function": "score function",
        "score-function-baseline": "score function with baseline",
    }.items()
}


VARIANCES_TRACE = "trace by {probes} for each image, fixed for a solve"
VARIANCES_CAPTION = (
    "In {unit}, on the test split, lower is better. The bound of all comparisons is that of "
    "{variance}. Optimal, learned-interpolation: one number a noise level, fitted to "
    "{fit} images of the train split after the training; the second stays between fixed-small and "
    "fixed-large. "
    "ODE: the probability-flow ODE from x₁ to x_T in place of the denoising terms, with "
    "the bound's own decoder; dequantised: the density of the uniformly dequantised image "
    "at the cleanest noise level, which pays for its noise; {images} images, {steps} "
    "Runge–Kutta steps, {trace}; half steps: the mean absolute change when the steps are "
    "halved. {spread}.{over_images}"
)


def variances(results: Results) -> Table:
    """The bound of each diffusion model under every reverse variance, and its ODE's."""
    study = results.study
    rows = [
        (
            Text(cell(c)),
            *(measured(results, c, one_of("bound_{}", v)) for v in REPORTED),
            *(measured(results, c, m) for m in (ODE, DEQUANTISED, HALVED)),
        )
        for c in diffusion.cells(results.study)
    ]
    chosen, fit = study.likelihood.ode, study.likelihood.fit_images
    probed = VARIANCES_TRACE.format(probes=of(chosen.probes, "probe"))
    caption = VARIANCES_CAPTION.format(
        unit=results.unit.name,
        variance=diffusion.block(study).bound_variance,
        fit=fit,
        images=chosen.images,
        steps=chosen.steps,
        trace=probed if chosen.probes else "exact trace",
        spread=spread(results),
        over_images=over_images(results, ODE),
    )
    head = ("model", *REPORTED, *(label(m) for m in (ODE, DEQUANTISED, HALVED)))
    made = commands(results, "likelihood")
    title = "Reverse variances and the probability-flow ODE"
    return Table(
        "variances", title, head, tuple(rows), caption, made, frozenset(range(1, len(head)))
    )


FORMS_CAPTION = (
    "One-sided: terms KL(q(xᵢ₋₁ | x₀, xᵢ) ‖ p), each from one draw of xᵢ. Two-sided: log "
    "q(xᵢ | xᵢ₋₁) − log p(xᵢ | xᵢ₊₁), each from one draw of (xᵢ₋₁, xᵢ₊₁), averaged over xᵢ "
    "between them in closed form; L₀, which both share, is left out. Variances are of one "
    "draw of the whole bound at a fixed image, nats², over {draws} draws for each of "
    "{images} test images. Difference as printed: with E KL(q(xᵢ | xᵢ₋₁) ‖ p(xᵢ | xᵢ₊₁)) "
    "in place of the log ratio, which is another number. {spread}."
)


def forms(results: Results) -> Table:
    """The bound's two Monte Carlo forms on each diffusion model."""
    rows = []
    for c in diffusion.cells(results.study):
        rows.append((Text(cell(c)), *(measured(results, c, m) for m in FORMS)))
    chosen = results.study.likelihood.forms
    caption = FORMS_CAPTION.format(draws=chosen.draws, images=chosen.images, spread=spread(results))
    head = ("model", *(axis(m, results.unit.name) for m in FORMS))
    made = commands(results, "likelihood")
    return Table(
        "forms",
        "The bound in two forms",
        head,
        tuple(rows),
        caption,
        made,
        frozenset(range(1, len(head))),
    )


GRADIENTS_CAPTION = (
    "Variance (trace of the covariance of one draw) of the estimator of the gradient of "
    "E_q log p(x | z) with respect to q's mean, over that of the reparameterised one, at "
    "the trained weights: the geometric mean over {images} test images, {draws} draws "
    "each. {spread}."
)


def gradients(results: Results) -> Table:
    """How much more the gradient estimators of a trained VAE vary than the reparameterised one."""
    cells = [c for c in results.study.cells if results.metrics(c) & GRADIENTS.keys()]
    rows = [(Text(cell(c)), *(measured(results, c, m) for m in GRADIENTS)) for c in cells]
    chosen = results.study.likelihood.gradients
    caption = GRADIENTS_CAPTION.format(
        images=chosen.images, draws=chosen.draws, spread=spread(results)
    )
    head = ("model", *GRADIENTS.values())
    made = commands(results, "likelihood")
    title = "Variance of gradient estimators"
    return Table(
        "gradients", title, head, tuple(rows), caption, made, frozenset(range(1, len(head)))
    )


def length_metric(steps: int, fitted: bool) -> str:
    return one_of("bound_T{}_fitted" if fitted else "bound_T{}", steps)


LENGTHS_CAPTION = (
    "One network, trained with T = {trained}, its noise levels cut anew into T steps "
    "between the same first and last noise level; decoder and prior stay what they are. "
    "{images} test images. Lines: the reverse variance fitted for each T, exact where the "
    "reverse steps are isotropic Gaussians, so that what is left is their shape; dotted: "
    "{variance}, whose own cost at few steps comes on top. {spread}, shown as a band."
)


def lengths(results: Results) -> Plot:
    """The bound of each network against the number of reverse steps, a panel for each weighting."""
    cells, steps = diffusion.cells(results.study), sorted(results.study.likelihood.lengths.steps)
    panels = [w for w in WEIGHTINGS if any(diffusion.of(c).weighting == w for c in cells)]
    rows: list[dict[str, Any]] = []
    with canvas("lengths", 1, max(1, len(panels)), 9.4, 2.8) as (figure, axes):
        for panel, weighting in zip(axes[0], panels, strict=False):
            panel.set_title(weighting)
            panel.set_xlabel("T, steps")
            panel.set_xscale("log")
            for name in (c for c in cells if diffusion.of(c).weighting == weighting):
                for kind in ("fitted", diffusion.block(results.study).variance):
                    seen = [
                        results.observe(name, length_metric(t, kind == "fitted")).values
                        for t in steps
                    ]
                    seeds = [s for s in results.study.seeds if all(s in values for values in seen)]
                    if not seeds:
                        continue
                    mean, low, high = over_seeds([[values[s] for values in seen] for s in seeds])
                    line = {
                        "color": colour(name),
                        "linestyle": dash(name, [name]),
                        "linewidth": 1.1,
                        "marker": "o",
                    }
                    if kind == "fitted":
                        band(
                            panel,
                            steps,
                            (mean, low, high),
                            markersize=3,
                            label=target(diffusion.of(name).target),
                            **line,
                        )
                    else:
                        panel.plot(
                            steps, mean, color=colour(name), linewidth=0.8, linestyle=(0, (1, 2))
                        )
                    rows += [
                        {
                            "cell": name,
                            "variance": kind,
                            "T": t,
                            "mean": m,
                            "low": lo,
                            "high": hi,
                            "seeds": len(seeds),
                        }
                        for t, m, lo, hi in zip(steps, mean, low, high, strict=True)
                    ]
            panel.set_xticks(
                [t for t in steps if _decade(t)], [str(t) for t in steps if _decade(t)]
            )
            panel.minorticks_off()
        axes[0, 0].set_ylabel(f"bound, {results.unit.name}")
        legend(figure, axes)
        drawn = svg(figure)
    trained = diffusion.block(results.study).steps
    caption = LENGTHS_CAPTION.format(
        trained=trained,
        images=results.study.likelihood.lengths.images,
        variance=diffusion.block(results.study).variance,
        spread=spread(results),
    )
    return Plot(
        "lengths",
        "The bound against the number of steps",
        drawn,
        rows,
        caption,
        commands(results, "likelihood"),
    )


def of_variance(results: Results) -> str:
    """What the choice of the reverse variance does to the bound: where it does most, and to the
    lowest one; empty without two of them."""
    known = {c: _by_variance(results, c) for c in diffusion.cells(results.study)}
    known = {c: some for c, some in known.items() if len(some) > 1}
    if not known:
        return ""
    most = max(known, key=lambda c: known[c][-1][0] - known[c][0][0])
    best = lowest(results, BOUND, list(known))
    parts = []
    for c in sorted((c for c in known if c in (most, best)), key=lambda c: c != most):
        low, high = (f"{interval(some)} ({v})" for _, v, some in (known[c][0], known[c][-1]))
        parts.append(f"{low} to {high} for {cell(c)}")
    return f"By the reverse variance the bound, {results.unit.name}, is {'; '.join(parts)}."


def _by_variance(results: Results, name: Cell) -> list[tuple[float, str, Interval]]:
    """Mean, variance and interval of its bound, from the lowest mean to the highest."""
    known = []
    for v in REPORTED:
        some = t_interval([*results.observe(name, one_of("bound_{}", v)).values.values()])
        if some.mean is not None:
            known.append((some.mean, v, some))
    return sorted(known, key=lambda one: one[0])


def sentences(results: Results) -> list[str]:
    return [of_variance(results)]


def _decade(value: int) -> bool:
    return math.log10(value) % 1 == 0 or str(value)[0] == "5"


def sections(results: Results, mirror: Mirror) -> list[Section]:
    """The likelihood by other estimators."""
    flows = bool(diffusion.cells(results.study))
    tables = (*((variances(results), forms(results)) if flows else ()), gradients(results))
    plots = (lengths(results),) if flows else ()
    with_rows = tuple(t for t in tables if t.rows)
    title, lead = "Other routes to the likelihood", "The same checkpoints by other estimators."
    return [Section("routes", title, lead, with_rows, plots)]
