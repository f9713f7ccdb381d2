"""Checkpoints: everything that a training needs to go on bit for bit, in one safetensors file,
without pickle.

Randomness needs no state: it is a function of (seed, purpose, step). What remains is the model, its
average, Adam's moments, the step, and the loss since the last entry of the journal.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from threetargets.errors import DataError
from threetargets.training.ema import Ema
from threetargets.weights import Kept, fill, named, of_step, read_tensors, write_tensors


@dataclass(frozen=True)
class State:
    """Whose checkpoint it is, steps done, seconds spent, and the sum of `since` losses that the
    journal has yet to see."""

    identity: str
    step: int
    seconds: float
    running: float
    since: int


def save(
    path: Path,
    state: State,
    model: nn.Module,
    ema: Ema,
    optimizer: torch.optim.Optimizer,
    kept: Kept | None = None,
) -> None:
    """Write the checkpoint in one step. Raises CannotWrite."""
    tensors: dict[str, Tensor] = {f"model/{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"ema/{k}": v for k, v in ema.state.items()}
    tensors |= {f"kept/{k}": v for k, v in named(kept or {}).items()}
    for index, entry in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{k}": torch.as_tensor(v) for k, v in entry.items()}
    # A parameter that no loss reaches (the judge sees no noise level) has no moments: the list says
    # which have.
    moments = sorted(optimizer.state_dict()["state"])
    write_tensors(
        path, tensors, {"state": json.dumps(asdict(state)), "moments": json.dumps(moments)}
    )


def restore(
    path: Path,
    identity: str,
    model: nn.Module,
    ema: Ema,
    optimizer: torch.optim.Optimizer,
    kept: tuple[int, ...] = (),
) -> tuple[State, Kept]:
    """Load the checkpoint, and the weights of those steps of `kept` that it has passed. Raises
    DataError where it is damaged or of another identity."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            state, moments = (
                State(**json.loads(metadata["state"])),
                set(json.loads(metadata["moments"])),
            )
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: damaged checkpoint ({error}); delete it to start this training again"
        ) from None
    if state.identity != identity:
        raise DataError(
            f"{path}: checkpoint of run {state.identity}, not of {identity}; delete it to "
            "start again"
        )
    tensors = read_tensors(path)
    fill(model, _part(tensors, "model/"), path)
    try:
        ema.load(_part(tensors, "ema/"))
    except ValueError as error:
        raise DataError(
            f"{path}: damaged checkpoint ({error}); delete it to start this training again"
        ) from None
    entries: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer/").items():
        index, key = name.split("/", 1)
        entries.setdefault(int(index), {})[key] = value
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    whole = all(
        entry.keys() == {"step", "exp_avg", "exp_avg_sq"}
        and entry["exp_avg"].shape == parameters[index].shape
        for index, entry in entries.items()
        if index < len(parameters)
    )
    if not moments or entries.keys() != moments or max(moments) >= len(parameters) or not whole:
        raise DataError(
            f"{path}: damaged checkpoint (Adam's moments are missing); delete it to start this "
            "training again"
        )
    # As the parameters lie in memory: moments of another order would be refused by a fused kernel.
    for which, moment in entries.items():
        for part in ("exp_avg", "exp_avg_sq"):
            moment[part] = torch.empty_like(parameters[which]).copy_(moment[part])
    optimizer.load_state_dict(
        {"state": entries, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    ways = _part(tensors, "kept/")
    weights = {step: of_step(ways, step) for step in kept if step <= state.step}
    if not all(own.keys() == ema.state.keys() for own in weights.values()):
        raise DataError(
            f"{path}: damaged checkpoint (weights kept on the way are missing); delete it to start "
            "this training again"
        )
    return state, weights


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
