"""Diffusion models: parameters, cells `ddpm_<target>_<weighting>` and
`ddpm_<target>_<weighting>_<variant>`, and what their results depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from threetargets.families import variants
from threetargets.families.cell import Cell
from threetargets.families.diffusion import keys, named
from threetargets.families.diffusion.keys import Diffusion
from threetargets.families.diffusion.keys import Process as Process
from threetargets.families.diffusion.named import DiffusionCell
from threetargets.families.protocol import Choices
from threetargets.networks.parameters import Network, NetworkBlock
from threetargets.study.blocks import after
from threetargets.study.names import names
from threetargets.study.values import READS, TARGETS, WEIGHTINGS

if TYPE_CHECKING:
    from threetargets.study.blocks import Training
    from threetargets.study.schema import Study

NAME, KIND, GRAMMAR = named.NAME, named.KIND, named.GRAMMAR
KINDS = (KIND,)
parse, of, cell_of = named.parse, named.of, named.cell_of
symbol, tags, look = named.symbol, named.tags, named.look
label, short_label = named.label, named.short_label
GENERATIVE, LABELLED = True, True
COMPILED = True
FITTED = names("likelihood/bound.py", "FITTED")
NETWORK = keys.NETWORK

BLOCKS: dict[str, Any] = {"diffusion": Diffusion, NETWORK: Network}


def cells(study: Study) -> list[DiffusionCell]:
    """Those of the study."""
    return [cell for cell in study.cells if isinstance(cell, DiffusionCell)]


def block(study: Study) -> Diffusion:
    diffusion = getattr(study, "diffusion", None)
    assert isinstance(diffusion, Diffusion)
    return diffusion


def _changes(study: Study, cell: Cell) -> dict[str, Any]:
    return block(study).variants[cell.variant] if cell.variant else {}


def process(study: Study, cell: Cell) -> Process:
    return block(study).of(cell.variant)


def network(study: Study, cell: Cell) -> NetworkBlock:
    """Raises ValueError, one line, for a variant that makes no network."""
    own: NetworkBlock = getattr(study, NETWORK)
    changes = _changes(study, cell).get(NETWORK)
    where = f"diffusion.variants.{cell.variant}.{NETWORK}"
    return own if changes is None else variants.changed(own, changes, where, schema=Network)


def training(study: Study, cell: Cell) -> Training:
    where = f"diffusion.variants.{cell.variant}"
    return variants.training(study, KIND, _changes(study, cell), where)


def check(study: Study, names: tuple[Cell, ...]) -> None:
    if not names:
        return
    for key in BLOCKS:
        if getattr(study, key) is None:
            raise ValueError(f"{key} is missing, and cells names {str(names[0])!r}")
    for cell in map(of, names):
        if cell.variant and cell.variant not in block(study).variants:
            raise ValueError(
                f"cells names {str(cell)!r}, but diffusion.variants has no {cell.variant!r}"
            )
        training(study, cell)
        network(study, cell)
        chosen, curve = process(study, cell), study.likelihood.curve
        if curve is not None and curve.steps > chosen.steps:
            most = f"expected at most diffusion.steps of {str(cell)!r}, {chosen.steps}"
            raise ValueError(f"likelihood.curve.steps is {curve.steps}; {most}")
        if (noise := chosen.label_noise) and not study.labelled:
            raise ValueError(
                f"label_noise of {str(cell)!r} is {noise:g}, but {study.data.name} has no labels"
            )
        if cell.weighting not in chosen.time_sampling:
            raise ValueError(
                f"diffusion.time_sampling lacks {cell.weighting}, and cells names {str(cell)!r}"
            )
        weak, steps = weak_step(study, cell), training(study, cell).steps
        if weak is not None and weak >= steps:
            raise ValueError(
                f"guidance.weak_at is {study.guidance.weak_at:g}, the last of {steps} steps of "
                f"{str(cell)!r}; expected an earlier one"
            )


def _reads_variance(study: Study, cell: DiffusionCell, stage: str) -> bool:
    """The loss reads it where it is the bound, whose decoder has the width of the last step."""
    if stage == "train":
        return cell.weighting == "elbo"
    return stage == "likelihood" or study.sampling.sampler == "ancestral"


def fields(study: Study, cell: Cell, stage: str, guidance: str = "") -> dict[str, Any]:
    cell = of(cell)
    chosen = process(study, cell)
    of_process: dict[str, Any] = {}
    if _reads_variance(study, cell, stage):
        of_process["variance"] = chosen.variance
    if stage == "likelihood":
        of_process |= {
            "bound_variance": chosen.bound_variance,
            "learned_variance": chosen.learned_variance,
        }
    if stage == "train":
        of_process |= {
            "steps": chosen.steps,
            "schedule": chosen.schedule.model_dump(mode="json"),
            "label_dropout": chosen.label_dropout,
            "learned_variance": chosen.learned_variance,
            "time_sampling": chosen.time_sampling[cell.weighting],
        }
        of_process |= {"label_noise": chosen.label_noise} if chosen.label_noise else {}
    read: dict[str, Any] = {"diffusion": of_process}
    if stage == "train":
        read["network"] = network(study, cell).model_dump(mode="json")
        read["precision"] = study.precision
        if study.likelihood.curve or weak_step(study, cell):
            read["kept"] = kept(study, cell)
    elif stage == "sample":
        ignored = () if study.sampling.sampler == "ddim" else ("eta",)
        read["sampling"] = variants.without(study.sampling.model_dump(mode="json"), *ignored)
        if key := READS.get(guidance):
            read["guided"] = study.guidance.model_dump(mode="json", include={key})
    elif stage == "likelihood":
        keys = ("images", "draws", "batch", "fit_images", "ode", "forms", "lengths")
        read["likelihood"] = study.likelihood.model_dump(mode="json", include=set(keys))
        asked = study.likelihood.model_dump(mode="json", include={"curve", "validation"})
        read["likelihood"] |= {key: value for key, value in asked.items() if value is not None}
        if not study.likelihood.lengths.steps:
            read["likelihood"] |= {"lengths": []}  # of no images
    return read


def choices(study: Study, cell: Cell, stage: str, guidance: str = "") -> Choices:
    cell, chosen = of(cell), process(study, cell)
    taken = {
        "TARGETS": frozenset({cell.target}),
        "WEIGHTINGS": frozenset({cell.weighting}),
        "SCHEDULES": frozenset({chosen.schedule.name}),
        "DENOISERS": frozenset({network(study, cell).name}),
        "TRUNKS": frozenset(),
        "GUIDANCES": frozenset({guidance} & {*READS}),
    }
    if stage == "sample":
        taken["SAMPLERS"] = frozenset({study.sampling.sampler})
    return taken


def cost_key(cell: Cell) -> str:
    """Targets and weightings share a network; a variant may have another."""
    return f"{cell.kind} {cell.variant}"


def likelihoods(study: Study, cell: Cell) -> tuple[str, ...]:
    return ()


def curve_steps(study: Study, cell: Cell) -> tuple[int, ...]:
    """Steps before the last at which the curve of the bound over training has a point."""
    curve = study.likelihood.curve
    return tuple(curve.after(training(study, cell))) if curve else ()


def weak_step(study: Study, cell: Cell) -> int | None:
    """The step whose averaged weights are the weak model of autoguidance, where the cell has it."""
    at = study.guidance.weak_at
    return after(at, training(study, cell)) if at and cell in study.guidance.cells else None


def kept(study: Study, cell: Cell) -> tuple[int, ...]:
    """Those of the bound over training, and that of autoguidance."""
    weak = weak_step(study, cell)
    return tuple(sorted({*curve_steps(study, cell), *([weak] if weak else [])}))


def one_model(study: Study, cell: DiffusionCell) -> DiffusionCell:
    """The cell that trains the same model, by construction: the score's output is scaled by 1/s, so
    under any weighting but its own it is that of eps up to the sign of the last layer; and the own
    space of eps is that of eps-equivalent, that of v v-equivalent, where both draw the noise level
    in one way."""
    target, weighting = cell.target, cell.weighting
    drawn = process(study, cell).time_sampling
    if target == "score" and weighting != "native":
        target = "eps"
    own = f"{target}-equivalent"
    if weighting == "native" and own in WEIGHTINGS and drawn.get("native") == drawn.get(own):
        weighting = own
    return cell_of(target, weighting, cell.variant)


def also(study: Study) -> dict[Cell, Cell]:
    """Of the targets and weightings that the study names, for a variant those that it names
    there."""
    own = cells(study)
    trained = {one_model(study, cell): cell for cell in reversed(own)}
    grid = [
        cell_of(target, weighting, variant)
        for variant in dict.fromkeys(c.variant for c in own)
        for target in TARGETS
        for weighting in WEIGHTINGS
        if any((c.target, c.variant) == (target, variant) for c in own)
        and any((c.weighting, c.variant) == (weighting, variant) for c in own)
    ]
    models = {cell: one_model(study, cell) for cell in grid if cell not in own}
    return {cell: trained[model] for cell, model in models.items() if model in trained}


def labels_kept(study: Study, cell: Cell) -> float:
    """The share of training images whose own label the model sees for sure."""
    chosen = process(study, cell)
    return (1.0 - chosen.label_dropout) * (1.0 - chosen.label_noise)


def null_branch(study: Study) -> str:
    """What stands for the model without labels, for captions; shares of all its variants."""
    shares = sorted({process(study, cell).label_dropout for cell in cells(study)})
    dropped = " or ".join(f"{share:.0%}" for share in shares)
    return f"without labels: the null branch, seen by {dropped} of the training images"


def variance_in_words(study: Study) -> str:
    """The one of the reported bound."""
    name, images = block(study).bound_variance, study.likelihood.fit_images
    return f"{name}, fitted to {images} images of the train split" if name in FITTED else name


def set_up(study: Study, names: tuple[Cell, ...]) -> str:
    if not names:
        return ""
    chosen, schedule = block(study), block(study).schedule
    ends = f"{schedule.log_snr_max:g} to {schedule.log_snr_min:g}".replace("-", "−")
    return (
        f"Diffusion models: T = {chosen.steps}, {schedule.name} schedule, log-SNR {ends}, reverse "
        f"variance of the bound {variance_in_words(study)}; {null_branch(study)}."
    )


def drawn(study: Study, cell: Cell) -> str:
    return ""
