"""What the parts of a parameter file demand of each other. Every check raises ValueError with one
line that names the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threetargets.study.values import AUTOENCODERS, LEVELS

if TYPE_CHECKING:
    from threetargets.study.schema import Study


def check(study: Study) -> None:
    """Raises ValueError."""
    _autoencoders(study)
    _guidance(study)
    _labels(study)
    _sizes(study)


def _autoencoders(study: Study) -> None:
    for family in AUTOENCODERS:
        block = getattr(study, family)
        for variant in ("", *block.variants):
            where = f"{family}.variants.{variant}.latents" if variant else f"{family}.latents"
            levels = len(block.of(variant).latents)
            if family == "vae" and levels != 1:
                raise ValueError(f"{where} needs exactly one level; hierarchical models are `hvae`")
            if family == "hvae" and levels < 2:
                raise ValueError(f"{where} needs two or more levels")
            study.training_of(f"{family}_{variant}" if variant else family)
    for cell in study.autoencoders:
        family, _, variant = cell.partition("_")
        if variant and variant not in getattr(study, family).variants:
            raise ValueError(f"cells names {cell!r}, but {family}.variants has no {variant!r}")
        if study.autoencoder(cell).decoder == "bernoulli" and LEVELS[study.data.name] != 2:
            has = f"{study.data.name} has {LEVELS[study.data.name]}"
            raise ValueError(f"decoder of {cell} is bernoulli, which is for two levels; {has}")


def _guidance(study: Study) -> None:
    unknown = [c for c in study.guidance.cells if c not in study.cells]
    if unknown:
        raise ValueError(f"guidance.cells names {unknown[0]!r}, which is not in cells")
    wrong = [c for c in study.guidance.cells if not c.startswith("ddpm_")]
    if wrong:
        raise ValueError(f"guidance.cells names {wrong[0]!r}; only diffusion models are guided")
    if study.guidance.cells and not study.evaluation.extractors:
        raise ValueError(
            "guidance.cells is not empty, but evaluation.extractors is: nothing would be measured"
        )


def _labels(study: Study) -> None:
    if study.classifiers.judge_seed in study.seeds:
        raise ValueError(
            "classifiers.judge_seed is one of seeds; the judge must be independent of every guide"
        )
    if study.labelled:
        return
    if "judge" in study.evaluation.extractors:
        raise ValueError(
            f"evaluation.extractors has judge, but {study.data.name} has no labels to train it on"
        )
    if study.guidance.cells:
        raise ValueError(
            f"guidance.cells is not empty, but {study.data.name} has no labels to guide to"
        )


def _sizes(study: Study) -> None:
    split, chosen = study.data.split, study.likelihood
    if (chosen.images or 0) > split.test:
        raise ValueError("likelihood.images is larger than the test split")
    most, of_what = (
        (chosen.images, "likelihood.images") if chosen.images else (split.test, "the test split")
    )
    counts = {
        f"{k}.images": getattr(chosen, k).images for k in ("ode", "forms", "lengths", "gradients")
    }
    for key, count in {**counts, "iwae_images": chosen.iwae_images or 0}.items():
        if count > most:
            raise ValueError(f"likelihood.{key} is larger than {of_what}")
    if chosen.fit_images > split.train:
        raise ValueError("likelihood.fit_images is larger than the train split")
    if not study.evaluation.extractors:
        return
    if study.sampling.images < study.evaluation.kid_subset_size:
        raise ValueError("evaluation.kid_subset_size is larger than sampling.images")
    if study.sampling.images > min(split.train, split.test):
        raise ValueError(
            "sampling.images is larger than the train or test split, so FID has no floor at that N"
        )
