"""A whole study for real, on very little, while two observers look: Python's audit hooks and, where
it is installed, strace. Nobody outside this machine is asked for or called. Then what DVC has to
say about the results."""

from __future__ import annotations

import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from engines.conftest import Clone, clone, copy

STRACE = (
    "strace",
    "-f",
    "-qq",
    "--seccomp-bpf",
    "-e",
    "trace=execve,connect,sendto,sendmsg,sendmmsg",
    "-o",
)
SLURM = re.compile(r'^(\d+) .*execve\("[^"]*/(?:scontrol|sacct|sinfo|squeue)"')
CALLED = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
PROBE = (
    "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    "s.connect(('192.0.2.1', 9))"
)
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def outside(trace: Path) -> list[str]:
    """Lines of a trace with an address that is not this machine's.

    Slurm's own programs are left out: where they are installed, Snakemake's Slurm plugin calls
    `scontrol` whenever Snakemake starts, and that looks for the controller of the site, by name
    server where there is no slurm.conf.
    """
    found, lines = [], trace.read_text(errors="replace").splitlines()
    slurm = {match[1] for line in lines if (match := SLURM.match(line))}
    for line in lines:
        if line.split()[0] in slurm:
            continue
        addresses = [a or b for a, b in CALLED.findall(line)]
        if any(not a.startswith("127.") and a not in ("::1", "0.0.0.0", "::") for a in addresses):
            found.append(line)
    return found


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The micro study, every stage by Snakemake, then recorded by DVC and committed."""
    tree = clone(tmp_path_factory.mktemp("real") / "tree")
    watched = (*STRACE, str(tree.folder.parent / "trace")) if shutil.which("strace") else ()
    tree.run(*watched, "snakemake", "--cores", "2", "--quiet", "all")
    tree.run("dvc", "commit", "--force", "--quiet")
    tree.commit("Results of micro")
    return tree


def test_the_observers_see_a_call(tmp_path: Path) -> None:
    """Otherwise their silence would mean nothing. The address is of a network that is reserved for
    documentation."""
    probe = Clone(tmp_path / "probe")
    probe.folder.mkdir()
    probe.run(sys.executable, "-c", PROBE)
    assert [line.split()[:2] for line in probe.attempts()] == [["socket.connect", "192.0.2.1"]]


@needs_strace
def test_strace_sees_a_call(tmp_path: Path) -> None:
    probe = Clone(tmp_path)
    probe.run(*STRACE, "trace", sys.executable, "-c", PROBE)
    assert "192.0.2.1" in outside(tmp_path / "trace")[0]


def test_no_python_process_of_the_study_leaves_the_machine(real: Clone) -> None:
    assert (real.folder / "reports/micro/index.html").exists()
    assert real.attempts() == []


@needs_strace
def test_no_process_at_all_leaves_the_machine(real: Clone) -> None:
    trace = real.folder.parent / "trace"
    assert trace.stat().st_size > 0
    assert outside(trace) == []


def test_dvc_asks_for_no_news_and_sends_no_usage_data(real: Clone) -> None:
    for name in ("analytics", "check_update", "autostage"):
        assert real.run("dvc", "config", f"core.{name}").strip() == "false"


def test_a_real_study_is_clean_for_dvc_after_commit(real: Clone) -> None:
    assert "Data and pipelines are up to date." in real.run("dvc", "status")
    assert "Nothing to be done" in real.run("snakemake", "-n")


def test_metrics_are_the_headlines_of_the_report(real: Clone) -> None:
    shown = json.loads(real.run("dvc", "metrics", "show", "--json"))
    found = shown[""]["data"]["reports/micro/metrics.json"]["data"]
    assert found["records"] == {"failed": 0, "missing": 0}
    assert set(found["fid"]) == {"vae", "ddpm_eps_eps-equivalent", "data"}
    record = json.loads((real.folder / "results/micro/runs/vae/seed0/likelihood.json").read_text())
    (bound,) = [f["value"] for f in record["figures"] if f["metric"] == "bound_bpd"]
    assert found["bound_bpd"]["vae"] == pytest.approx(bound)
    assert "bound_bpd.vae" in real.run("dvc", "metrics", "show")
    cells = {name: value for name, value in found["bound_bpd"].items() if value is not None}
    best = min(cells, key=cells.get)
    assert (found["best"]["bound_bpd"], found["best"]["bound_bpd_cell"]) == (cells[best], best)


def test_experiments_are_compared_in_few_columns(real: Clone) -> None:
    columns = ("--drop", ".*", "--keep", "^(Experiment|best|records|sampling.steps)")
    head, _, *rows = real.run("dvc", "exp", "show", "--md", *columns).strip().splitlines()
    best = ["best.bound_bpd", "best.bound_bpd_cell", "best.fid", "best.fid_cell"]
    records = ["records.failed", "records.missing"]
    names = [name.strip() for name in head.strip("|").split("|")]
    assert names == ["Experiment", *best, *records, "sampling.steps"]
    assert {row.split("|")[1].strip() for row in rows} == {"workspace", "main"}


def test_plots_are_drawn_from_the_reports_own_files(real: Clone, tmp_path: Path) -> None:
    real.run("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots" / "index.html").read_text()
    for name in ("bounds.csv", "training.csv", "gamma-fid.csv", "gamma-accuracy.csv"):
        assert name in page


def test_snakemakes_report_shows_every_figure_and_table_under_its_topic(
    real: Clone, tmp_path: Path
) -> None:
    """One that is not there, as after a failed cell, is left out."""
    tree = copy(real, tmp_path / "tree")
    figures = tree.folder / "reports/micro/figures"
    contents = json.loads((figures / "contents.json").read_text())
    assert {name for name in contents if not (figures / name).exists()} == set()
    (figures / "bounds.svg").unlink()
    tree.run("snakemake", "--report", "report.zip", "--quiet", "all")
    with zipfile.ZipFile(tree.folder / "report.zip") as archive:
        page = archive.read("report/report.html").decode()
        names = {Path(name).name for name in archive.namelist()}
    assert set(contents) - names == {"bounds.svg"}
    assert {"index.html", "report.md", "metrics.csv", "calibration.html"} <= names
    for entry in contents.values():
        assert json.dumps(entry["topic"])[1:-1] in page


def test_dag_and_params_say_something(real: Clone) -> None:
    graph = real.run("dvc", "dag", "--mermaid")
    assert "train@vae-0" in graph and "evaluate_floor@0" in graph
    real.edit("params.yaml", "neighbours: 3", "neighbours: 4")
    shown = json.loads(real.run("dvc", "params", "diff", "--json"))
    changed = shown["params.yaml"]["evaluation.neighbours"]
    assert (list(shown), changed["old"], changed["new"]) == (["params.yaml"], 3, 4)
    real.edit("params.yaml", "neighbours: 4", "neighbours: 3")
