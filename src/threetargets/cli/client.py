"""Hand a command to the server, if there is one.

The jobs of a run of Snakemake are forked from a process that has torch and the stages imported,
where each would else import them, and many for longer than they measure. A job stays a process of
its own, with its own exit code, log and end: a signal to the command reaches it, and it does not
outlive the command. Where there is no server, or it would not run the same code with the same
interpreter, a command starts by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

SOCKET = "THREETARGETS_STARTS"
"""Variable of the environment: where the server listens."""
STAGES = ("train", "sample", "likelihood", "evaluate", "experiment")
CODE = struct.Struct("!i")
LENGTH = struct.Struct("!I")
SECONDS = 60.0  # for the server to import everything
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def request(arguments: list[str]) -> dict[str, object]:
    """What a job takes over from the command."""
    return {
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "umask": _umask(),
        "ignored": _ignored(),
        "code": str(Path(__file__).parents[1]),
        "python": sys.executable,
    }


def _ignored() -> list[int]:
    """By a command under nohup, or in the background of a shell."""
    return [number for number in PASSED_ON if signal.getsignal(number) is signal.SIG_IGN]


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def hand_over(arguments: list[str]) -> int | None:
    """The exit code of the command, run by the server; None where it has to be run here: without a
    server, for another stage, where the server declines, and in a job of Slurm, whose limits hold
    for its own processes."""
    place = os.environ.get(SOCKET, "")
    if not place or not arguments or arguments[0] not in STAGES or "SLURM_JOB_ID" in os.environ:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        text = json.dumps(request(arguments)).encode()
        try:
            link.settimeout(SECONDS)
            link.connect(place)
            socket.send_fds(link, [LENGTH.pack(len(text))], [0, 1, 2])
            link.sendall(text)
            taken = link.recv(1) == b"y"
        except OSError:
            return None
        return _wait(link) if taken else None


def _wait(link: socket.socket) -> int:
    link.settimeout(None)
    with _passing_on(link) as caught, contextlib.suppress(ConnectionError):
        answer = link.recv(CODE.size, socket.MSG_WAITALL)
        if len(answer) == CODE.size:
            return int(CODE.unpack(answer)[0])
    if caught:  # it died of the signal, and so does this
        signal.signal(caught[-1], signal.SIG_DFL)
        os.kill(os.getpid(), caught[-1])
    print("threetargets: the job was killed, perhaps for its memory", file=sys.stderr)
    return 128 + signal.SIGKILL


@contextlib.contextmanager
def _passing_on(link: socket.socket) -> Iterator[list[int]]:
    caught: list[int] = []

    def handler(number: int, _: object) -> None:
        caught.append(number)
        with contextlib.suppress(OSError):
            link.send(bytes([number]))

    heard = set(PASSED_ON) - set(_ignored())
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield caught
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)
