"""What a stage says of its work: one JSON record, with the figures that go into the tables, tidy.

The report, the tracking mirror and the tables read these records and nothing else.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threetargets.pipeline.cells import Run, parse
from threetargets.pipeline.digest import code_digest

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch-fidelity",
    "mlflow-skinny",
    "snakemake",
)


@dataclass(frozen=True)
class Figure:
    """One number with its uncertainty. `stderr` is over what `spread` says; `n` is the number of
    things averaged; `quantity` is the metric without the unit that its name ends with. One without
    a value has failed, for this `reason`."""

    metric: str
    value: float | None
    stderr: float | None = None
    n: int | None = None
    spread: str = ""
    reference: str = ""
    extractor: str = ""
    guidance: str = ""
    gamma: str = ""
    quantity: str = ""
    reason: str = ""


@dataclass
class Record:
    """The result of one stage for one run. `status` is ok or failed; `reason` says why it
    failed."""

    stage: str
    study: str
    cell: str
    seed: int
    identity: str
    guidance: str = ""
    status: str = "ok"
    reason: str = ""
    seconds: float = 0.0
    figures: list[Figure] = field(default_factory=list)
    curves: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Record:
        return cls(**{**values, "figures": [Figure(**f) for f in values["figures"]]})

    @property
    def run(self) -> Run:
        return Run(parse(self.cell), self.seed)


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def provenance(stage: str, data_digest: str, device: str, threads: int) -> dict[str, Any]:
    """Commit, code digest, data digest, packages, processor: what a rerun has to hold fixed."""
    return {
        "commit": _git("rev-parse", "HEAD") or os.environ.get("THREETARGETS_COMMIT", ""),
        "modified": bool(
            _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":/!reports")
        ),
        "code_digest": code_digest(stage),
        "data_digest": data_digest,
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": device,
        "threads": threads,
    }
