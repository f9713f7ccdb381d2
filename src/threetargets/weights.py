"""Weights on disk: safetensors, whole or not there, and refused where they do not fit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from threetargets.errors import DataError
from threetargets.files import write


def write_tensors(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file in one step. Raises CannotWrite."""
    data = save({k: v.detach().contiguous().cpu().clone() for k, v in tensors.items()}, metadata)
    write(path, lambda file: file.write(data))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises DataError where it is damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(
            f"{path}: damaged ({error}); delete it and run its training again"
        ) from None


Kept = dict[int, dict[str, Tensor]]
"""Averaged weights after steps of a training before its last."""


def named(kept: Kept) -> dict[str, Tensor]:
    """As the tensors of one file: `after 100/<name>`."""
    return {f"after {step}/{k}": v for step, state in kept.items() for k, v in state.items()}


def of_step(tensors: dict[str, Tensor], step: int) -> dict[str, Tensor]:
    """Those of one step, under their own names."""
    start = f"after {step}/"
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def write_weights(path: Path, state: dict[str, Tensor], kept: Kept | None = None) -> None:
    """The weights of a finished training, and those that it kept on its way."""
    write_tensors(path, state | named(kept or {}))


def read_weights(path: Path, model: nn.Module, step: int | None = None) -> None:
    """Load weights into `model`: the last ones, or those kept after `step`. Raises DataError where
    names or shapes differ."""
    tensors = read_tensors(path)
    last = {k: v for k, v in tensors.items() if not k.startswith("after ")}
    fill(model, last if step is None else of_step(tensors, step), path)


def fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy `tensors` into the model's state. Raises DataError where names, shapes or numbers are
    not what the model has."""
    own = model.state_dict()
    if set(own) != set(tensors) or any(own[k].shape != v.shape for k, v in tensors.items()):
        raise DataError(
            f"{path}: weights of another architecture; delete the file and run its training again"
        )
    if not all(bool(torch.isfinite(v).all()) for v in tensors.values()):
        raise DataError(
            f"{path}: weights that are not finite; delete the file and run its training again"
        )
    model.load_state_dict(tensors)


def digest(path: Path) -> str:
    """16 hexadecimal digits of the file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
