"""Train one model: weights.safetensors, train.json, train.jsonl; or the record of why it could not
be trained."""

from __future__ import annotations

import contextlib
import math
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from threetargets.data.read import load_manifest, load_split, load_training
from threetargets.errors import Diverged
from threetargets.families import spec_of, training_of
from threetargets.families.build import build, model_part, parameters
from threetargets.files import write, write_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import work_dir
from threetargets.pipeline.paths import run_dir
from threetargets.pipeline.records import Figure
from threetargets.stages.common import Clock, device_of
from threetargets.streams import generator
from threetargets.study.schema import Study
from threetargets.tracking import Live, read
from threetargets.training.lock import hold
from threetargets.training.loop import Trained, train
from threetargets.weights import Kept, write_weights


def run(
    study: Study,
    run: Run,
    *,
    params: str,
    threads: int,
    keep_failed: bool = False,
    budget: float = math.inf,
) -> None:
    """Train the run and publish it. A diverging model raises Diverged; with `keep_failed` its
    failed record is the result.

    The last checkpoint stays until the report is written: an engine that is killed before it has
    noted the end of this job deletes its outputs, and then the last interval is trained again, not
    the whole.
    """
    manifest = load_manifest(study)
    clock = Clock("train", study, run, params, manifest, threads)
    folder, work = run_dir(study, run), work_dir(study, run)
    (data, resample), validation = load_training(study), load_split(study, "validation")
    model = build(study, manifest, run)
    accelerator = Accelerator(cpu=device_of(study).type == "cpu")
    family = model_part(run.cell)
    family.ready(study, model, accelerator.device)
    size = parameters(model)
    labels = family.labels(study, manifest, run, data.labels)

    def validate(average: nn.Module) -> float:
        return _loss(average, validation.images, validation.labels, accelerator.device)

    def fit() -> Trained:
        return train(
            model,
            data.images,
            labels,
            training_of(study, run.cell),
            name=f"{run.cell} seed {run.seed}",
            seed=run.seed,
            identity=clock.record.identity,
            folder=work,
            validate=validate,
            accelerator=accelerator,
            resample=resample,
            budget=budget,
            keep=spec_of(run.cell).kept(study, run.cell),
        )

    if not accelerator.is_main_process:
        with contextlib.suppress(
            *[Diverged] * keep_failed
        ):  # the first process writes what came of it
            fit()
        return
    with hold(work):
        journal = work / "journal.jsonl"
        live = Live(study, run, clock.record.identity, journal)
        try:
            trained = fit()
        except Diverged as error:
            (work / "checkpoint.safetensors").unlink(missing_ok=True)
            if not keep_failed:
                raise
            print(f"{error}: recorded as a failed cell", file=sys.stderr)
            _publish(folder, {}, {}, journal)
            clock.record.curves = curves(journal)
            write_json(folder / "train.json", clock.failed(str(error)).json())
            journal.unlink(missing_ok=True)
            return
        finally:
            live.close(timeout=10)
        _publish(folder, trained.weights, trained.kept, journal)
        model = build(study, manifest, run).to(accelerator.device)
        model.load_state_dict(trained.weights)
        model.eval()
        figures = [
            Figure("parameters", size),
            Figure("train_seconds", trained.seconds),
            Figure("train_images_per_second", trained.images / trained.seconds),
            Figure(
                "validation_loss", validate(model), n=len(validation.images), reference="validation"
            ),
        ]
        splits = {"validation": validation, "test": load_split(study, "test")}
        figures += family.scores(model, splits, accelerator.device)
        clock.record.curves = curves(journal)
        write_json(folder / "train.json", clock.done(figures).json())


def _publish(folder: Path, weights: dict[str, Tensor], kept: Kept, journal: Path) -> None:
    """The journal and the weights beside the record. A failed run has a weights file without
    weights."""
    text = journal.read_bytes() if journal.exists() else b""
    write(folder / "train.jsonl", lambda file: file.write(text))
    write_weights(folder / "weights.safetensors", weights, kept)


def curves(journal: Path) -> dict[str, dict[str, list[float]]]:
    """Loss and validation loss over steps."""
    rows = read(journal)
    by_name: dict[str, dict[str, list[float]]] = {
        "loss": {"step": [], "train": []},
        "validation": {"step": [], "value": []},
    }
    for row in rows:
        for metric, curve, column in (
            ("loss", "loss", "train"),
            ("validation_loss", "validation", "value"),
        ):
            if metric in row["metrics"]:
                by_name[curve]["step"].append(row["step"])
                by_name[curve][column].append(row["metrics"][metric])
    return by_name


@torch.no_grad()
def _loss(
    model: nn.Module, images: Tensor, labels: Tensor, device: torch.device, batch: int = 500
) -> float:
    """The mean loss over a split, its noise the same at every call."""
    total = 0.0
    for index, start in enumerate(range(0, len(images), batch)):
        rows = slice(start, start + batch)
        part = model(
            images[rows].to(device),
            labels[rows].to(device),
            generator(0, "validation", index, device=device),
        )
        total += float(part) * len(images[rows])
    return total / len(images)
