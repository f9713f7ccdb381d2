"""One training in several processes of one machine, by `accelerate launch`.

The launcher answers 1 whatever its processes said, so the first of them leaves its own exit code in
a file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

CODE = "THREETARGETS_EXIT_CODE"


def launched() -> bool:
    """Whether this is one of several processes."""
    return CODE in os.environ or "LOCAL_RANK" in os.environ


def first() -> bool:
    return os.environ.get("RANK", "0") == "0"


def leave(code: int) -> NoReturn:
    """End with this exit code, and tell whoever launched."""
    if first() and CODE in os.environ:
        Path(os.environ[CODE]).write_text(str(code), encoding="utf-8")
    sys.exit(code)


def together(processes: int, threads: int) -> int:
    """Run the present command line in `processes` processes of `threads` threads each; the first
    one's exit code.

    Signals are passed on: the processes save and end as one process does.
    """
    command = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--num_processes",
        str(processes),
    ]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    command += ["--num_cpu_threads_per_process", str(threads), "--main_process_port", "0"]
    # --multi_gpu is torchrun's launcher, on processors too (gloo); --cpu would start one process.
    command += ["--multi_gpu", "--module", "threetargets", *sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        child = subprocess.Popen(
            command, env=os.environ | {CODE: str(code)}, start_new_session=True
        )
        before = {
            s: signal.signal(s, lambda number, _: child.send_signal(number))
            for s in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            status = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return int(code.read_text(encoding="utf-8")) if code.exists() else status
