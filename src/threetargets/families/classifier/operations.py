"""Floating-point operations of the judge."""

from __future__ import annotations

import torch

from threetargets.data.read import Manifest
from threetargets.families.build import build
from threetargets.families.classifier.model import Classifier
from threetargets.families.counted import counted
from threetargets.pipeline.cells import Run
from threetargets.study.schema import Study


def judging(study: Study, manifest: Manifest, run: Run) -> float:
    """Of one image: the judge is asked for features, and again for logits."""
    judge, x = build(study, manifest, run).eval(), torch.zeros(1, *manifest.shape)
    assert isinstance(judge, Classifier)
    with torch.no_grad():
        return counted(lambda: (judge.features(x), judge.logits(x)))


def features(study: Study, manifest: Manifest, run: Run) -> int:
    """How many features the judge gives of an image."""
    judge, x = build(study, manifest, run).eval(), torch.zeros(1, *manifest.shape)
    assert isinstance(judge, Classifier)
    with torch.no_grad():
        return judge.features(x).shape[1]
