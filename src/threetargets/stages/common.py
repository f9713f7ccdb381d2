"""What every stage does alike: the device, the accelerator, and the record at the end."""

from __future__ import annotations

import time

import torch

from threetargets.data.read import Manifest
from threetargets.errors import ConfigError
from threetargets.files import read_json
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.paths import run_dir
from threetargets.pipeline.records import Figure, Record, provenance
from threetargets.study.schema import Study


def device_of(study: Study) -> torch.device:
    """`auto` takes the GPU where there is one. Raises ConfigError where `cuda` is asked for and
    missing."""
    if study.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda is asked for and torch finds no GPU; use auto or cpu")
    return torch.device("cuda" if study.device != "cpu" and torch.cuda.is_available() else "cpu")


class Clock:
    """Builds the record of one stage for one run; seconds are counted from its making. One that
    reads no data, without a manifest, runs on the CPU."""

    def __init__(
        self,
        stage: str,
        study: Study,
        run: Run,
        params: str,
        manifest: Manifest | None,
        threads: int,
        guidance: str = "",
    ):
        self.start = time.monotonic()
        more = (f" --guidance {guidance}" if guidance else "") + f" --threads {threads}"
        self.record = Record(
            stage=stage,
            study=study.study,
            cell=run.cell,
            seed=run.seed,
            identity=identity(study, stage, run, guidance),
            guidance=guidance,
            command=(
                f"threetargets {stage} --params {params} --cell {run.cell} --seed {run.seed}{more}"
            ),
            provenance=provenance(
                stage,
                manifest.digest if manifest else "",
                str(device_of(study)) if manifest else "cpu",
                threads,
            ),
        )

    def seconds(self) -> float:
        return time.monotonic() - self.start

    def done(self, figures: list[Figure]) -> Record:
        self.record.figures, self.record.seconds = figures, self.seconds()
        return self.record

    def failed(self, reason: str) -> Record:
        self.record.status, self.record.reason, self.record.seconds = (
            "failed",
            reason,
            self.seconds(),
        )
        return self.record


def failure_of(study: Study, run: Run, stage: str = "train") -> str:
    """Why that stage of the run failed, or an empty string."""
    record = read_json(run_dir(study, run) / f"{stage}.json")
    return "" if record["status"] == "ok" else str(record["reason"])
