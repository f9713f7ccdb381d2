"""A study killed 20 times at random moments ends with the numbers of one that was left alone, bit
for bit."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faults.killed import AWAY, CALL, EVERY, SEED, beginning
from pipeline.conftest import BIN, copy_of_the_pipeline, run_snakemake
from safetensors.torch import load_file

from threetargets import files, study
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.identity import work_dir
from threetargets.tracking import read

KILLS = 20
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGKILL)
CLOCK = ("seconds", "per_second")  # names of figures that measure the machine


@dataclass
class Kill:
    """One attempt at the study, and how it ended."""

    number: int
    signal: str
    after: float
    running: list[str]
    code: int = 0
    resumed: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        resumed = ", ".join(f"{name} after step {step}" for name, step in self.resumed.items())
        what = ", ".join(self.running) or "snakemake alone"
        return (
            f"kill {self.number:2d}  {self.signal:7s} after {self.after:4.1f} s  exit "
            f"{self.code:4d}  {what}" + (f"  (had resumed {resumed})" if resumed else "")
        )


def alive(group: int) -> list[str]:
    """The stages that run in this process group, from their command lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
            if os.getpgid(int(folder.name)) != group or not any(
                w.endswith("/threetargets") for w in words[:2]
            ):
                continue
        except (OSError, ValueError):
            continue
        values = {
            words[i]: words[i + 1] for i in range(len(words) - 1) if words[i].startswith("--")
        }
        stage = next(i for i, w in enumerate(words) if w.endswith("/threetargets")) + 1
        found.append(
            "-".join([words[stage], *(values[k] for k in ("--cell", "--guidance") if k in values)])
        )
    return sorted(found)


def journals(folder: Path, chosen: study.Study) -> dict[str, int]:
    """The last step in the journal of every training that has begun."""
    steps = {}
    for run in jobs.trained_runs(chosen):
        entries = read(folder / work_dir(chosen, run) / "journal.jsonl")
        steps[run.cell] = max((entry["step"] for entry in entries), default=0)
    return steps


def resumed(folder: Path, chosen: study.Study, since: float) -> dict[str, int]:
    """What the training logs written after `since` say: cell, and the step after which it went
    on."""
    found = {}
    for run in jobs.trained_runs(chosen):
        log = folder / "logs" / chosen.study / "train" / f"{run.cell}-seed{run.seed}.log"
        said = re.search(r"goes on after step (\d+)", log.read_text()) if log.exists() else None
        if said and log.stat().st_mtime > since:
            found[run.cell] = int(said[1])
    return found


def finished(folder: Path) -> int:
    return sum(1 for path in (folder / "results").rglob("*.json"))


def attempt(folder: Path, number: int, draw: random.Random, chosen: study.Study) -> Kill:
    """Start the study and kill its whole process group: at any moment of its start; or some while
    after a training has gone on; or after one or two more jobs have finished. Exit code 0: it was
    done before that moment came."""
    fatal, before, ready = draw.choice(SIGNALS), finished(folder), journals(folder, chosen)
    kind = draw.choice(("start", "training", "training", "jobs", "jobs"))
    if all(
        (folder / paths.run_dir(chosen, run) / "train.json").exists()
        for run in jobs.trained_runs(chosen)
    ):
        kind = "jobs" if kind == "training" else kind
    wanted, later = draw.choice((1, 1, 2)), draw.uniform(0.0, 1.0 if kind == "training" else 2.5)
    begun = time.monotonic()
    end = begun + (draw.uniform(0.2, 5.0) if kind == "start" else 60.0)
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    with (folder / "snakemake.out").open("ab") as out:
        running = subprocess.Popen(
            ["snakemake", *CALL],
            cwd=folder,
            env={**os.environ, **AWAY, "PATH": path},
            stdout=out,
            stderr=out,
            start_new_session=True,
            # A shell that starts the tests in the background has SIGINT ignored, and so would these
            # processes.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while time.monotonic() < end and running.poll() is None:
            grown = any(step > ready[cell] for cell, step in journals(folder, chosen).items())
            if (kind == "training" and grown) or (
                kind == "jobs" and finished(folder) >= before + wanted
            ):
                end, kind = min(end, time.monotonic() + later), "now"
            time.sleep(0.02)
        kill = Kill(number, fatal.name, time.monotonic() - begun, alive(running.pid))
        with contextlib.suppress(
            ProcessLookupError
        ):  # it has ended by itself: its exit code says so
            os.killpg(running.pid, fatal)
        try:
            kill.code = running.wait(timeout=60)  # a busy machine takes its time to save
        except subprocess.TimeoutExpired:
            # Snakemake's handler waits for a lock that the scheduler it interrupts may hold.
            kill.signal, kill.code = "SIGKILL", -signal.SIGKILL
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)  # nothing of this attempt outlives it
    return kill


def plain(record: dict) -> dict:
    """A record without what measures the machine or the moment."""
    figures = [f for f in record["figures"] if not f["metric"].endswith(CLOCK)]
    kept = ("stage", "study", "cell", "seed", "identity", "guidance", "status", "reason", "curves")
    return {**{k: record[k] for k in kept}, "figures": figures}


def rows(path: Path) -> list[str]:
    import pandas as pd

    table = pd.read_csv(path, dtype=str).drop(columns="run_id")
    return sorted(map(str, table[~table["metric"].str.endswith(CLOCK)].fillna("").values.tolist()))


def assert_same(one: Path, other: Path) -> dict[str, int]:
    """Every figure, weight, sample and journal of two folders, bit for bit; how many of each were
    compared."""
    counts = {"records": 0, "figures": 0, "weights": 0, "sample sets": 0, "journals": 0}
    names, theirs = (
        {
            str(p.relative_to(folder))
            for p in folder.rglob("*")
            if p.is_file()
            and p.relative_to(folder).parts[1] not in ("calibration", "identities")  # of no run
            and not p.name.startswith("tracking")
        }
        for folder in (one, other)
    )
    assert names == theirs
    for name in sorted(names):
        a, b = one / name, other / name
        if name.endswith("manifest.json"):
            assert a.read_bytes() == b.read_bytes()
        elif name.endswith(".json"):
            left, right = plain(json.loads(a.read_text())), plain(json.loads(b.read_text()))
            assert left == right, name
            counts["records"] += 1
            counts["figures"] += len(left["figures"])
        elif name.endswith(".safetensors"):
            left, right = load_file(a), load_file(b)
            assert left.keys() == right.keys()
            assert all(left[k].numpy().tobytes() == right[k].numpy().tobytes() for k in left), name
            counts["weights"] += 1
        elif name.endswith(".npz"):
            left, right = files.read_arrays(a), files.read_arrays(b)
            assert left.keys() == right.keys()
            assert all(left[k].tobytes() == right[k].tobytes() for k in left), name
            counts["sample sets"] += "samples/" in name
        elif name.endswith(".jsonl"):
            left, right = (
                [(e["step"], e["images"], _losses(e["metrics"])) for e in read(p)] for p in (a, b)
            )
            assert left == right, name
            counts["journals"] += 1
        else:
            raise AssertionError(f"nothing is known of {name}")
    return counts


def _losses(metrics: dict[str, float]) -> dict[str, float]:
    return {k: v for k, v in metrics.items() if not k.endswith(CLOCK)}


def lose(folder: Path, chosen: study.Study, draw: random.Random) -> str:
    """Take away what one model of a finished study has: there is again something to kill. Which one
    it was."""
    run = draw.choice(jobs.model_runs(chosen))
    shutil.rmtree(folder / paths.run_dir(chosen, run))
    return run.cell


@pytest.mark.study
def test_twenty_kills_change_no_number(
    alone: Path, tmp_path: Path, say: Callable[[str], None]
) -> None:
    say("")
    folder, draw = beginning(copy_of_the_pipeline(tmp_path)), random.Random(SEED)
    chosen, kills, lost, attempts = study.load(folder / "study.yaml"), [], [], 0
    while len(kills) < KILLS:
        attempts += 1
        assert attempts <= 3 * KILLS, "the study ends before it can be killed, again and again"
        before, since = journals(folder, chosen), time.time()
        kill = attempt(folder, len(kills) + 1, draw, chosen)
        kill.resumed = resumed(folder, chosen, since)
        lost += [before[cell] - step for cell, step in kill.resumed.items()]
        if kill.code == 0:  # a fast machine needs fewer starts than there are kills
            say(f"done before kill {kill.number}; {lose(folder, chosen, draw)} is taken away again")
            continue
        kills.append(kill)
        say(kill.line())
        if kill.signal == "SIGKILL":  # snakemake could not take its own lock away
            unlocked = run_snakemake(folder, "--unlock", *CALL)
            assert unlocked.returncode == 0, unlocked.stdout
    ended = re.findall(r"non-zero exit status (\d+)", (folder / "snakemake.out").read_text())
    assert not {"2", "3", "4", "5", "6", "7"} & set(ended), (
        "a job took what a kill left for a user's mistake"
    )
    before, since = journals(folder, chosen), time.time()
    done = run_snakemake(folder, *CALL, **AWAY)
    assert done.returncode == 0, done.stdout[-6000:]
    last = resumed(folder, chosen, since)
    lost += [before[cell] - step for cell, step in last.items()]
    counts = assert_same(alone / "results", folder / "results")
    assert rows(alone / "reports/killed/metrics.csv") == rows(folder / "reports/killed/metrics.csv")
    assert list(folder.glob("results/**/.*")) == [], "files that a killed writer left"
    say(
        f"resumed {len(lost)} trainings; steps lost at each: {sorted(lost)} (a checkpoint "
        f"every {EVERY})"
    )
    say("identical: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    assert len(kills) == KILLS and {kill.signal for kill in kills} == {s.name for s in SIGNALS}
    assert lost and max(lost) <= EVERY
    assert counts["figures"] > 50 and counts["weights"] == 6 and counts["sample sets"] == 8
