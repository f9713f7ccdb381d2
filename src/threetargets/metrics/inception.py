"""Inception v3 as torch-fidelity has it: the features of published FIDs, KIDs, precisions and
recalls.

torch-fidelity takes uint8 images of three channels and resizes them to 299x299 itself, bilinearly
as TensorFlow 1.x does. So that is what it gets here: level k of K becomes round(255 k / (K - 1)),
and a grey image is put into all three channels. Its weights are the file that torch-fidelity names,
or one without the layer behind the features, which FID and its kin do not use: the Inception Score
does, and is refused with it. Nothing is unpickled.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch_fidelity import register_feature_extractor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY
from torch_fidelity.utils import create_feature_extractor, get_featuresdict_from_dataset

from threetargets.data import download, pretrained
from threetargets.errors import ConfigError, DataError

LAYER = "2048"
BATCH = {"cpu": 32, "cuda": 256}  # images at a time, 3x299x299 each


class ByteImages(Dataset[Tensor]):
    """Levels uint8 (N, C, H, W), C = 1 or 3, of `count` grey levels as uint8 (3, H, W) of 256."""

    def __init__(self, images: Tensor, count: int):
        if images.shape[1] not in (1, 3):
            raise ConfigError(
                "evaluation.extractors: inception takes images of 1 or 3 channels, not "
                f"{images.shape[1]}"
            )
        k = torch.arange(count, dtype=torch.int64)
        self.bytes = ((2 * 255 * k + count - 1) // (2 * (count - 1))).to(
            torch.uint8
        )  # halves upwards
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.bytes[self.images[index].long()].expand(3, -1, -1)


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights' file. Raises DataError where it is anything else."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path}: not a file of tensors ({str(error).splitlines()[0]}); copy it again"
        ) from None
    if not isinstance(state, dict) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise DataError(
            f"{path}: expected tensors by name, found {type(state).__name__}; copy it again"
        )
    return state


def has_logits(state: dict[str, Tensor]) -> bool:
    """False for a features-only file, whose last layer is zero."""
    return bool(state["fc.weight"].any() or state["fc.bias"].any())


@cache
def register(path: Path) -> str:
    """Register the weights in `path` with torch-fidelity as `inception-` and the first 16 digits of
    their SHA-256, once in a process.

    torch-fidelity reads a path with a loader that unpickles: it gets the tensors that were read
    here without, written to memory. Raises DataError; asked for the Inception Score, the extractor
    of a features-only file refuses.
    """
    name = f"inception-{download.digest(path)[:16]}"
    state = read(path)
    scored = has_logits(state)

    class Inception(FeatureExtractorInceptionV3):  # type: ignore[misc]  # it has no types
        def __init__(self, name: str, features_list: list[str], **_: Any):
            if not scored and any(layer.startswith("logits") for layer in features_list):
                raise ConfigError(
                    f"{path}: has zero logits, and the Inception Score is made of them; it "
                    "serves FID, KID, precision and recall, for the score take "
                    f"{Path(pretrained.STANDARD.path).name}"
                )
            memory = io.BytesIO()
            torch.save(state, memory)
            memory.seek(0)
            try:
                super().__init__(name, features_list, feature_extractor_weights_path=memory)
            except RuntimeError as error:
                raise DataError(
                    f"{path}: not Inception's weights ({str(error).splitlines()[0]})"
                ) from None

    if name not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor(name, Inception)
    return name


def see(
    name: str,
    images: Tensor,
    count: int,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] = lambda batch: None,
) -> Tensor:
    """Features float32 (N, 2048) of N > 0 images of `count` grey levels, uint8 (N, C, H, W), by the
    extractor registered under `name`; on the CPU, in full float32 also where a GPU has shorter
    kinds. `told` gets the size of each batch when it was seen."""
    kind = torch.device(device).type
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=False, allow_tf32=False
    ):
        module = create_feature_extractor(name, [LAYER], cuda=kind == "cuda", verbose=False)
        module.register_forward_hook(lambda _, batches, __: progress(len(batches[0])))
        features: Tensor = get_featuresdict_from_dataset(
            ByteImages(images, count),
            module,
            BATCH[kind],
            kind == "cuda",
            save_cpu_ram=True,
            verbose=False,
        )[LAYER]
    return features
