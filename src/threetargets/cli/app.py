"""The application, and what its subcommands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from threetargets import memory

if TYPE_CHECKING:
    from threetargets.pipeline.cells import Run
    from threetargets.study.schema import Study

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


def limit_threads(threads: int) -> None:
    """Before torch is imported: more OpenMP threads than cores make training many times slower; and
    freed memory is kept."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    memory.keep()
    import torch

    torch.set_num_threads(threads)


def whole_float32() -> None:
    """For likelihoods: a GPU's convolutions in float32, where cuDNN would round to TF32's ten bits.
    Its matrix products are in float32 anyway, as torch has it."""
    import torch

    torch.backends.cudnn.allow_tf32 = False


def found_run(params: str, cell: str, seed: int, stage: str) -> tuple[Study, Run]:
    """The study, and its run of that cell and seed that the stage is for. Raises ConfigError."""
    from threetargets import study
    from threetargets.pipeline import jobs

    chosen = study.load(params)
    return chosen, jobs.find_run(chosen, cell, seed, jobs.runs_of(chosen, stage))
