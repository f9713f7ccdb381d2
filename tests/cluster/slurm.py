"""A one-node Slurm of our own, with two GPUs that are none, in a folder and on ports of its own;
without accounting."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

PROGRAMS = (
    "munged",
    "slurmctld",
    "slurmd",
    "sbatch",
    "srun",
    "squeue",
    "scancel",
    "scontrol",
    "sinfo",
)
SEARCH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])

# linuxproc, none and config_overrides do without cgroups and claim more than the machine has.
# MinJobAge keeps finished jobs visible to squeue. A gres without a device file counts as none, so
# two character devices stand in.
CONFIGURATION = """\
ClusterName=toy
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
GresTypes=gpu
MinJobAge=3600
KillWait=20
JobRequeue=1
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname={host} \
    CPUs=8 RealMemory=200000 Gres=gpu:2 State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


class CannotStart(Exception):
    """Slurm is not installed, or does not come up on this machine."""


@dataclass(frozen=True)
class Slurm:
    """A running cluster. `environment` is what its clients need."""

    folder: Path
    environment: dict[str, str]

    def call(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Every job that was ever submitted, its fields by the names of `scontrol show job`."""
        lines = self.call("scontrol", "show", "job", "--oneliner").splitlines()
        return [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in lines
            if "JobId=" in line
        ]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and is not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _stop(pid_file: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        if _alive(pid):
            os.kill(pid, signal.SIGKILL)


def _start(slurm: Slurm, *command: str) -> None:
    """A daemon, which goes to the background by itself."""
    done = subprocess.run(
        command, env=slurm.environment, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise CannotStart(
            f"{Path(command[0]).name} does not start: {(done.stderr or done.stdout).strip()[-300:]}"
        )


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Slurm]:
    """A cluster for as long as the block lasts. Raises CannotStart; stops every daemon and job at
    the end."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]
    if missing:
        raise CannotStart(
            f"not installed: {', '.join(missing)} (Debian packages slurm-wlm and munge)"
        )
    programs = {name: str(shutil.which(name, path=SEARCH)) for name in PROGRAMS}
    for name in ("etc", "run", "log", "state", "spool", "bin"):
        (folder / name).mkdir(mode=0o755, parents=True)
    controller, node = _free_ports(2)
    names = {"user": getuser(), "host": socket.gethostname().split(".")[0], "folder": folder}
    configuration = folder / "etc" / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(controller=controller, node=node, **names))
    (folder / "etc" / "gres.conf").write_text(
        "NodeName=localhost Name=gpu File=/dev/null,/dev/zero\n"
    )
    key = folder / "etc" / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    # The executor takes SLURM_CONF from the environment of a job's step; a real cluster has
    # /etc/slurm/slurm.conf.
    wrapper = folder / "bin" / "srun"
    wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={configuration} exec {programs["srun"]} "$@"\n')
    wrapper.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), SEARCH])
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SLURM_", "SBATCH_"))
    }
    slurm = Slurm(folder, {**kept, "SLURM_CONF": str(configuration), "PATH": path})
    run, log = folder / "run", folder / "log"
    try:
        munge = [f"--key-file={key}", f"--socket={run}/munge.sock", f"--pid-file={run}/munged.pid"]
        munge += [f"--log-file={log}/munged.log", f"--seed-file={run}/munged.seed", "--force"]
        _start(slurm, programs["munged"], *munge)
        _start(slurm, programs["slurmctld"], "-i", "-c", "-f", str(configuration))
        _start(slurm, programs["slurmd"], "-c", "-N", "localhost", "-f", str(configuration))
        _wait_for_the_node(slurm)
        yield slurm
        _end_jobs(slurm)
    finally:
        for name in ("slurmd", "slurmctld", "munged"):
            _stop(run / f"{name}.pid")


def _wait_for_the_node(slurm: Slurm) -> None:
    state = ""
    for _ in range(150):
        with contextlib.suppress(RuntimeError):
            state = slurm.call("sinfo", "--noheader", "--format", "%T").strip()
        if state == "idle":
            return
        time.sleep(0.1)
    raise CannotStart(
        f"the node is {state or 'silent'}: "
        f"{(slurm.folder / 'log/slurmctld.log').read_text()[-500:]}"
    )


def _end_jobs(slurm: Slurm) -> None:
    slurm.call("scancel", "--user", getuser())
    for _ in range(300):
        if not slurm.call("squeue", "--noheader").strip():
            return
        time.sleep(0.1)
