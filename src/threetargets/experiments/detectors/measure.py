"""One seed of the detectors experiment: models of each data set, and what they say of others."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from threetargets.data import sources
from threetargets.experiments.checked_figures import figure, mean_figure
from threetargets.experiments.contract import Measured, Tell
from threetargets.experiments.detectors import roc
from threetargets.experiments.detectors.changes import CHANGED
from threetargets.experiments.detectors.image_scores import Known, Score, log_probabilities, scores
from threetargets.experiments.detectors.roc import Area
from threetargets.experiments.detectors.spec import (
    DETECTORS,
    DIGITS,
    TYPICAL,
    Detectors,
    tasks,
    trained_on,
)
from threetargets.experiments.image_sets import part_of
from threetargets.levels import bits_per_dim
from threetargets.pipeline.records import Figure
from threetargets.streams import generator
from threetargets.study.blocks import Split
from threetargets.study.values import Section

SHOWN = 6
"""Images of each set that are kept for the picture."""


def split_of(block: Detectors, name: str) -> Split:
    return block.split if name == DIGITS or block.larger is None else block.larger.split


def images_of(block: Detectors, known: str, other: str, seed: int) -> Tensor:
    """Levels of the set that is held against `known`, or of its own test images where both are
    one. Changed digits are made of test images that are not among these."""
    images = trained_on(block)[known].images
    split = split_of(block, known)
    if other not in CHANGED:
        return part_of(other, split, "test")[0][:images]
    levels, _ = part_of(known, split, "test")
    source = generator(seed, f"detectors/{other}")
    count = sources.find(known).levels
    return CHANGED[other](levels[images : 2 * images], count, block.changes, source)


def scored(
    score: dict[str, Score], levels: Tensor, usual: dict[str, float]
) -> dict[str, np.ndarray]:
    """By every detector, (N,): typicality is the distance of a score from its `usual` value, the
    mean over images that are of the data set (Nalisnick et al. 2019, arXiv:1906.02994)."""
    values = {name: one(levels).numpy() for name, one in score.items()}
    return values | {name: np.abs(values[of] - usual[of]) for name, of in TYPICAL.items()}


def _figures(what: str, area: Area, n: int) -> list[Figure]:
    """An area with its standard error over images, which is a figure of its own too."""
    kind, _, rest = what.partition("/")
    one = figure(what, area.value, n, area.stderr)
    return [one, Figure(f"{kind}_error/{rest}", one.stderr, n=n)]


def measure(block: Section, seed: int, tell: Tell) -> Measured:
    """Figures auc/<data>/<other>/<detector> and gain/<data>/<other>/<typicality> (its area less
    that of the score that it is of), with auc_error and gain_error; bound/<data>/<set> (bits/dim);
    accuracy/<data>. Curves: the share that is caught at each of roc.RATES."""
    assert isinstance(block, Detectors)
    figures, curves, arrays = list[Figure](), dict[str, Any](), dict[str, np.ndarray]()
    for name, models in trained_on(block).items():
        start, split, source = time.monotonic(), split_of(block, name), sources.find(name)
        own = Known(*part_of(name, split, "train"), source.levels, source.classes)
        score, judge = scores(models, own, seed, name)
        tell(f"seed {seed}: {name}: trained ({time.monotonic() - start:.1f} s)")
        test, labels = part_of(name, split, "test")
        right = log_probabilities(judge, test, source.levels).argmax(1) == labels
        figures.append(Figure(f"accuracy/{name}", float(right.double().mean()), n=len(test)))
        aside, _ = part_of(name, split, "validation")
        aside = aside[: models.images]
        usual = {of: float(score[of](aside).mean()) for of in TYPICAL.values()}
        levels = images_of(block, name, name, seed)
        sets = {name: scored(score, levels, usual)}
        arrays[f"{name}_{name}_images"] = levels[:SHOWN].numpy()
        for known, other in tasks(block):
            if known != name:
                continue
            levels = images_of(block, name, other, seed)
            arrays[f"{name}_{other}_images"] = levels[:SHOWN].numpy()
            sets[other] = scored(score, levels, usual)
            real, n = sets[name], 2 * models.images
            pairs = {one: (real[one], sets[other][one]) for one in DETECTORS}
            for one, pair in pairs.items():
                figures += _figures(f"auc/{name}/{other}/{one}", roc.area(*pair), n)
                curves[f"roc/{name}/{other}/{one}"] = roc.curve(*pair)
            for one, of in TYPICAL.items():
                gained = roc.gain(pairs[one], pairs[of])
                figures += _figures(f"gain/{name}/{other}/{one}", gained, n)
        dims = levels[0].numel()
        for other, values in sets.items():
            bits = bits_per_dim(torch.from_numpy(values["bound"]), dims)
            figures.append(mean_figure(f"bound/{name}/{other}", bits))
            arrays[f"{name}_{other}_bound"] = bits.numpy()
        tell(f"seed {seed}: {name}: scored ({time.monotonic() - start:.1f} s)")
    return Measured(figures, curves, arrays)
