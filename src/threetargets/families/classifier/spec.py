"""The classifiers, which are no cells of the grid: the guide p(y | x_i, i) and, for one kind of
guidance, the guide that has seen clean images alone, one for each seed; the judge, one for a
study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from threetargets.families import variants
from threetargets.families.cell import Cell
from threetargets.families.protocol import Choices, Look
from threetargets.study.values import Body, Count, Section

if TYPE_CHECKING:
    from threetargets.study.blocks import Training
    from threetargets.study.schema import Study

NAME = "classifier"
GUIDE, JUDGE = Cell("guide", NAME, "guide"), Cell("judge", NAME, "judge")
CLEAN_GUIDE = Cell("guide_clean", NAME, "guide", "clean")
CELLS = {str(cell): cell for cell in (GUIDE, CLEAN_GUIDE, JUDGE)}
KINDS = ("guide", "judge")
GRAMMAR = tuple(CELLS)
GENERATIVE, LABELLED = False, False
COMPILED = False
LABELS = {
    GUIDE: "guide (noisy images)",
    CLEAN_GUIDE: "guide (clean images)",
    JUDGE: "judge (clean images)",
}


class Classifiers(Section):
    """All have one body and width, guides one training block; the judge has a seed of its own."""

    body: Body
    width: Annotated[int, Field(gt=0, multiple_of=2)]
    judge_seed: Count


BLOCKS = {"classifiers": Classifiers}


def parse(name: str) -> Cell:
    if name not in CELLS:
        raise ValueError(f"unknown model {name!r}; expected {' or '.join(GRAMMAR)}")
    return CELLS[name]


def block(study: Study) -> Classifiers:
    classifiers = getattr(study, "classifiers", None)
    assert isinstance(classifiers, Classifiers)
    return classifiers


def training(study: Study, cell: Cell) -> Training:
    return variants.training(study, cell.kind, {}, "")


def check(study: Study, names: tuple[Cell, ...]) -> None:
    guided = study.guidance.guides
    judged = study.evaluation.judged and study.labelled
    if not guided and not judged:
        return
    if getattr(study, "classifiers", None) is None:
        raise ValueError("classifiers is missing, and samples are judged, or guided by one")
    for cell in [GUIDE] * bool(guided) + [JUDGE] * bool(judged):
        training(study, cell)
    if block(study).judge_seed in study.seeds:
        raise ValueError(
            "classifiers.judge_seed is one of seeds; the judge must be independent of every guide"
        )


def fields(study: Study, cell: Cell, stage: str, guidance: str = "") -> dict[str, Any]:
    chosen = block(study)
    read: dict[str, Any] = {"classifiers": {"body": chosen.body, "width": chosen.width}}
    if cell == GUIDE:
        values = study.model_dump(mode="json")["diffusion"]
        read["diffusion"] = {key: values[key] for key in ("schedule", "steps")}
    return read


def choices(study: Study, cell: Cell, stage: str, guidance: str = "") -> Choices:
    schedules = set[str]()
    if cell == GUIDE:
        schedules.add(study.model_dump(mode="json")["diffusion"]["schedule"]["name"])
    return {
        "TRUNKS": frozenset({block(study).body}),
        "DENOISERS": frozenset(),
        "SCHEDULES": frozenset(schedules),
    }


def cost_key(cell: Cell) -> str:
    return str(cell)


def likelihoods(study: Study, cell: Cell) -> tuple[str, ...]:
    return ()


def kept(study: Study, cell: Cell) -> tuple[int, ...]:
    return ()


def also(study: Study) -> dict[Cell, Cell]:
    return {}


def tags(cell: Cell) -> dict[str, str]:
    return {"model": str(cell)}


def label(cell: Cell) -> str:
    return LABELS[cell]


short_label = label


def look(cell: Cell, shared: bool = False) -> Look:
    return Look("muted")


def set_up(study: Study, names: tuple[Cell, ...]) -> str:
    return ""


def drawn(study: Study, cell: Cell) -> str:
    return ""
