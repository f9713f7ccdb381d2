"""Conditional fidelity: do the images show the class that was asked for, and how clear-cut are they
to an independent classifier?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from threetargets.metrics.fidelity import Sight
from threetargets.pipeline.records import Figure


def accuracy(logits: Tensor, labels: Tensor) -> Figure:
    """Fraction of images whose most probable class is the one asked for; logits (N, classes),
    labels int64 (N,).

    Its standard error is binomial, sqrt(p (1 - p) / N).
    """
    n = len(labels)
    if n == 0:
        return Figure("accuracy", None, n=0, spread="no images")
    p = (logits.argmax(1) == labels).double().mean().item()
    return Figure("accuracy", p, math.sqrt(p * (1 - p) / n), n, spread="binomial over images")


def entropy(logits: Tensor) -> Figure:
    """Mean over images of -sum_c p_c log p_c, nats, of the classifier's probabilities; logits (N,
    classes).

    0 where every image is clear-cut, log(classes) where none says anything. Its standard error is
    over images.
    """
    n = len(logits)
    if n == 0:
        return Figure("entropy", None, n=0, spread="no images")
    log_p = torch.log_softmax(logits.double(), 1)
    each = -(log_p.exp() * log_p).sum(1)
    stderr = each.std().item() / math.sqrt(n) if n > 1 else None
    return Figure("entropy", each.mean().item(), stderr, n, spread="over images")


def of_labels(sight: Sight) -> Figure | None:
    """The accuracy of a sample set; None where no class was asked for."""
    if sight.logits is None or sight.labels is None:
        return None
    return accuracy(sight.logits, sight.labels)


def of_logits(sight: Sight) -> Figure | None:
    """The entropy of a sample set."""
    return None if sight.logits is None else entropy(sight.logits)
