"""What the output spaces do to an error of the network, beside the error that it makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from threetargets.families.diffusion import spec as diffusion
from threetargets.pipeline.cells import Run
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import (
    Plot,
    canvas,
    floats,
    legend,
    over_seeds,
    svg,
)
from threetargets.report.parts.palette import light
from threetargets.report.parts.wording import target
from threetargets.report.reading.collect import Place, Results
from threetargets.report.reading.crossed import Levels, cells, own_size
from threetargets.study.values import TARGETS

MATCHED = ("eps-equivalent", "elbo")
"""The weightings at which the measured errors are drawn: the first that a study has."""


def compared(results: Results) -> list[str]:
    """Targets of the study that are output spaces of their own: score is eps, and raw score a
    control."""
    known = {c.target for c in diffusion.cells(results.study)} - {"score", "raw-score"}
    return [t for t in TARGETS if t in known]


def amplification(results: Results) -> dict[str, dict[str, np.ndarray]]:
    """|d x0^ / d F| and |d eps^ / d F| of each target at the study's noise levels."""
    from dataclasses import replace

    from threetargets.diffusion import target as spaces
    from threetargets.diffusion.kernel import signal_noise
    from threetargets.families.diffusion.process import forward

    log_snr = forward(diffusion.block(results.study).of("")).log_snr[1:]
    a, s = signal_noise(log_snr)
    made = {}
    for name in compared(results):
        one = replace(spaces.TARGETS[name], data_std=float(results.manifest.get("std", 1.0)))
        errors = {"x0": one.x0_error(a, s), "eps": one.eps_error(a, s)}
        made[name] = {key: np.asarray(value) for key, value in errors.items()}
        made[name]["log_snr"] = np.asarray(log_snr)
    return made


def _measured(results: Results, cell: str) -> list[list[float]]:
    """Mean squared error of eps^ at each noise level, seed by seed."""
    curves = []
    for seed in results.study.seeds:
        record = results.records.get(Place("likelihood", Run(diffusion.parse(cell), seed)))
        if record is not None and record.status == "ok":
            curve = record.curves.get("noise_levels", {})
            if curve.get("eps_mse"):
                curves.append(floats(curve["eps_mse"]))
    return curves


ERRORS_CAPTION = (
    "What an error of 1 in the network's output F is in x₀ and in ε, by the pair (c_skip, c_out)."
)
TRAINED_CAPTION = (
    " Right: the error that the trained networks make in F, at {weighting} weighting{lines}. "
    "{spread}."
)


def errors(results: Results) -> Plot:
    """The amplification of the network's error over log-SNR, and the measured error."""
    theory, known, own = amplification(results), cells(results), own_size(results.study)
    here = {place.weighting for place in known if place.size == own}
    weighting = next((w for w in MATCHED if w in here), "")
    rows: list[dict[str, Any]] = []
    panels = 3 if weighting else 2
    with canvas("output-spaces", 1, panels, 3.1 * panels + 0.1, 3.0) as (figure, axes):
        titles = ("error of x₀ for an error of 1 in F", "error of ε for an error of 1 in F")
        for panel, key, title in zip(axes[0], ("x0", "eps"), titles, strict=False):
            panel.set_title(title)
            for name, one in theory.items():
                panel.plot(one["log_snr"], one[key], color=light(name), label=target(name))
        for (name, one), skip in ((item, skip) for item in theory.items() for skip in (0, 1)):
            cell = known.get(Levels(name, weighting, bool(skip), own))
            curves = _measured(results, results.also.get(cell, cell)) if cell else []
            blank = np.full(len(one["log_snr"]), np.nan)
            mean, low, high = over_seeds(curves) if curves else (blank, blank, blank)
            line: Any = (0, (1, 1.6)) if skip else "-"
            if weighting:
                panel, values = axes[0, 2], np.sqrt(mean) / one["eps"]
                panel.set_title(f"error in F as trained, {weighting}")
                panel.plot(one["log_snr"], values, color=light(name), linestyle=line)
            columns = (one["log_snr"], one["x0"], one["eps"], mean, low, high)
            heads = ("log_snr", "x0_per_F", "eps_per_F", "eps_mse", "low", "high")
            about = {"target": name, "cell": cell or "", "seeds": len(curves)}
            rows += [
                about
                | {h: None if np.isnan(v) else float(v) for h, v in zip(heads, row, strict=True)}
                for row in zip(*columns, strict=True)
                if curves or not skip
            ]
        for panel in axes[0]:
            panel.set_xlabel("log-SNR (noisier to the left)")
            panel.set_yscale("log")
        legend(figure, axes)
        drawn = svg(figure)
    skips = any(place.input_skip for place in known)
    lines = ": solid without, dotted with an input skip" if skips else ""
    trained = TRAINED_CAPTION.format(weighting=weighting, lines=lines, spread=spread(results))
    caption = ERRORS_CAPTION + (trained if weighting else "")
    title = "What an output space does to the network's error"
    made = commands(results, "likelihood")
    return Plot("output-spaces", title, drawn, rows, caption, made)
