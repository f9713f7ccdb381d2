"""The command line: one thin subcommand for each stage. A user's mistake is one line and an exit
code of its own."""

from __future__ import annotations

import errno
import math
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from threetargets.errors import CannotWrite, ConfigError, MissingInput, UserError

if TYPE_CHECKING:
    from threetargets.pipeline.cells import Run
    from threetargets.study.schema import Study

# Nothing here sends usage data anywhere; libraries that would, and any process that a stage starts,
# are told not to.
SILENCE = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
UNWRITABLE = (
    errno.EACCES,
    errno.EPERM,
    errno.ENOSPC,
    errno.EROFS,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENOTDIR,
    errno.EISDIR,
)
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=(
        "x0, eps or score? The stages of the study, one subcommand each. `snakemake "
        "--cores all` runs them all."
    ),
    epilog=(
        "Exit codes: 2 parameters, 3 damaged data, 4 missing input, 5 cannot write, 6 "
        "diverged, 7 records disagree, 75 saved and resumable."
    ),
)
track = typer.Typer(no_args_is_help=True, help="Mirror the study's records to MLflow.")
app.add_typer(track, name="track")

Params = Annotated[str, typer.Option("--params", help="parameter file of the study")]
Cell = Annotated[str, typer.Option("--cell", help="cell of the grid, for example ddpm_eps_native")]
Seed = Annotated[int, typer.Option("--seed", help="one of the study's seeds")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="processor threads of this job")]


def _limit_threads(threads: int) -> None:
    """Before torch is imported: more OpenMP threads than cores make training many times slower."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    import torch

    torch.set_num_threads(threads)


def _found(params: str, cell: str, seed: int, stage: str) -> tuple[Study, Run]:
    """The study, and its run of that cell and seed that the stage is for. Raises ConfigError."""
    from threetargets import study
    from threetargets.pipeline import jobs

    chosen = study.load(params)
    return chosen, jobs.find_run(chosen, cell, seed, jobs.runs_of(chosen, stage))


@app.command()
def prepare(params: Params = "params.yaml") -> None:
    """Read or fetch the data, check its digest, and write the splits."""
    from threetargets import study
    from threetargets.stages import prepare as stage

    stage.run(study.load(params), params=params)


@app.command()
def train(
    cell: Cell,
    seed: Seed,
    params: Params = "params.yaml",
    threads: Threads = 1,
    keep_failed: Annotated[
        bool,
        typer.Option(
            "--keep-failed",
            help="write a diverging model as a failed cell and exit 0 (the pipeline does)",
        ),
    ] = False,
    budget_seconds: Annotated[
        float, typer.Option(help="save and exit with code 75 after so long")
    ] = math.inf,
) -> None:
    """Train one model or classifier (cells guide and judge); goes on from its checkpoint."""
    from threetargets.training import launch

    chosen, run = _found(params, cell, seed, "train")
    if chosen.processes > 1 and not launch.launched():
        sys.exit(launch.together(chosen.processes, max(1, threads // chosen.processes)))
    _limit_threads(threads)
    from threetargets.stages import train as stage

    stage.run(
        chosen, run, params=params, threads=threads, keep_failed=keep_failed, budget=budget_seconds
    )


@app.command()
def sample(
    cell: Cell,
    seed: Seed,
    guidance: Annotated[str, typer.Option(help="none, classifier or classifier-free")] = "none",
    params: Params = "params.yaml",
    threads: Threads = 1,
    gamma: Annotated[
        str, typer.Option(help="this gamma alone, as a shard that `gather` puts in its place")
    ] = "",
    shard: Annotated[str, typer.Option(help="K/N: the K-th of N shards of that gamma")] = "",
) -> None:
    """Draw the samples of one model under one guidance, for every gamma; or one shard of one
    gamma."""
    chosen, run = _found(params, cell, seed, "sample")
    if shard and not gamma:
        raise ConfigError(f"--shard {shard}: a shard is of one gamma; name it with --gamma")
    _limit_threads(threads)
    from threetargets.stages import sample as stage
    from threetargets.stages import scatter

    if gamma:
        number, shards = scatter.parse(shard or "1/1")
        scatter.shard(chosen, run, guidance, gamma, number, shards, params=params, threads=threads)
    else:
        stage.run(chosen, run, guidance, params=params, threads=threads)


@app.command()
def gather(
    cell: Cell,
    seed: Seed,
    gamma: Annotated[str, typer.Option(help="the gamma whose shards were drawn")],
    shards: Annotated[int, typer.Option(min=1, help="N of the --shard K/N that were drawn")],
    guidance: Annotated[str, typer.Option(help="none, classifier or classifier-free")] = "none",
    params: Params = "params.yaml",
) -> None:
    """Put the shards of a gamma together: the files that one `sample` would have written."""
    from threetargets.stages import scatter

    chosen, run = _found(params, cell, seed, "sample")
    scatter.gather(chosen, run, guidance, gamma, shards)


@app.command()
def likelihood(
    cell: Cell, seed: Seed, params: Params = "params.yaml", threads: Threads = 1
) -> None:
    """Measure the bound of one model on the test split, part by part."""
    chosen, run = _found(params, cell, seed, "likelihood")
    _limit_threads(threads)
    from threetargets.stages import likelihood as stage

    stage.run(chosen, run, params=params, threads=threads)


@app.command()
def evaluate(cell: Cell, seed: Seed, params: Params = "params.yaml", threads: Threads = 1) -> None:
    """Measure FID, KID, precision, recall, accuracy and entropy of one model's samples (cell data:
    the floor)."""
    chosen, run = _found(params, cell, seed, "evaluate")
    _limit_threads(threads)
    from threetargets.stages import evaluate as stage

    stage.run(chosen, run, params=params, threads=threads)


@app.command()
def experiment(
    cell: Cell, seed: Seed, params: Params = "params.yaml", threads: Threads = 1
) -> None:
    """Run one seed of an experiment, which --cell names: a question that needs no grid of
    cells."""
    chosen, run = _found(params, cell, seed, "experiment")
    _limit_threads(threads)
    from threetargets.stages import experiment as stage

    stage.run(chosen, run, params=params, threads=threads)


@app.command()
def fidelity(
    first: Annotated[
        str, typer.Argument(metavar="IMAGES", help="SOURCE:train, SOURCE:test or an .npz file")
    ],
    second: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="likewise; for example cifar10:test")
    ],
    images: Annotated[
        int, typer.Option("--images", min=0, help="drawn at random from each set; 0: all")
    ] = 0,
    levels: Annotated[
        int, typer.Option("--levels", min=2, max=256, help="grey levels of an .npz file")
    ] = 256,
    inception: Annotated[
        str | None, typer.Option("--inception", help="file of Inception's weights")
    ] = None,
    mirror: Annotated[
        str | None, typer.Option("--mirror", help="folder or http address of data and weights")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda")] = "auto",
    threads: Threads = 1,
) -> None:
    """FID, KID, precision and recall of two sets of images on Inception's features, without a
    study."""
    _limit_threads(threads)
    from threetargets.stages import compare as stage

    for figure in stage.run(first, second, images, levels, inception, mirror, device):
        error = "" if figure.stderr is None else f" ± {figure.stderr:.2g}"
        value = "none" if figure.value is None else f"{figure.value:.4f}"
        facts = f"n = {figure.n}  reference {figure.reference}  {figure.extractor}"
        print(f"{figure.metric:13} {value}{error}  {facts}  ({figure.spread})")


@app.command()
def calibrate(
    out: Annotated[
        str, typer.Option("--out", help="folder for calibration.json and index.html")
    ] = ("reports/calibration"),
    threads: Threads = 1,
    keep_failed: Annotated[
        bool,
        typer.Option(
            "--keep-failed",
            help="exit 0 although something disagrees: the page says so (the pipeline does)",
        ),
    ] = False,
) -> None:
    """Run the estimators on densities that are known: expected and measured values, and the errata
    of the notes."""
    from pathlib import Path

    _limit_threads(threads)
    from threetargets.stages import calibrate as stage

    stage.run(Path(out), threads=threads, keep_failed=keep_failed)


@app.command()
def identities(params: Params = "params.yaml") -> None:
    """Write down what the numbers of each job depend on; DVC compares these files (Snakemake runs
    it by the way)."""
    from threetargets import study
    from threetargets.stages import identities as stage

    stage.run(study.load(params))


@app.command()
def schema() -> None:
    """Print the JSON schema of a parameter file, by which editors complete and check its keys."""
    from threetargets import study

    print(study.json_schema(), end="")


@app.command()
def report(params: Params = "params.yaml") -> None:
    """Write the report from the records of the study."""
    from threetargets import study
    from threetargets.stages import report as stage

    print(f"The report: {stage.run(study.load(params))}")


@app.command()
def doctor(
    params: Params = "params.yaml",
    slurm: Annotated[
        bool, typer.Option("--slurm", help="the study is to run by the Slurm profile")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="one JSON object a check, for scripts")
    ] = False,
) -> None:
    """Check machine, data, disk, MLflow and Slurm before the study starts; exit code 4 where
    something is missing."""
    import json
    from dataclasses import asdict

    from threetargets import doctor, study

    findings = doctor.examine(study.load(params), slurm)
    print(
        json.dumps([asdict(one) for one in findings], indent=1)
        if as_json
        else doctor.table(findings)
    )
    if any(one.state == "failed" for one in findings):
        raise typer.Exit(MissingInput.exit_code)


@app.command()
def estimate(params: Params = "params.yaml") -> None:
    """Say what a study will take: GPU or core hours, disk, download. Snakemake calls it before the
    first job."""
    _limit_threads(1)
    from threetargets import study
    from threetargets.doctor import hours

    print("\n".join(hours.lines(study.load(params))))


@track.command("init")
def track_init(params: Params = "params.yaml") -> None:
    """Create the tracking store and the experiment, once, before anything runs in parallel."""
    from threetargets import study, tracking

    tracking.init(study.load(params))


@track.command("sync")
def track_sync(params: Params = "params.yaml") -> None:
    """Bring the store up to date with the records: nothing lost, nothing twice."""
    from threetargets import study, tracking

    tracking.sync(study.load(params))


def _say(line: str) -> None:
    """One line on stderr, which may itself be on a full disk: then the exit code has to say it."""
    try:
        print(f"threetargets: {line}", file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123  the old one would fail again at the exit


def main() -> None:
    for variable, value in SILENCE.items():
        os.environ.setdefault(variable, value)
    try:
        app()
    except UserError as error:
        from threetargets.training import launch

        if launch.first():
            _say(str(error))
        launch.leave(error.exit_code)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _say(f"{error.filename or 'file'}: {error.strerror or error}")
        sys.exit(CannotWrite.exit_code)
