"""Stands in for the command line: writes the files that pipeline/jobs.py names for a job, with its
identity as content.

STUB_FAIL=<stage>/<cell>/<seed> makes that job fail, STUB_WAIT=<stage>/<cell>/<seed> makes it hang,
STUB_LOG=<file> gets a line for each call.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from threetargets import study
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.stages import identities

parser = argparse.ArgumentParser()
parser.add_argument("stage")
parser.add_argument("action", nargs="?")
parser.add_argument("--params")
parser.add_argument("--out", default="")
parser.add_argument("--cell", default="")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--guidance", default="")
parser.add_argument("--threads")
parser.add_argument("--keep-failed", action="store_true")
call = parser.parse_args()
name = f"{call.stage}/{call.cell}/{call.seed}"

if os.environ.get("STUB_LOG"):
    with Path(os.environ["STUB_LOG"]).open("a") as log:
        print(*sys.argv[1:], file=log)
if os.environ.get("STUB_FAIL") == name:
    raise SystemExit(f"{name} was told to fail")
if os.environ.get("STUB_WAIT") == name:
    time.sleep(600)

if call.stage == "calibrate":  # of no study
    Path(call.out).mkdir(parents=True, exist_ok=True)
    for file in ("calibration.json", "index.html"):
        (Path(call.out) / file).write_text("{}")
    raise SystemExit(0)

if call.stage == "index":  # of all studies
    for path in paths.index():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    raise SystemExit(0)

chosen = study.load(call.params)
run = Run(call.cell, call.seed) if call.cell else None
listed = {(job.stage, job.run, job.guidance): job for job in jobs.jobs(chosen)}
job = listed.get((call.stage, run, call.guidance))
outputs = list(job.outputs) if job else []
known = ""
if call.stage == "identities":
    identities.run(chosen)
elif call.stage == "track" and call.action == "init":
    outputs = [paths.results(chosen) / "tracking-init.json"]
elif job and call.stage != "track":
    known = identity(chosen, call.stage, run, call.guidance)
for path in outputs:
    if not path.suffix:  # the folder of the report's figures
        path.mkdir(parents=True, exist_ok=True)
        path /= "contents.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"state": "complete", "reason": "", "identity": known}))
