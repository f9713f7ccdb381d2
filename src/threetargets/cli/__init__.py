"""The command line. A user's mistake is one line and an exit code of its own."""

from __future__ import annotations

import errno
import os
import sys

from threetargets.cli.client import hand_over
from threetargets.errors import CannotWrite, UserError

# Nothing here sends usage data anywhere; libraries that would, and any process that a stage starts,
# are told not to.
SILENCE = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
UNWRITABLE = (
    errno.EACCES,
    errno.EPERM,
    errno.ENOSPC,
    errno.EROFS,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENOTDIR,
    errno.EISDIR,
)


def _say(line: str) -> None:
    """One line on stderr, which may itself be on a full disk: then the exit code has to say it."""
    try:
        print(f"threetargets: {line}", file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123  the old one would fail again at the exit


def main() -> None:
    """Run the command line's subcommand, or have it run by a process that is ready for it."""
    for variable, value in SILENCE.items():
        os.environ.setdefault(variable, value)
    code = hand_over(sys.argv[1:])
    if code is not None:
        sys.exit(code)
    from threetargets.cli import stages, tools  # noqa: F401  the subcommands
    from threetargets.cli.app import app

    try:
        app()
    except UserError as error:
        from threetargets.training import launch

        if launch.first():
            _say(str(error))
        launch.leave(error.exit_code)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _say(f"{error.filename or 'file'}: {error.strerror or error}")
        sys.exit(CannotWrite.exit_code)
