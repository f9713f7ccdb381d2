"""What stands beside the pipeline: checks, estimates, and measurements without a study."""

from __future__ import annotations

from typing import Annotated

import typer

from threetargets.cli.app import Params, Threads, app, limit_threads
from threetargets.errors import MissingInput


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
    limit_threads(threads)
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

    limit_threads(threads)
    from threetargets.stages import calibrate as stage

    stage.run(Path(out), threads=threads, keep_failed=keep_failed)


@app.command()
def index(
    reports: Annotated[
        str, typer.Option("--reports", help="folder of the reports, a folder for each study")
    ] = "reports",
    keep_failed: Annotated[
        bool,
        typer.Option(
            "--keep-failed",
            help="exit 0 although a report is damaged: the page says so (the pipeline does)",
        ),
    ] = False,
) -> None:
    """Write the page across studies, from what every report has committed."""
    import sys
    from pathlib import Path

    from threetargets.stages import index as stage

    written, left_out = stage.run(Path(reports))
    damaged = [error for error in left_out if not isinstance(error, MissingInput)]
    for error in left_out:
        if keep_failed or error not in damaged[-1:]:
            print(f"threetargets: left out: {stage.one_line(error)}", file=sys.stderr)
    print(f"The page across studies: {written}")
    if damaged and not keep_failed:
        raise damaged[-1]


@app.command()
def identities(params: Params = "params.yaml") -> None:
    """Write down what the numbers of each job depend on; DVC compares these files (Snakemake runs
    it at its start)."""
    from threetargets import study
    from threetargets.stages import identities as stage

    stage.run(study.load(params))


@app.command()
def dvc(params: Params = "params.yaml") -> None:
    """Write pipelines/<study>/dvc.yaml, by which DVC runs the study of another file than
    params.yaml (for that one: take out of dvc.yaml the stages that its study does not have)."""
    from threetargets import study
    from threetargets.pipeline import dvc_file

    print(f"dvc repro {dvc_file.write(study.load(params), params)}")


@app.command()
def schema() -> None:
    """Print the JSON schema of a parameter file, by which editors complete and check its keys."""
    from threetargets import study

    print(study.json_schema(), end="")


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
def estimate(
    params: Params = "params.yaml",
    assumed: Annotated[
        bool, typer.Option("--assumed", help="at rates of another machine, measuring nothing here")
    ] = False,
) -> None:
    """Say what a study will take: GPU or core hours, disk, download, at rates that are measured
    here in some seconds. Snakemake calls it before the first job."""
    limit_threads(1)
    from threetargets import study
    from threetargets.doctor import hours

    print("\n".join(hours.lines(study.load(params), assumed)))
