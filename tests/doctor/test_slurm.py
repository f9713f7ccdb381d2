"""Slurm by fake commands on PATH: the status command follows whether accounting answers."""

from pathlib import Path

import pytest

from threetargets.doctor import slurm

UP = "echo 'cpu* up 3 (null)'; echo 'gpu up 2 gpu:a100:4'"
DISABLED = "echo 'Slurm accounting storage is disabled' >&2; exit 1"


@pytest.fixture
def commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/local/nothing")
    (tmp_path / "bin").mkdir()

    def make(**bodies):
        for name, body in {"scontrol": "echo 'MinJobAge = 300 sec'", **bodies}.items():
            path = tmp_path / "bin" / name
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)

    return make


def states(wanted=True, gpu=False):
    return {one.check: one for one in slurm.check(wanted, gpu)}


def test_no_slurm(commands):
    assert states(wanted=False)["slurm"].state == "ok"
    assert states()["slurm"].state == "failed"


def test_accounting_answers(commands):
    commands(sinfo=UP, sacct="exit 0")
    found = states()
    assert {one.state for one in found.values()} == {"ok"}
    assert "slurm-status-command: sacct" in found["slurm status"].observed
    assert "with GPUs: gpu" in found["slurm"].observed


def test_accounting_is_off(commands):
    commands(sinfo=UP, sacct=DISABLED)
    found = states()["slurm status"]
    assert found.state == "failed" and "accounting storage is disabled" in found.observed
    assert "slurm-status-command: squeue" in found.todo
    assert states(wanted=False)["slurm status"].state == "warning"


@pytest.mark.parametrize(("said", "state"), [("squeue", "ok"), ("sacct", "failed")])
def test_profile_says_which(commands, said, state):
    commands(sinfo=UP, sacct=DISABLED)
    slurm.PROFILE.mkdir(parents=True)
    Path(slurm.PROFILE, "profile.yaml").write_text(
        f"executor: slurm\nslurm-status-command: {said}\n"
    )
    assert states()["slurm status"].state == state


def test_squeue_forgets(commands):
    commands(sinfo=UP, sacct=DISABLED, scontrol="echo 'MinJobAge               = 30 sec'")
    found = states()["slurm jobs"]
    assert found.state == "warning" and "30 s after" in found.observed


def test_controller_is_down(commands):
    commands(
        sinfo="echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1",
        sacct="exit 0",
    )
    found = states()
    assert (
        found["slurm"].state == "failed"
        and "Unable to contact" in found["slurm"].observed
        and len(found) == 1
    )


def test_controller_hangs(commands, monkeypatch):
    monkeypatch.setattr(slurm, "SECONDS", 0.2)
    commands(sinfo="exec /bin/sleep 5", sacct="exit 0")
    assert "no answer within" in states()["slurm"].observed


def test_partitions(commands):
    commands(sinfo="echo 'cpu* up 3 (null)'; echo 'gpu down 2 gpu:4'", sacct="exit 0")
    assert states(gpu=False)["slurm"].state == "ok"
    assert states(gpu=True)["slurm"].state == "failed"
    commands(sinfo="echo 'cpu* down 3 (null)'", sacct="exit 0")
    assert states()["slurm"].observed == "no partition is up"
