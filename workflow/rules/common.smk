# The study, its jobs and their paths, for the rules. Nothing here imports torch or mlflow, but what
# a GPU of this machine is asked for: every job reads this again.
import functools
import gc
import json
import math
import os
import shlex
from pathlib import Path
from types import SimpleNamespace

from snakemake.exceptions import WorkflowError

from threetargets import study
from threetargets.cli import server
from threetargets.errors import UserError
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.identity import identity
from threetargets.study.values import GUIDES

# A plan of thousands of jobs is millions of objects, none of them garbage: looking for it at
# Python's default pace took more than a tenth of the planning time.
gc.set_threshold(1_000_000, 20, 100)


def parameter_file():
    """params.yaml, or the file of --configfile, or of the `configfile:` of a workflow that has this
    one as a module; relative to the working directory."""
    if workflow.config_settings.config:
        raise WorkflowError(
            "--config is not used: name a parameter file with --configfile, or edit params.yaml"
        )
    given = list(workflow.overwrite_configfiles or workflow.configfiles) or ["params.yaml"]
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

# Whether jobs run on other machines than this one: only there do they have a time limit, and a GPU
# that this one lacks.
IN_CLUSTER_JOB = workflow.remote_exec
CLUSTER = IN_CLUSTER_JOB or workflow.resource_settings.nodes is not None
GPU_HERE = os.path.exists(os.path.join(os.sep, "dev", "nvidia0"))
GPU = int(STUDY.device == "cuda" or (STUDY.device == "auto" and (GPU_HERE or CLUSTER)))
THREADS = (
    4 if GPU else 1
)  # on the CPU models are small: two trainings side by side beat one on two cores
MEMORY = 16000 if GPU else 2500

# Whether jobs are forked from one process that has torch imported: docs/engines.md, Starts.
FORKED = THREADS == 1 and not CLUSTER

# Of the card, MB: an eighth of one with 80 GB. `gpu` counts jobs that share a card, on this machine
# as many as --resources gpu=N lets; gpu_mb bounds them by memory where --resources gpu_mb=M says
# what there is. Slurm is not asked for it.
CARD = 10000 * GPU


@functools.cache
def card_of_training():
    """What the study's largest training takes, by `doctor`'s estimate; it loads torch."""
    if not GPU or CLUSTER:
        return CARD * STUDY.processes
    from threetargets.data import sources
    from threetargets.doctor.card import needed

    return math.ceil(needed(STUDY, sources.find(STUDY.data.name)) / 1e6) * STUDY.processes


# Slurm sends SIGTERM to every process of a job. A shell between Snakemake and the training would
# die of it at once, and Snakemake and the job with it, before the training has saved; so there is
# none.
EXEC = "exec " if IN_CLUSTER_JOB else ""

# Training ends itself after nine tenths of its job's time limit, saved, and the next attempt goes
# on.
BUDGET = " --budget-seconds $(({resources.runtime} * 54))" if IN_CLUSTER_JOB else ""

# On a cluster the profile says how often; a job whose time is up does not begin again in what is
# left of it.
RETRIES = None if CLUSTER else 2

# --set-scatter sweep=N: one job for each gamma and each of N shards, where there is else one for
# all.
SCATTERED = "sweep" in workflow.resource_settings.overwrite_scatter

# A run with wildcards in the place of a cell and a seed, so that paths.py alone knows the paths.
RUN = SimpleNamespace(cell="{cell}", seed="{seed}")
RUN_DIR = paths.run_dir(STUDY, RUN)
TRAINED = paths.trained(STUDY, RUN)
EXPERIMENT = paths.experiment(STUDY, RUN)
SAMPLES = paths.sample_dir(STUDY, RUN, "{guidance}")
SHARD = str(SAMPLES / "shards" / "gamma{gamma}-{scatteritem}")
SHARD_ENDS = (".npz", ".json")

# The one list of what there is to do, and the jobs of runs by what tells them apart.
JOBS = jobs.jobs(STUDY)
OF_STUDY = {job.stage: job for job in JOBS if job.run is None}
OF_RUN = {(job.stage, job.run.cell, job.run.seed, job.guidance): job for job in JOBS if job.run}
DATA = paths.data(STUDY)
CALIBRATION = OF_STUDY["calibrate"].outputs
TRACKING = OF_STUDY["track"].outputs[0]
REPORT = OF_STUDY["report"].outputs
*FILES, FIGURES = REPORT
CALLED = {  # in `snakemake --report`
    "index.html": {"title": "the report", "kind": "page"},
    "report.md": {"title": "the report as text", "kind": "Markdown"},
    "metrics.csv": {"title": "every figure of every record", "kind": "table"},
    "metrics.json": {"title": "bound and FID by cell", "kind": "JSON"},
    "setting.json": {"title": "what the study was set to", "kind": "JSON"},
    "calibration.html": {"title": "calibration on known densities", "kind": "page"},
}
INDEX = OF_STUDY["index"].outputs
READ = OF_STUDY["track"].inputs  # every record, journal, sample set and picture


wildcard_constraints:
    cell="[a-z0-9-]+(_[a-z0-9-]+)*",
    seed="[0-9]+",
    guidance="|".join(("none", *GUIDES)),
    gamma="[0-9.e+-]+?",


def begin():
    """Before the first job: the process from which jobs are forked. And no limit on how many jobs
    start in a second, on this machine: for its sake Snakemake would look at all that is ready a
    second after each look, in one more chain of looks for each job that has ended."""
    if FORKED:
        server.begin()
    if not CLUSTER and hasattr(workflow, "scheduler"):
        workflow.scheduler.job_rate_limiter = None


def job_of(stage, wildcards):
    guidance = wildcards.get("guidance", "")
    return OF_RUN[stage, wildcards.cell, int(wildcards.seed), guidance]


def needs(stage):
    """What a job of this stage reads."""
    return lambda wildcards: job_of(stage, wildcards).inputs


def identity_of(stage):
    """A rule's parameter that changes exactly when its numbers would: the declared fields and the
    code by content."""

    def of(wildcards):
        job = job_of(stage, wildcards)
        return identity(STUDY, stage, job.run, job.guidance)

    return of


def kept(guidance):
    """Images and record of every gamma of a guidance, which stay while a job draws others."""
    labels = jobs.gammas(STUDY, guidance)
    return [update(path) for g in labels for path in paths.sampled(STUDY, RUN, "{guidance}", g)]


def shown(wildcards):
    """Topic and title of a figure or table, as the report has written them down; braces would be
    wildcards."""
    table = wildcards.get("table")
    name = f"{table}.csv" if table else f"{wildcards.figure}.svg"
    entry = json.loads((FIGURES / "contents.json").read_text())[name]
    return {key: text.translate(str.maketrans("{}", "()")) for key, text in entry.items()}


def topic_of(wildcards):
    return shown(wildcards)["topic"]


def labels_of(wildcards):
    kind = "table" if wildcards.get("table") else "figure"
    return {"title": shown(wildcards)["title"], "kind": kind}


def closing_words():
    """Where the report is, and whether MLflow has everything."""
    lines = [f"The report of {STUDY.study}: {REPORT[0]} (all studies: {INDEX[0]})"]
    state = json.loads(TRACKING.read_text()) if TRACKING.exists() else {"state": "complete"}
    if state["state"] != "complete":
        lines.append(
            f"MLflow is incomplete ({state['reason']}). Once it answers: threetargets track"
            f" sync --params {FILE}"
        )
    return "\n".join(lines)
