"""What a finished training leaves in its folder, and when it goes."""

from __future__ import annotations

import contextlib
from pathlib import Path

from threetargets.errors import CannotWrite
from threetargets.training.lock import hold


def clear(folder: Path) -> None:
    """Remove a finished training's checkpoint and journal, unless another training of the run is
    under way."""
    if folder.exists():
        with contextlib.suppress(CannotWrite), hold(folder):
            for name in ("checkpoint.safetensors", "journal.jsonl"):
                (folder / name).unlink(missing_ok=True)
