"""The judge, an in-domain classifier, as a feature extractor of torch-fidelity.

FID and its kin mean nothing without the features that they are measured on: the extractor's name
holds the digest of its weights and stands beside every figure. It always has to be named in a call
of torch-fidelity, which otherwise takes (and downloads) Inception or VGG.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from torch_fidelity import register_feature_extractor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY
from torch_fidelity.utils import create_feature_extractor, get_featuresdict_from_dataset

from threetargets import levels, weights
from threetargets.files import need

LAYERS = ("features", "logits")
BATCH = 512  # images at a time; the judge is small


@dataclass(frozen=True)
class Seen:
    """What the judge sees in N images, on the CPU: features float64 (N, F) and logits float64 (N,
    classes)."""

    features: Tensor
    logits: Tensor

    def __len__(self) -> int:
        return len(self.features)


class LevelImages(Dataset[Tensor]):
    """Grey levels uint8 (N, C, H, W) as the items that torch-fidelity takes: bare tensors, float32
    bin centres in [-1, 1]."""

    def __init__(self, images: Tensor, count: int):
        self.images, self.count = images, count

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return levels.centres(self.images[index], self.count)


def name_of(path: Path) -> str:
    """`judge-` and the first 16 hexadecimal digits of the SHA-256 of the weights' file. Raises
    MissingInput."""
    return f"judge-{weights.digest(need(path))}"


def register(name: str, judge: nn.Module) -> str:
    """Register `judge` with torch-fidelity under `name`, once in a process: a second call changes
    nothing, since the name is the weights'.

    `judge` has `features(x)` -> (N, F) and `logits(x)` -> logits (N, classes) for float32 x (N, C,
    H, W) in [-1, 1]. What it returns is widened to float64, the type in which torch-fidelity then
    computes: the kernel of KID and the covariance of FID lose most of float32's digits.
    """

    class Judge(FeatureExtractorBase):  # type: ignore[misc]  # it has no types
        def __init__(self, name: str, features_list: list[str], **_: Any):
            super().__init__(name, features_list)
            self.judge: Any = copy.deepcopy(judge)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return LAYERS

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return "logits" if metric == "isc" else "features"

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            seen = {"features": self.judge.features(x), "logits": self.judge.logits(x)}
            return tuple(seen[layer].double() for layer in self.features_list)

    if name not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor(name, Judge)
    return name


def see(name: str, images: Tensor, count: int, device: torch.device | str = "cpu") -> Seen:
    """Features and logits of N > 0 images of `count` grey levels, uint8 (N, C, H, W), by the
    extractor registered under `name`."""
    cuda = torch.device(device).type == "cuda"
    module = create_feature_extractor(name, list(LAYERS), cuda=cuda, verbose=False)
    layers = get_featuresdict_from_dataset(
        LevelImages(images, count), module, BATCH, cuda, save_cpu_ram=True, verbose=False
    )
    return Seen(layers["features"], layers["logits"])
