"""The benchmark runs: rates of all that is here, and a row that says so of what is not."""

import csv
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_row_has_ours_the_peer_s_and_the_limit(tmp_path):
    out = tmp_path / "results.csv"
    command = [sys.executable, "-m", "benchmarks", "--out", str(out), "--device", "cpu"]
    sizes = ["--seconds", "0.01", "--sampled", "4", "--batch", "4", "--only", "likelihood"]
    done = subprocess.run(
        command + sizes,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert row["work"] == "likelihood U-Net" and row["threads"] == "1"
    ours, peer, limit = (float(row[name]) for name in ("ours", "peer", "limit"))
    assert 0 < ours < 1e5 and 0 < peer < 1e5 and 0 < limit < 1e5
    assert abs(float(row["ratio_to_peer"]) - ours / peer) < 0.02 + 0.1 / peer
    assert "diffusers" in row["versions"] and "torch" in row["versions"]
