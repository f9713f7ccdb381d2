"""How noisy an estimate of the bound is that sees one image at one noise level, for each way of
drawing the level."""

from __future__ import annotations

from threetargets.report.captions import commands, spread
from threetargets.report.collect import Results
from threetargets.report.tables import measured
from threetargets.report.wording import Table, Text, cell


def table(results: Results) -> Table:
    """Standard deviations of the single-draw estimate, and the bound of the model that is told the
    label."""
    cells = [c for c in results.study.cells if c.startswith("ddpm_")]
    proposals = sorted({m for c in cells for m in results.metrics(c) if m.startswith("draw_std_")})
    rows = [
        (
            Text(cell(c)),
            *(measured(results, c, m) for m in proposals),
            measured(results, c, "bound"),
            measured(results, c, "bound_given_label"),
        )
        for c in cells
    ]
    names = (m.removeprefix("draw_std_") for m in proposals)
    used = results.study.diffusion.time_sampling["elbo"]
    caption = (
        f"In {results.unit.name}. First columns: standard deviation of the bound's estimate "
        "from one test image and one level drawn as named, exact over levels and empirical "
        f"over images; the mean is the same for all. The elbo weighting trains with {used}. "
        "Last columns: the bound without and with the image's label given to the network. "
        f"{spread(results)}."
    )
    head = ("model", *(f"draws {name}" for name in names), "bound", "bound given label")
    made = commands(results, "likelihood")
    return Table(
        "draws",
        "Drawing the noise level",
        head,
        tuple(rows),
        caption,
        made,
        frozenset(range(1, len(head))),
    )
