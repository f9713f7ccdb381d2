"""Autoencoders, flat (`vae`) and hierarchical (`hvae`): parameters, cells `vae` and
`vae_<variant>`, and what their results depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from threetargets.families import variants
from threetargets.families.cell import Cell
from threetargets.families.protocol import Choices, Look
from threetargets.families.variants import TRAINING, Variants
from threetargets.study.values import LEVELS, Activation, DecoderName, Positive, Section

if TYPE_CHECKING:
    from threetargets.study.blocks import Training
    from threetargets.study.schema import Study

NAME = "autoencoder"
KINDS = ("vae", "hvae")
GRAMMAR = ("vae", "hvae", "vae_<variant>", "hvae_<variant>")
GENERATIVE, LABELLED = True, False
COMPILED = False
NAMES = {"vae": "VAE", "hvae": "HVAE"}


class Autoencoder(Section):
    """One model: widths of its latents (bottom layer first), its networks, its decoder, and the
    bound that it is trained on."""

    latents: Annotated[list[Positive], Field(min_length=1)]
    width: Positive
    depth: Positive
    activation: Activation = "silu"
    decoder: DecoderName
    kl: Literal["closed-form", "monte-carlo"]
    samples: Positive

    @model_validator(mode="after")
    def _sampled_ratios(self) -> Autoencoder:
        if self.samples > 1 and self.kl == "closed-form":
            raise ValueError(
                f"samples is {self.samples} and kl is closed-form: the importance-weighted "
                "bound takes sampled log ratios, with a closed-form KL it is no bound; write "
                "kl: monte-carlo"
            )
        return self


class Family(Autoencoder):
    """The cell `vae` (or `hvae`), and its variants: `z20: {latents: [20]}` is the cell `vae_z20`,
    which differs in the keys that it names; under `training` in those of its training block."""

    variants: Variants

    @model_validator(mode="after")
    def _whole_variants(self) -> Family:
        for name in self.variants:
            self.of(name)
        return self

    def of(self, variant: str) -> Autoencoder:
        """The parameters of a variant; those of the family itself for "". Raises KeyError, and
        ValueError in one line for a variant that is none."""
        own = Autoencoder.model_validate(self.model_dump(exclude={"variants"}))
        if not variant:
            return own
        changes = variants.without(self.variants[variant], TRAINING)
        return variants.changed(own, changes, f"variants.{variant}", (TRAINING,))


BLOCKS = {"vae": Family, "hvae": Family}


def parse(name: str) -> Cell:
    kind, _, variant = name.partition("_")
    return Cell(name, NAME, kind, variants.variant_name(variant) if "_" in name else "")


def cells(study: Study) -> list[Cell]:
    """Those of the study."""
    return [cell for cell in study.cells if cell.family == NAME]


def block(study: Study, kind: str) -> Family:
    family = getattr(study, kind)
    assert isinstance(family, Family)
    return family


def parameters(study: Study, cell: Cell) -> Autoencoder:
    return block(study, cell.kind).of(cell.variant)


def training(study: Study, cell: Cell) -> Training:
    changes = block(study, cell.kind).variants[cell.variant] if cell.variant else {}
    return variants.training(study, cell.kind, changes, f"{cell.kind}.variants.{cell.variant}")


def check(study: Study, names: tuple[Cell, ...]) -> None:
    for kind in KINDS:
        family = getattr(study, kind)
        if family is None:
            continue
        for variant in ("", *family.variants):
            where = f"{kind}.variants.{variant}.latents" if variant else f"{kind}.latents"
            layers = len(family.of(variant).latents)
            if kind == "vae" and layers != 1:
                raise ValueError(f"{where} needs exactly one layer; hierarchical models are `hvae`")
            if kind == "hvae" and layers < 2:
                raise ValueError(f"{where} needs two or more layers")
            if getattr(study.training, kind) is not None:
                training(study, Cell("", NAME, kind, variant))
    for cell in names:
        if getattr(study, cell.kind) is None:
            raise ValueError(f"{cell.kind} is missing, and cells names {str(cell)!r}")
        if cell.variant and cell.variant not in block(study, cell.kind).variants:
            raise ValueError(
                f"cells names {str(cell)!r}, but {cell.kind}.variants has no {cell.variant!r}"
            )
        training(study, cell)
        if parameters(study, cell).decoder == "bernoulli" and LEVELS[study.data.name] != 2:
            has = f"{study.data.name} has {LEVELS[study.data.name]}"
            raise ValueError(f"decoder of {cell} is bernoulli, which is for two grey levels; {has}")


def fields(study: Study, cell: Cell, stage: str, guidance: str = "") -> dict[str, Any]:
    if stage == "train":
        return {"model": parameters(study, cell).model_dump(mode="json")}
    if stage == "sample":
        return {"sampling": study.sampling.model_dump(mode="json", include={"images", "batch"})}
    keys = {"images", "draws", "batch", "iwae", "iwae_images"}
    if len(parameters(study, cell).latents) == 1:
        keys.add("gradients")  # of models of one layer
    return {"likelihood": study.likelihood.model_dump(mode="json", include=keys)}


def choices(study: Study, cell: Cell, stage: str, guidance: str = "") -> Choices:
    return {"DECODERS": frozenset({parameters(study, cell).decoder})}


def cost_key(cell: Cell) -> str:
    return str(cell)


def likelihoods(study: Study, cell: Cell) -> tuple[str, ...]:
    return tuple(f"iwae_{k}" for k in study.likelihood.iwae)


def kept(study: Study, cell: Cell) -> tuple[int, ...]:
    return ()


def also(study: Study) -> dict[Cell, Cell]:
    return {}


def tags(cell: Cell) -> dict[str, str]:
    return {"model": cell.kind}


def label(cell: Cell) -> str:
    return f"{NAMES[cell.kind]} · {cell.variant}" if cell.variant else NAMES[cell.kind]


short_label = label


def look(cell: Cell, shared: bool = False) -> Look:
    return Look(cell.kind)


def set_up(study: Study, names: tuple[Cell, ...]) -> str:
    by_decoder: dict[str, list[str]] = {}
    for cell in names:
        by_decoder.setdefault(parameters(study, cell).decoder, []).append(label(cell))
    sentences = []
    for decoder, labels in by_decoder.items():
        many = len(labels) > 3 and len(by_decoder) == 1
        listed = " and ".join([", ".join(labels[:-1]), labels[-1]] if labels[:-1] else labels)
        sentences.append(f"{'Autoencoders' if many else listed}: {decoder} decoder.")
    return " ".join(sentences)


def drawn(study: Study, cell: Cell) -> str:
    """Two latents are a plane, which the report shows."""
    return "latent_space" if parameters(study, cell).latents == [2] else ""
