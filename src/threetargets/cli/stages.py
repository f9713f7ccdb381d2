"""The stages of the pipeline, one thin subcommand each."""

from __future__ import annotations

import math
import sys
from typing import Annotated

import typer

from threetargets.cli.app import (
    Cell,
    Params,
    Seed,
    Threads,
    app,
    found_run,
    limit_threads,
    track,
    whole_float32,
)
from threetargets.errors import ConfigError


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
    """Train one model or classifier (cells guide, guide_clean, judge); goes on from its
    checkpoint."""
    from threetargets.training import launch

    chosen, run = found_run(params, cell, seed, "train")
    if chosen.processes > 1 and not launch.launched():
        sys.exit(launch.together(chosen.processes, max(1, threads // chosen.processes)))
    limit_threads(threads)
    from threetargets.stages import train as stage

    stage.run(
        chosen, run, params=params, threads=threads, keep_failed=keep_failed, budget=budget_seconds
    )


@app.command()
def sample(
    cell: Cell,
    seed: Seed,
    guidance: Annotated[str, typer.Option(help="none, or a kind of the study")] = "none",
    params: Params = "params.yaml",
    threads: Threads = 1,
    gamma: Annotated[
        str, typer.Option(help="this gamma alone, as a shard that `gather` puts in its place")
    ] = "",
    shard: Annotated[str, typer.Option(help="K/N: the K-th of N shards of that gamma")] = "",
) -> None:
    """Draw the samples of one model under one guidance, for every gamma; or one shard of one
    gamma."""
    chosen, run = found_run(params, cell, seed, "sample")
    if shard and not gamma:
        raise ConfigError(f"--shard {shard}: a shard is of one gamma; name it with --gamma")
    limit_threads(threads)
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
    guidance: Annotated[str, typer.Option(help="none, or a kind of the study")] = "none",
    params: Params = "params.yaml",
) -> None:
    """Put the shards of a gamma together: the files that one `sample` would have written."""
    from threetargets.stages import scatter

    chosen, run = found_run(params, cell, seed, "sample")
    scatter.gather(chosen, run, guidance, gamma, shards)


@app.command()
def likelihood(
    cell: Cell, seed: Seed, params: Params = "params.yaml", threads: Threads = 1
) -> None:
    """Measure the bound of one model on the test split, part by part."""
    chosen, run = found_run(params, cell, seed, "likelihood")
    limit_threads(threads)
    whole_float32()
    from threetargets.stages import likelihood as stage

    stage.run(chosen, run, params=params, threads=threads)


@app.command()
def evaluate(cell: Cell, seed: Seed, params: Params = "params.yaml", threads: Threads = 1) -> None:
    """Measure FID, KID, precision, recall, accuracy and entropy of one model's samples (cell data:
    the floor)."""
    chosen, run = found_run(params, cell, seed, "evaluate")
    limit_threads(threads)
    from threetargets.stages import evaluate as stage

    stage.run(chosen, run, params=params, threads=threads)


@app.command()
def experiment(
    cell: Cell, seed: Seed, params: Params = "params.yaml", threads: Threads = 1
) -> None:
    """Run one seed of an experiment, which --cell names: a question that needs no grid of
    cells."""
    chosen, run = found_run(params, cell, seed, "experiment")
    limit_threads(threads)
    from threetargets.stages import experiment as stage

    stage.run(chosen, run, params=params, threads=threads)


@app.command()
def report(params: Params = "params.yaml") -> None:
    """Write the report from the records of the study."""
    from threetargets import study
    from threetargets.stages import report as stage

    print(f"The report: {stage.run(study.load(params))}")


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
