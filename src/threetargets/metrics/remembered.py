"""Features and moments of a reference split, kept in the cache: made once for every run, study and
copy of the project that measures against the same images with the same extractor.

The file's name is the digest of what it depends on; what it holds is checked each time it is read,
and a damaged or foreign file is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics

from threetargets import files
from threetargets.data import fetch
from threetargets.data.download import say
from threetargets.errors import CannotWrite, DataError
from threetargets.metrics.fidelity import Reference

FOLDER = "features"


def path_of(data: str, extractor: str, split: str, n: int) -> Path:
    """Where the statistics of N images of a split lie; `data` is the digest of the split's
    images."""
    key = {
        "data": data,
        "extractor": extractor,
        "split": split,
        "n": n,
        "torch-fidelity": version("torch-fidelity"),
    }
    return (
        fetch.cache()
        / FOLDER
        / f"{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]}.npz"
    )


def reference(
    data: str,
    extractor: str,
    split: str,
    n: int,
    see: Callable[[], Tensor],
    device: torch.device | str = "cpu",
) -> Reference:
    """The reference from the cache, or else from `see()`, features (N, F). A cache that cannot be
    written is done without, and said so."""
    path = path_of(data, extractor, split, n)
    arrays = _read(path, n)
    if arrays is None:
        features = see()
        moments = fid_features_to_statistics(features.double())
        arrays = {"features": features.numpy(), **moments}
        try:
            files.write_arrays(path, **arrays, digest=_digest(arrays))
        except CannotWrite as error:
            say(f"{error}: the features of split {split} are not kept")
    moments = {"mu": arrays["mu"], "sigma": arrays["sigma"]}
    return Reference(torch.from_numpy(arrays["features"]).double(), split, moments, device)


def _digest(arrays: dict[str, np.ndarray]) -> np.ndarray:
    sha = hashlib.sha256()
    for name in ("features", "mu", "sigma"):
        sha.update(f"{name}{arrays[name].dtype.str}{arrays[name].shape}".encode())
        sha.update(np.ascontiguousarray(arrays[name]).tobytes())
    return np.frombuffer(sha.digest(), np.uint8)


def _read(path: Path, n: int) -> dict[str, np.ndarray] | None:
    if not path.exists():
        return None
    try:
        arrays = files.read_arrays(path)
        kept = arrays.pop("digest", None)
        whole = set(arrays) == {"features", "mu", "sigma"} and arrays["features"].shape[:1] == (n,)
        if kept is not None and whole and np.array_equal(_digest(arrays), kept):
            return arrays
    except (DataError, OSError):
        pass
    say(f"{path}: damaged; made again")
    return None
