"""The diffusion cells of a study by their learning rate."""

from __future__ import annotations

from threetargets.families.cell import Cell
from threetargets.families.diffusion import spec as diffusion
from threetargets.report.reading.collect import Results
from threetargets.report.reading.crossed import differs
from threetargets.study.schema import Study

Pair = tuple[str, str]
"""A target and a weighting."""


def common(study: Study, target: str, weighting: str) -> float:
    """The learning rate of cells without a variant."""
    return diffusion.training(study, diffusion.cell_of(target, weighting)).learning_rate


def by_rate(results: Results) -> dict[Pair, dict[float, Cell]]:
    """The cell of each learning rate: those that differ from the study's own in it alone."""
    study = results.study
    known: dict[Pair, dict[float, Cell]] = {}
    for cell in study.cells:
        if cell.kind != diffusion.KIND or not differs(study, cell) <= {"training"}:
            continue
        one, chosen = diffusion.of(cell), diffusion.training(study, cell)
        own = diffusion.training(study, diffusion.cell_of(one.target, one.weighting))
        if chosen == own.model_copy(update={"learning_rate": chosen.learning_rate}):
            known.setdefault((one.target, one.weighting), {})[chosen.learning_rate] = cell
    return {key: dict(sorted(some.items())) for key, some in known.items()}


def chosen(results: Results) -> dict[Pair, Cell]:
    """The cell of a target's own learning rate, where the study names one besides the common rate
    for some target, and two at the most for each; else empty.

    A target whose own rate is the common one has the cell without a variant; one that is another
    target's model by construction, the cell of that.
    """
    known = by_rate(results)
    if max((len(some) for some in known.values()), default=0) != 2:
        return {}
    own = {pair: some[_own(results.study, pair, some)] for pair, some in known.items()}
    for shown, trained in results.also.items():
        one, model = diffusion.of(shown), diffusion.of(trained)
        if not model.variant and (cell := own.get((model.target, model.weighting))):
            own[one.target, one.weighting] = shown if cell == trained else cell
    return own


def _own(study: Study, pair: Pair, some: dict[float, Cell]) -> float:
    return max(some, key=lambda rate: rate != common(study, *pair))
