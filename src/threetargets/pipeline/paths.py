"""Where a study keeps what it writes.

results/<study>/data/{train,validation,test}.npz, manifest.json
results/<study>/runs/<cell>/seed<k>/weights.safetensors, train.json, train.jsonl
results/<study>/runs/<cell>/seed<k>/samples/<guidance>/gamma<g>.npz, gamma<g>.json, sample.json
results/<study>/runs/<cell>/seed<k>/likelihood.json, evaluate.json
results/<study>/runs/<experiment>/seed<k>/experiment.json, experiment.npz
results/<study>/identities/<stage>/<cell>-seed<k>[-<guidance>].json
results/<study>/calibration/calibration.json, index.html
results/<study>/tracking-init.json, tracking.json
reports/<study>/index.html, report.md, metrics.csv, metrics.json, calibration.html, setting.json,
                                     figures/
reports/index.html, report.md, figures/                            of all studies
work/<identity>/                     checkpoints and journal of a training that is not finished
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Protocol

from threetargets.study.schema import Study

REPORT = (
    *("index.html", "report.md", "metrics.csv", "metrics.json", "calibration.html"),
    *("setting.json", "figures"),
)
REPORTS = Path("reports")
READ_ACROSS = ("metrics.csv", "setting.json")
"""What the page across studies reads of each report; and its provenance, written with them."""


class Placed(Protocol):
    """What names a folder: a run, or a pattern in the place of one."""

    @property
    def cell(self) -> str: ...

    @property
    def seed(self) -> int | str: ...


def results(study: Study) -> Path:
    return Path("results") / study.study


def reports(study: Study) -> Path:
    return REPORTS / study.study


def data_dir(study: Study) -> Path:
    return results(study) / "data"


def run_dir(study: Study, run: Placed) -> Path:
    return Path("results", study.study, "runs", run.cell, f"seed{run.seed}")


def sample_dir(study: Study, run: Placed, guidance: str) -> Path:
    return run_dir(study, run) / "samples" / guidance


def data(study: Study) -> tuple[Path, ...]:
    """The splits of the data, after their manifest; none of a study without cells."""
    return _split(data_dir(study)) if study.cells else ()


@functools.lru_cache(maxsize=16)
def _split(folder: Path) -> tuple[Path, ...]:
    names = ("manifest.json", "train.npz", "validation.npz", "test.npz")
    return tuple(folder / name for name in names)


def trained(study: Study, run: Placed) -> tuple[Path, ...]:
    """The weights, the record and the journal of a training."""
    names = ("weights.safetensors", "train.json", "train.jsonl")
    return tuple(run_dir(study, run) / name for name in names)


def sampled(study: Study, run: Placed, guidance: str, gamma: str) -> tuple[Path, Path]:
    """Images and record of one sample set."""
    folder = sample_dir(study, run, guidance)
    return folder / f"gamma{gamma}.npz", folder / f"gamma{gamma}.json"


def experiment(study: Study, run: Placed) -> tuple[Path, Path]:
    """The record of one seed of an experiment, and the arrays of its pictures."""
    folder = run_dir(study, run)
    return folder / "experiment.json", folder / "experiment.npz"


def tracking(study: Study) -> Path:
    return results(study) / "tracking.json"


def calibration(study: Study) -> tuple[Path, ...]:
    folder = results(study) / "calibration"
    return folder / "calibration.json", folder / "index.html"


def report(study: Study) -> tuple[Path, ...]:
    return tuple(reports(study) / name for name in REPORT)


def index() -> tuple[Path, Path]:
    """The page across studies, and the same in Markdown."""
    return REPORTS / "index.html", REPORTS / "report.md"


def across(study: Study) -> tuple[Path, ...]:
    """What the page across studies reads of this one."""
    return tuple(reports(study) / name for name in READ_ACROSS)


def across_all(study: Study) -> tuple[Path, ...]:
    """And of every report that is there. The same files whichever study asks, once its report is
    written."""
    there = (path for name in READ_ACROSS for path in REPORTS.glob(f"*/{name}"))
    return tuple(sorted({*across(study), *there}))
