# The study, its grid and its paths, for the rules. Nothing here imports torch or mlflow: every job reads this again.
import json
import os
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError

from threetargets import study
from threetargets.errors import UserError
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline import identity as identities
from threetargets.pipeline.cells import Run
from threetargets.pipeline.digest import code_digest


def parameter_file():
    """params.yaml or the file of --configfile, relative to the working directory where it can be."""
    if workflow.config_settings.config:
        raise WorkflowError(
            "--config is not used: name a parameter file with --configfile, or edit params.yaml"
        )
    given = list(workflow.overwrite_configfiles) or ["params.yaml"]
    if len(given) > 1:
        raise WorkflowError(
            f"--configfile names {len(given)} files; a study is one file, they are not merged"
        )
    path = os.path.relpath(given[0])
    return str(given[0]) if path.startswith("..") else path


def load_study(path):
    try:
        return study.load(path)
    except UserError as error:
        raise WorkflowError(str(error)) from None


PARAMS = parameter_file()
STUDY = load_study(PARAMS)
FILE = shlex.quote(PARAMS).replace("{", "{{").replace("}", "}}")  # for shell commands
LOGS = Path("logs", STUDY.study)

# Whether jobs run on other machines than this one: only there do they have a time limit, and a GPU that this one lacks.
IN_CLUSTER_JOB = workflow.remote_exec
CLUSTER = IN_CLUSTER_JOB or workflow.resource_settings.nodes is not None
GPU_HERE = os.path.exists(os.path.join(os.sep, "dev", "nvidia0"))
GPU = int(STUDY.device == "cuda" or (STUDY.device == "auto" and (GPU_HERE or CLUSTER)))
THREADS = (
    4 if GPU else 1
)  # on the CPU models are small: two trainings side by side beat one on two cores
MEMORY = 16000 if GPU else 2500

# Slurm sends SIGTERM to every process of a job. A shell between Snakemake and the training would die of it at once, and
# Snakemake and the job with it, before the training has saved; so there is none.
EXEC = "exec " if IN_CLUSTER_JOB else ""

# Training ends itself after nine tenths of its job's time limit, saved, and the next attempt goes on.
BUDGET = " --budget-seconds $(({resources.runtime} * 54))" if IN_CLUSTER_JOB else ""

# On a cluster the profile says how often; a job whose time is up does not begin again in what is left of it.
RETRIES = None if CLUSTER else 2

# --set-scatter sweep=N: one job for each gamma and each of N shards, where there is else one for all.
SCATTERED = "sweep" in workflow.resource_settings.overwrite_scatter

# Runs with wildcards in the place of a cell and a seed, so that grid.py alone knows the paths.
RUN = Run("{cell}", "{seed}")
RUN_DIR = paths.run_dir(STUDY, RUN)
NONE_DIR = paths.sample_dir(STUDY, RUN, "none")
GUIDED_DIR = paths.sample_dir(STUDY, RUN, "{guidance}")

SHARD = str(GUIDED_DIR / "shards" / "gamma{gamma}-{scatteritem}")
SHARD_ENDS = (".npz", ".json")

DATA = [
    paths.data_dir(STUDY) / name
    for name in ("manifest.json", *(f"{split}.npz" for split in cells.SPLITS))
]
TRACKING = paths.results(STUDY) / "tracking.json"
CALIBRATION = [
    paths.results(STUDY) / "calibration" / name for name in ("calibration.json", "index.html")
]
REPORT = [
    paths.reports(STUDY) / name
    for name in ("index.html", "report.md", "metrics.csv", "metrics.json", "calibration.html")
]


wildcard_constraints:
    cell="[a-z0-9-]+(_[a-z0-9-]+(_[a-z-]+)?)?",
    seed="[0-9]+",
    guidance="classifier|classifier-free",


def run_of(wildcards):
    return Run(wildcards.cell, int(wildcards.seed))


def identity(stage, guidance=""):
    """A rule's parameter that changes exactly when its numbers would: the declared fields and the code by content."""
    return lambda wildcards: identities.identity(
        STUDY, stage, run_of(wildcards), wildcards.get("guidance", guidance)
    )


def trained(run):
    folder = paths.run_dir(STUDY, run)
    return [folder / "weights.safetensors", folder / "train.json"]


def samples(run, guidance):
    folder = paths.sample_dir(STUDY, run, guidance)
    return [
        *(folder / f"gamma{g}.npz" for g in jobs.gammas(STUDY, guidance)),
        folder / "sample.json",
    ]


def guide(wildcards):
    """Classifier guidance needs the noise-aware classifier of the same seed."""
    return trained(Run("guide", int(wildcards.seed))) if wildcards.guidance == "classifier" else []


def shard(wildcards):
    """2-of-3 as the command line names it: 2/3."""
    return wildcards.scatteritem.replace("-of-", "/")


def shards(folder, guidance):
    """The shards of every gamma, images and records, one pattern each: gather.sweep expands only the first of several."""
    return [
        f"{folder}/shards/gamma{g}-{{scatteritem}}{end}"
        for g in jobs.gammas(STUDY, guidance)
        for end in SHARD_ENDS
    ]


def samples_to_evaluate(wildcards):
    run = run_of(wildcards)
    return (
        []
        if run.model == cells.FLOOR
        else [f for g in jobs.guidances(STUDY, run) for f in samples(run, g)]
    )


def manifolds():
    """Weights that the report draws: of autoencoders with two latents."""
    two = [run for run in jobs.model_runs(STUDY) if run.cell in STUDY.autoencoders]
    return [trained(run)[0] for run in two if STUDY.autoencoder(run.cell).latents == [2]]


def records():
    """Every record and journal of the study: what tracking and report read."""
    found = []
    for run in jobs.trained_runs(STUDY):
        folder = paths.run_dir(STUDY, run)
        found += [folder / "train.json", folder / "train.jsonl"]
    for run in jobs.model_runs(STUDY):
        found += [
            paths.sample_dir(STUDY, run, g) / "sample.json" for g in jobs.guidances(STUDY, run)
        ]
        found += [paths.run_dir(STUDY, run) / "likelihood.json"]
    found += [paths.run_dir(STUDY, run) / "evaluate.json" for run in jobs.measured_runs(STUDY)]
    return found


def sample_sets():
    return [
        f
        for run in jobs.model_runs(STUDY)
        for g in jobs.guidances(STUDY, run)
        for f in samples(run, g)[:-1]
    ]


def closing_words():
    """Where the report is, and whether MLflow has everything."""
    lines = [f"The report of {STUDY.study}: {REPORT[0]}"]
    state = json.loads(TRACKING.read_text()) if TRACKING.exists() else {"state": "complete"}
    if state["state"] != "complete":
        lines.append(
            f"MLflow is incomplete ({state['reason']}). Once it answers: threetargets track sync --params {FILE}"
        )
    return "\n".join(lines)
