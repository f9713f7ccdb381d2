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
    findings = _cluster(gpu)
    return (
        findings
        if wanted
        else [replace(one, state="warning") if one.state == "failed" else one for one in findings]
    )


def _cluster(gpu: bool) -> list[Finding]:
    answered, facts = _ask("sinfo", "--noheader", "--format=%P %a %D %G")
    if not answered:
        todo = (
            "start slurmctld, or ask the site; check SLURM_CONF. Without Slurm: snakemake "
            "--cores all"
        )
        return [Finding("slurm", "failed", f"sinfo: {facts}", todo)]
    rows = [line.split() for line in facts.splitlines() if len(line.split()) >= 4]
    up = [row[0].rstrip("*") for row in rows if row[1] == "up"]
    gpus = [row[0].rstrip("*") for row in rows if row[1] == "up" and "gpu" in row[3]]
    findings = [_partitions(up, gpus, gpu)]
    accounting, why = _ask("sacct", "--noheader", "--allocations", "--starttime=now-1minutes")
    command = "sacct" if accounting else "squeue"
    facts = "accounting answers" if accounting else f"accounting does not answer (sacct: {why})"
    facts += f": slurm-status-command: {command}"
    chosen = profile_command()
    if not accounting and chosen != "squeue":
        state = f"the profile says {chosen}" if chosen else "the default is sacct"
        todo = (
            f"set slurm-status-command: squeue in {PROFILE}, or Snakemake waits for ever "
            "for jobs that have finished"
        )
        findings.append(Finding("slurm status", "failed", f"{facts}; {state}", todo))
    else:
        findings.append(
            Finding(
                "slurm status", "ok", facts + (f" (the profile says {chosen})" if chosen else "")
            )
        )
    if command == "squeue" or chosen == "squeue":
        findings += _age()
    return findings


def _partitions(up: list[str], gpus: list[str], gpu: bool) -> Finding:
    if not up:
        return Finding("slurm", "failed", "no partition is up", "ask the site: sinfo")
    facts = (
        f"partitions {', '.join(sorted(set(up)))}; with GPUs: "
        f"{', '.join(sorted(set(gpus))) or 'none'}"
    )
    if gpu and not gpus:
        return Finding(
            "slurm",
            "failed",
            facts,
            "device: cuda needs a partition with GPUs; use device: cpu or ask the site",
        )
    return Finding("slurm", "ok", facts)


def _age() -> list[Finding]:
    answered, answer = _ask("scontrol", "show", "config")
    age = re.search(r"^MinJobAge\s*=\s*(\d+)", answer, re.MULTILINE) if answered else None
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
