"""The process from which jobs are forked: `python -m threetargets.cli.server SOCKET`."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from threetargets.cli.client import CODE, LENGTH, PASSED_ON, SOCKET, STAGES

PACKAGE = Path(__file__).parents[1]
ANSWER_SECONDS = 10.0  # for a command to say what it wants
POLL_SECONDS = 1.0  # between looks at whether Snakemake still runs


def begin() -> None:
    """Start a server for the commands that this process will start. It ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="threetargets-"))  # of this user alone
    command = [sys.executable, "-m", __name__, str(folder / "socket")]
    nowhere = subprocess.DEVNULL
    # A session of its own: a signal to Snakemake's group reaches a job once, by its command.
    subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
    os.environ[SOCKET] = str(folder / "socket")


def code_as_it_is() -> tuple[tuple[str, int], ...]:
    """The package's files and their dates: code that was edited since is not what is imported."""
    return tuple(sorted((str(p), p.stat().st_mtime_ns) for p in PACKAGE.rglob("*.py")))


class Server:
    """Answers commands until the process that started it has ended."""

    def __init__(self, place: Path):
        self.code, self.ready, self.parent = code_as_it_is(), False, os.getppid()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(place))
        self.listener.listen(128)
        self.listener.settimeout(POLL_SECONDS)

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a job tells its command how it ended
        while os.getppid() == self.parent:
            with contextlib.suppress(TimeoutError):
                link, _ = self.listener.accept()
                # One that died before it had said what it wants; the next is answered.
                with link, contextlib.suppress(OSError, ValueError, LookupError, struct.error):
                    self.take(link)

    def take(self, link: socket.socket) -> None:
        """Fork the job that is asked for, or decline."""
        link.settimeout(ANSWER_SECONDS)
        wanted, streams = _read(link)
        try:
            if not self.same(wanted):
                link.sendall(b"n")
                return
            if not self.ready:
                prepare()
                self.ready = True
            link.sendall(b"y")
            if os.fork() == 0:
                self.listener.close()
                _become(wanted, streams, link)
        finally:
            for stream in streams:
                os.close(stream)

    def same(self, wanted: dict[str, Any]) -> bool:
        """Whether a start of its own would run the same code with the same interpreter and threads:
        those of numerical libraries are set for good when they are loaded."""
        words = " ".join(wanted["arguments"])
        threads = re.findall(r"--threads[ =](\S*)", words)
        own = (str(PACKAGE), sys.executable)
        return (
            (wanted["code"], wanted["python"]) == own
            and set(threads) <= {"1"}
            and self.code == code_as_it_is()
        )


def _read(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, streams, *_ = socket.recv_fds(link, LENGTH.size, 3)
    (length,) = LENGTH.unpack(head)
    with link.makefile("rb") as file:
        wanted: dict[str, Any] = json.loads(file.read(length))
    return wanted, streams


def prepare() -> None:
    """Import what jobs import, and start no thread: those would be missing in the fork."""
    from threetargets.cli.app import limit_threads

    limit_threads(1)
    for stage in STAGES:
        import_module(f"threetargets.stages.{stage}")
    gc.collect()
    gc.freeze()  # the forks share these pages


def _become(wanted: dict[str, Any], streams: list[int], link: socket.socket) -> NoReturn:
    """Be the job: the command's streams, folder and environment, then its exit code."""
    code = 1
    try:
        _dispose(wanted["ignored"])
        for own, stream in enumerate(streams):
            os.dup2(stream, own)
        os.chdir(wanted["folder"])
        os.umask(wanted["umask"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        os.environ.pop(SOCKET)
        sys.argv = ["threetargets", *wanted["arguments"]]
        link.settimeout(None)
        threading.Thread(target=_follow, args=[link], daemon=True).start()
        code = _run()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        with contextlib.suppress(OSError):
            link.sendall(CODE.pack(code))
        os._exit(code)


def _dispose(ignored: list[int]) -> None:
    """What signals do in a job, as in one that its command had started itself."""
    for number in (*PASSED_ON, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    if signal.SIGINT not in ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _run() -> int:
    from threetargets.cli import main

    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


def _follow(link: socket.socket) -> None:
    """Signals that the command passes on; and its end, which is this job's end."""
    while True:
        try:
            numbers = link.recv(1)
        except OSError:
            numbers = b""
        os.kill(os.getpid(), numbers[0] if numbers else signal.SIGKILL)


def run(place: Path) -> None:
    try:
        Server(place).serve()
    finally:
        shutil.rmtree(place.parent, ignore_errors=True)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
