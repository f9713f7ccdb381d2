"""Whether a Slurm cluster answers, and how Snakemake may ask it for the state of jobs.

The plugin asks sacct wherever that command exists. Where accounting is off, every question fails
without a word and Snakemake waits for ever for jobs that have finished; squeue is the right status
command there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import yaml

from threetargets.doctor.finding import Finding

PROFILE = Path("workflow/profiles/slurm")
SECONDS = 10
LEAST_AGE = 300  # MinJobAge: below three times the plugin's first wait it goes back to sacct


def _ask(*command: str) -> tuple[bool, str]:
    """Whether the command succeeded, and its output, or why not in one line."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, f"no answer within {SECONDS} s"
    except OSError as error:
        return False, str(error.strerror)
    if done.returncode:
        return False, (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
    return True, done.stdout


def profile_command() -> str:
    """The slurm-status-command of the repository's Slurm profile, or an empty string."""
    for name in ("profile.yaml", "config.yaml"):
        path = PROFILE / name
        if path.exists():
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
            return str(values.get("slurm-status-command", "")) if isinstance(values, dict) else ""
    return ""


def check(wanted: bool, gpu: bool) -> list[Finding]:
    """What there is to say of Slurm; nothing of it stops a study that is not `wanted` there. `gpu`:
    it needs GPUs."""
    if not shutil.which("sinfo"):
        if wanted:
            todo = "load the site's Slurm module, or run without --slurm: snakemake --cores all"
            return [Finding("slurm", "failed", "no sinfo on PATH", todo)]
        return [Finding("slurm", "ok", "not on this machine (only the Slurm profile needs it)")]
    found = _cluster(gpu)
    return (
        found
        if wanted
        else [replace(one, state="warning") if one.state == "failed" else one for one in found]
    )


def _cluster(gpu: bool) -> list[Finding]:
    answered, said = _ask("sinfo", "--noheader", "--format=%P %a %D %G")
    if not answered:
        todo = (
            "start slurmctld, or ask the site; check SLURM_CONF. Without Slurm: snakemake "
            "--cores all"
        )
        return [Finding("slurm", "failed", f"sinfo: {said}", todo)]
    rows = [line.split() for line in said.splitlines() if len(line.split()) >= 4]
    up = [row[0].rstrip("*") for row in rows if row[1] == "up"]
    gpus = [row[0].rstrip("*") for row in rows if row[1] == "up" and "gpu" in row[3]]
    found = [_partitions(up, gpus, gpu)]
    accounting, why = _ask("sacct", "--noheader", "--allocations", "--starttime=now-1minutes")
    command = "sacct" if accounting else "squeue"
    said = "accounting answers" if accounting else f"accounting does not answer (sacct: {why})"
    said += f": slurm-status-command: {command}"
    chosen = profile_command()
    if not accounting and chosen != "squeue":
        state = f"the profile says {chosen}" if chosen else "the default is sacct"
        todo = (
            f"set slurm-status-command: squeue in {PROFILE}, or Snakemake waits for ever "
            "for jobs that have finished"
        )
        found.append(Finding("slurm status", "failed", f"{said}; {state}", todo))
    else:
        found.append(
            Finding(
                "slurm status", "ok", said + (f" (the profile says {chosen})" if chosen else "")
            )
        )
    if command == "squeue" or chosen == "squeue":
        found += _age()
    return found


def _partitions(up: list[str], gpus: list[str], gpu: bool) -> Finding:
    if not up:
        return Finding("slurm", "failed", "no partition is up", "ask the site: sinfo")
    said = (
        f"partitions {', '.join(sorted(set(up)))}; with GPUs: "
        f"{', '.join(sorted(set(gpus))) or 'none'}"
    )
    if gpu and not gpus:
        return Finding(
            "slurm",
            "failed",
            said,
            "device: cuda needs a partition with GPUs; use device: cpu or ask the site",
        )
    return Finding("slurm", "ok", said)


def _age() -> list[Finding]:
    answered, said = _ask("scontrol", "show", "config")
    age = re.search(r"^MinJobAge\s*=\s*(\d+)", said, re.MULTILINE) if answered else None
    if age and int(age[1]) < LEAST_AGE:
        todo = (
            f"ask the site for MinJobAge={LEAST_AGE}, or keep "
            f"seconds-between-status-checks well below {age[1]}"
        )
        return [
            Finding(
                "slurm jobs", "warning", f"squeue forgets jobs {age[1]} s after their end", todo
            )
        ]
    return []
