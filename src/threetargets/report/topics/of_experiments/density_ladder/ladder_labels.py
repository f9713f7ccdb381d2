"""How the rungs of the density ladder are called and drawn."""

from __future__ import annotations

from threetargets.experiments.density_ladder.spec import DensityLadder
from threetargets.experiments.digit_sizes import PIXELS

NAME = "density_ladder"
TRAINED = {
    "cd-1": "CD-1",
    "cd-10": "CD-10",
    "pcd": "persistent chains",
    "exact": "exact gradient",
}
COLOURS = {
    "mixture": "vae",
    "cd-1": "eps",
    "cd-10": "v",
    "pcd": "x0",
    "exact": "score",
    "nade": "edm",
}
ENERGIES = {
    "likelihood": "energy, likelihood by quadrature",
    "hyvarinen": "energy, score matching",
    "sliced": "energy, sliced score matching",
}
ENERGY_COLOURS = {"likelihood": "flow", "hyvarinen": "raw-score", "sliced": "hvae"}


def rung(chosen: DensityLadder, model: str, size: str) -> str:
    """Its name in a table, with its components or hidden units."""
    hidden = chosen.hidden
    if model == "mixture":
        return f"mixture of {hidden.components(size)}"
    if model == "nade":
        return f"NADE of {hidden.units(size)}"
    return f"RBM of {hidden.of(size)}, {TRAINED[model]}"


def operations(chosen: DensityLadder, model: str, size: str) -> int:
    """Multiplications of one pass: of a draw, or of a sweep over both layers."""
    if model == "mixture":
        return PIXELS + chosen.hidden.components(size)
    if model == "nade":
        return 2 * PIXELS * chosen.hidden.units(size)
    return 2 * PIXELS * chosen.hidden.of(size)
