"""How long Snakemake plans a study of a thousand cells: `snakemake -n` on a generated one."""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.rows import ROOT, Options, spread

GOAL, ROUNDS = 10.0, 3


def thousand(cells: int) -> str:
    """The smoke study with so many cells, one seed: every cell a variant with a process of its
    own."""
    values = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    first = "ddpm_eps_eps-equivalent"
    values |= {"study": "planned", "seeds": [0]}
    values["cells"] = [first, *(f"{first}_v{k}" for k in range(1, cells))]
    values["diffusion"]["variants"] = {f"v{k}": {"steps": 20 + k} for k in range(1, cells)}
    values["guidance"]["cells"] = []
    text: str = yaml.safe_dump(values, sort_keys=False)
    return text


def planned(folder: Path) -> tuple[float, int]:
    """Processor seconds of one plan, and its jobs. Raises CalledProcessError."""
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--quiet", "rules"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        check=True,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, int(jobs[1]) if jobs else 0


def planning(options: Options) -> dict[str, dict[str, str]]:
    """Processor seconds of a plan beside the goal: of one that is not the first of this code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "study.yaml").write_text(thousand(options.cells), encoding="utf-8")
        planned(folder)  # the digests of the code are kept from here on
        plans = [planned(folder) for _ in range(options.repeats or ROUNDS)]
    seconds, middle = [one for one, _ in plans], statistics.median(one for one, _ in plans)
    row = {"ours": f"{middle:.1f}", "ours_spread": spread(seconds), "unit": "s"}
    row |= {"limit": f"{GOAL:.1f}", "ratio_to_limit": f"{middle / GOAL:.2f}"}
    row["note"] = f"snakemake -n, {plans[0][1]} jobs; the limit is the goal"
    return {f"plan {options.cells:,} cells": row}
