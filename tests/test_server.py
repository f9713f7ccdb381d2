"""Jobs forked from one process: the same files, words and exit codes as of jobs that start by
themselves, and the same end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from engines.conftest import micro

from threetargets.cli import client, server

COMMAND = str(Path(sys.executable).parent / "threetargets")
CELL = "ddpm_eps_eps-equivalent"
BEGIN = """
import sys, time
from threetargets.cli import server
server.begin()
print(__import__("os").environ["THREETARGETS_STARTS"], flush=True)
sys.stdin.read()
"""


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A very small study with one trained model."""
    made = tmp_path_factory.mktemp("study")
    values = micro()
    values["guidance"]["cells"] = []
    (made / "p.yaml").write_text(yaml.safe_dump(values))
    values["sampling"] |= {"steps": 5000, "images": 60, "batch": 1}
    (made / "long.yaml").write_text(yaml.safe_dump(values | {"study": "long"}))
    for command in (["prepare"], ["train", "--cell", CELL, "--seed", "0"]):
        for params in ("p.yaml", "long.yaml"):
            assert run(made, *command, "--params", params, place=None).returncode == 0
    return made


@contextlib.contextmanager
def begun() -> Iterator[str]:
    """A process that has a server, as Snakemake has one; where it listens."""
    parent = subprocess.Popen(
        [sys.executable, "-c", BEGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin and parent.stdout
    place = parent.stdout.readline().strip()
    until(Path(place).exists)
    try:
        yield place
    finally:
        parent.stdin.close()
        parent.wait(timeout=60)


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with begun() as where:
        yield where


def environment(place: str | None) -> dict[str, str]:
    outside = (client.SOCKET, "SLURM_JOB_ID")
    own = {k: v for k, v in os.environ.items() if k not in outside}
    return own | ({client.SOCKET: place} if place else {})


def run(folder: Path, *words: str, place: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words],
        cwd=folder,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def forks(place: str) -> list[int]:
    """The jobs that a server has forked and that still run."""
    folders = [f for f in Path("/proc").glob("[0-9]*") if place in _words(f)]
    parents = {int(f.name) for f in folders}
    return sorted(int(f.name) for f in folders if _parent(f) in parents)


def _words(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (folder / "cmdline").read_text().split("\0")
    return []


def _parent(folder: Path) -> int:
    with contextlib.suppress(OSError):
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def figures(path: Path) -> Any:
    record = json.loads(path.read_text())
    return (
        record["identity"],
        record["curves"],
        [f for f in record["figures"] if "second" not in f["metric"]],
    )


@pytest.mark.parametrize("stage", ["sample", "likelihood"])
def test_the_same_figures_and_images(folder: Path, place: str, stage: str) -> None:
    words = [stage, "--params", "p.yaml", "--cell", CELL, "--seed", "0"]
    at = folder / "results/micro/runs" / CELL / "seed0"

    def made() -> dict[str, Any]:
        whole = {p.name: p.read_bytes() for p in at.rglob("*.npz")}
        return whole | {p.name: figures(p) for p in at.rglob(f"{stage}.json")}

    results = []
    for where in (None, place):
        for path in [*at.rglob(f"{stage}.json"), *at.rglob("*.npz")]:
            path.unlink()
        done = run(folder, *words, place=where)
        assert done.returncode == 0, done.stderr
        results.append(made())
    assert results[0] and results[0] == results[1]


@pytest.mark.parametrize(
    "words, code",
    [
        (["sample", "--cell", "nobody", "--seed", "0", "--params", "p.yaml"], 2),
        (["likelihood", "--cell", "vae", "--seed", "0", "--params", "nowhere.yaml"], 4),
        (["likelihood", "--cell", "vae", "--seed", "0", "--params", "p.yaml"], 4),
        (["evaluate", "--cell"], 2),
    ],
)
def test_the_same_mistakes(folder: Path, place: str, words: list[str], code: int) -> None:
    own, forked = (run(folder, *words, place=where) for where in (None, place))
    assert own.returncode == forked.returncode == code, (own.stderr, forked.stderr)
    assert (own.stdout, own.stderr) == (forked.stdout, forked.stderr)


@contextlib.contextmanager
def sampling(folder: Path, place: str, ignored: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """A command whose job takes a minute and more, and that has begun."""

    def as_started() -> None:
        for number in client.PASSED_ON:
            signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)

    command = subprocess.Popen(
        [COMMAND, "sample", "--params", "long.yaml", "--cell", CELL, "--seed", "0"],
        cwd=folder,
        env=environment(place),
        stderr=subprocess.DEVNULL,
        preexec_fn=as_started,
    )
    with command:
        try:
            until(lambda: forks(place))
            time.sleep(1)
            yield command
        finally:
            command.kill()
    until(lambda: not forks(place))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_job_ends_with_its_command(folder: Path, place: str, number: signal.Signals) -> None:
    with sampling(folder, place) as command:
        command.send_signal(number)
        assert command.wait(timeout=60) != 0
        if number != signal.SIGINT:  # the command line makes an exit code of that one
            assert command.returncode == -number
        until(lambda: not forks(place))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_job_ignores_what_its_command_ignores(
    folder: Path, place: str, number: signal.Signals
) -> None:
    """In the background of a shell, and under nohup."""
    with sampling(folder, place, ignored=number) as command:
        command.send_signal(number)
        time.sleep(1)
        assert command.poll() is None and forks(place)


def test_a_server_ends_with_the_process_that_began_it_and_leaves_nothing() -> None:
    with begun() as place:
        assert len([f for f in Path("/proc").glob("[0-9]*") if place in _words(f)]) == 1
    until(lambda: not Path(place).parent.exists())
    until(lambda: not [f for f in Path("/proc").glob("[0-9]*") if place in _words(f)])


@pytest.mark.parametrize(
    "change, taken",
    [
        ({}, True),
        ({"python": "/other/python"}, False),
        ({"code": "/other/threetargets"}, False),
        ({"arguments": ["sample", "--threads", "2"]}, False),
        ({"arguments": ["sample", "--threads=2"]}, False),
        ({"arguments": ["sample", "--threads", "1"]}, True),
    ],
)
def test_only_what_would_run_the_same_is_taken(
    tmp_path: Path, change: dict[str, Any], taken: bool
) -> None:
    one = server.Server(tmp_path / "socket")
    with one.listener:
        assert one.same(client.request(["sample"]) | change) == taken


def test_a_command_that_dies_before_it_speaks_does_not_end_the_server(
    folder: Path, place: str
) -> None:
    for words in (b"", client.LENGTH.pack(100) + b"{", client.LENGTH.pack(2) + b"{}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(place)
            link.sendall(words)
    done = run(folder, "sample", "--help", place=place)
    assert done.returncode == 0 and Path(place).exists()


def test_edited_code_is_not_what_the_server_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = server.Server(tmp_path / "socket")
    with one.listener:
        monkeypatch.setattr(server, "code_as_it_is", lambda: (("an edited file", 1),))
        assert not one.same(client.request(["sample"]))


def test_who_starts_by_itself(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server, with one that is gone, another stage, and a job of Slurm."""
    monkeypatch.delenv(client.SOCKET, raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert client.hand_over(["sample"]) is None
    monkeypatch.setenv(client.SOCKET, str(tmp_path / "gone"))
    assert client.hand_over(["sample"]) is None
    monkeypatch.setenv(client.SOCKET, place)
    assert client.hand_over([]) is client.hand_over(["prepare", "--help"]) is None
    assert client.hand_over(["sample", "--help"]) == 0
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert client.hand_over(["sample", "--help"]) is None
